namespace Evenkeel.Training;

/// <summary>
/// The share of the samples whose highest score is that of their label, from 0 to 1.
/// </summary>
/// <remarks>
/// <para>Predictions are scores (N, C) or (N, C, d1, ...) with the classes along axis 1; targets are labels (N) or
/// (N, d1, ...) of type Int64, or probabilities of the scores' shape, of which the highest counts. Among equal scores
/// the first counts, and a NaN counts as the highest, as in NumPy's argmax.</para>
/// <para>One value per sample, (N) or (N, 1), is the logit of class 1: the class is 1 above 0. Targets are then labels
/// 0 and 1, or numbers from 0 to 1, which are class 1 above 0.5. <see cref="BinaryAccuracy"/> is the same for each of
/// several columns.</para>
/// </remarks>
/// <param name="ignoreIndex">Labels with this number do not count. Default: -100, as in the losses.</param>
public sealed class Accuracy(long ignoreIndex = -100) : Metric
{
    private readonly ClassReader _classes = new("Accuracy", ignoreIndex);
    private long _right, _counted;

    /// <summary><c>accuracy</c>.</summary>
    public override string Name => "accuracy";

    /// <inheritdoc/>
    public override void Reset()
    {
        _classes.Reset();
        _right = _counted = 0;
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        _classes.Read(prediction, target);
        ReadOnlySpan<int> predicted = _classes.Predicted, actual = _classes.Actual;
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] < 0) continue;
            _counted++;
            if (predicted[i] == actual[i]) _right++;
        }
    }

    /// <summary>Right answers by counted samples; NaN if none is counted.</summary>
    public override double Compute() => _counted == 0 ? double.NaN : (double)_right / _counted;
}
