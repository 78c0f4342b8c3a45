using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The negative log-likelihood of class labels: the weighted mean of -x[label] over the batch, where x are
/// log-probabilities, as a model gives that ends with a log-softmax. Semantics of <c>torch.nn.NLLLoss</c>.
/// <see cref="CrossEntropyLoss"/> takes the scores themselves.
/// </summary>
public sealed class NLLLoss : Loss
{
    private readonly Tensor? _weight;

    /// <summary>Makes the loss.</summary>
    /// <param name="weight">
    /// C weights of the classes, finite and not negative; they are copied. Default: null, all are 1.
    /// </param>
    /// <param name="ignoreIndex">
    /// Labels with this number do not count. Default: -100, which is the number of no class.
    /// </param>
    /// <exception cref="ArgumentException">The weights are not C numbers from 0 on.</exception>
    public NLLLoss(Tensor? weight = null, long ignoreIndex = -100)
    {
        _weight = ClassWeights.Copy("NLLLoss", weight);
        IgnoreIndex = ignoreIndex;
    }

    /// <summary>A copy of the weights of the classes; null if all are 1.</summary>
    public Tensor? Weight => _weight?.Clone();

    /// <summary>Labels with this number do not count.</summary>
    public long IgnoreIndex { get; }

    /// <summary><see cref="TargetKind.ClassLabels"/>.</summary>
    public override TargetKind Targets => TargetKind.ClassLabels;

    /// <summary>
    /// The loss of log-probabilities (N, C) or (N, C, d1, ...) for labels (N) or (N, d1, ...) of
    /// <see cref="DType.Int64"/>, each from 0 to C-1.
    /// </summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return prediction.NegativeLogLikelihood(target, _weight, IgnoreIndex);
    }

    /// <summary><see cref="Accuracy"/>.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() => [new Accuracy(IgnoreIndex)];

    /// <inheritdoc/>
    public override string ToString() => "NLLLoss(" + string.Join(", ", new[]
    {
        _weight is null ? null : $"weight: {_weight.Count} classes",
        IgnoreIndex == -100 ? null : $"ignoreIndex: {IgnoreIndex}",
    }.Where(static option => option is not null)) + ")";
}
