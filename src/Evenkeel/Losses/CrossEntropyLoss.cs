using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// Softmax cross-entropy. The target is class labels or probabilities: for labels, without options, the loss is the
/// mean over the batch of -log softmax(logits)[label]. Semantics of <c>torch.nn.CrossEntropyLoss</c>.
/// </summary>
/// <remarks>
/// Class weights make rare classes count: the mean is Σ w[label]·loss/Σ w[label], so weights of one size, whatever it
/// is, change nothing. <see cref="Tensor.CrossEntropy"/> has the formula with all options.
/// </remarks>
public sealed class CrossEntropyLoss : Loss
{
    private readonly Tensor? _weight;

    /// <summary>Makes the loss.</summary>
    /// <param name="weight">
    /// C weights of the classes, finite and not negative; they are copied. Default: null, all are 1.
    /// </param>
    /// <param name="ignoreIndex">
    /// Labels with this number do not count. Default: -100, which is the number of no class.
    /// </param>
    /// <param name="labelSmoothing">
    /// The share of the target, from 0 to 1, that is spread evenly over all classes. Default: 0.
    /// </param>
    /// <exception cref="ArgumentException">The weights are not C numbers from 0 on.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The smoothing is not from 0 to 1.</exception>
    public CrossEntropyLoss(Tensor? weight = null, long ignoreIndex = -100, double labelSmoothing = 0)
    {
        _weight = ClassWeights.Copy("CrossEntropyLoss", weight);
        IgnoreIndex = ignoreIndex;
        LabelSmoothing = labelSmoothing is >= 0 and <= 1
            ? labelSmoothing
            : throw new ArgumentOutOfRangeException(nameof(labelSmoothing), $"CrossEntropyLoss: expected a "
                + $"labelSmoothing from 0 to 1, got {labelSmoothing}. 0.1 is a common value; 0 is none.");
    }

    /// <summary>A copy of the weights of the classes; null if all are 1.</summary>
    public Tensor? Weight => _weight?.Clone();

    /// <summary>Labels with this number do not count.</summary>
    public long IgnoreIndex { get; }

    /// <summary>The share of the target that is spread evenly over all classes.</summary>
    public double LabelSmoothing { get; }

    /// <summary><see cref="TargetKind.ClassLabelsOrNumbers"/>: labels or probabilities.</summary>
    public override TargetKind Targets => TargetKind.ClassLabelsOrNumbers;

    /// <summary>
    /// The loss of logits (N, C) or (N, C, d1, ...) for labels (N) or (N, d1, ...) of <see cref="DType.Int64"/>, each
    /// from 0 to C-1, or for probabilities of the logits' shape and type.
    /// </summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        if (target.DType != DType.Int64) CheckValues(target, 0, double.MaxValue);
        return prediction.CrossEntropy(target, _weight, IgnoreIndex, LabelSmoothing);
    }

    /// <summary><see cref="Accuracy"/>.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() => [new Accuracy(IgnoreIndex)];

    /// <inheritdoc/>
    public override string ToString() => "CrossEntropyLoss(" + string.Join(", ", new[]
    {
        _weight is null ? null : $"weight: {_weight.Count} classes",
        IgnoreIndex == -100 ? null : $"ignoreIndex: {IgnoreIndex}",
        LabelSmoothing == 0 ? null : $"labelSmoothing: {LabelSmoothing}",
    }.Where(static option => option is not null)) + ")";
}

/// <summary>The weights that losses of class labels hold.</summary>
internal static class ClassWeights
{
    /// <summary>A copy without a gradient, checked; null for null.</summary>
    public static Tensor? Copy(string loss, Tensor? weight)
    {
        if (weight is null) return null;
        Tensor copy = weight.Detach();
        ClassLabels.CheckWeight(loss, copy.Count, copy);
        return copy;
    }
}
