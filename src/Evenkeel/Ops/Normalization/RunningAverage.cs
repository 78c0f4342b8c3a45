using Evenkeel.Random;

namespace Evenkeel;

/// <summary>
/// Which variance of a batch of m values per channel goes into the running one; the normalization itself
/// always uses the biased one.
/// </summary>
public enum VarianceEstimator
{
    /// <summary>Σ(x-mean)²/(m-1), Bessel's correction: PyTorch.</summary>
    Unbiased,

    /// <summary>Σ(x-mean)²/m: Keras, Flax, ONNX.</summary>
    Biased,
}

/// <summary>
/// How running statistics follow the batches' statistics. Libraries disagree about what the number called momentum
/// weighs, so a convention enters by name.
/// </summary>
/// <remarks>
/// A layer's whole convention (this, eps, the channel axis, the ranks) is a <c>NormConvention</c>;
/// docs/conventions.md compares the libraries.
/// </remarks>
/// <example>
/// <c>new BatchNorm1d(100, RunningAverage.Keep(0.9))</c> keeps nine tenths of the old value, as
/// <c>new BatchNorm1d(100, momentum: 0.1)</c> does.
/// </example>
public readonly record struct RunningAverage
{
    /// <summary>
    /// running ← (1 - momentum)·running + momentum·new: PyTorch's convention,
    /// <paramref name="momentum"/> weighs the new value.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not in [0, 1].</exception>
    public static RunningAverage Torch(double momentum = 0.1) =>
        new() { WeightOfNew = Check(momentum, nameof(momentum)), InitialVariance = 1 };

    /// <summary>
    /// running ← weight·running + (1 - weight)·new: the convention of Keras, Flax and ONNX, where the
    /// number weighs the old value.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not in [0, 1].</exception>
    public static RunningAverage Keep(double weightOfOld) =>
        new() { WeightOfNew = 1 - Check(weightOfOld, nameof(weightOfOld)), InitialVariance = 1 };

    /// <summary>The mean over all batches seen, each with the same weight: PyTorch's <c>momentum=None</c>.</summary>
    public static RunningAverage Cumulative => new() { IsCumulative = true, InitialVariance = 1 };

    /// <summary>The weight of the new value, in [0, 1]; not used where <see cref="IsCumulative"/>.</summary>
    public double WeightOfNew { get; private init; }

    /// <summary>True for the plain mean over all batches.</summary>
    public bool IsCumulative { get; private init; }

    /// <summary>The variance that is tracked; unbiased unless said otherwise.</summary>
    public VarianceEstimator Estimator { get; init; }

    /// <summary>The running mean before the first batch: 0 in every library.</summary>
    public double InitialMean { get; init; }

    /// <summary>
    /// The running variance before the first batch: 1 in PyTorch, Keras and Flax; some code starts at 0.
    /// </summary>
    public double InitialVariance { get; init; }

    /// <summary>
    /// Batches after which half of what the running statistics were is still left, ln(1/2)/ln(weight of the old): 6.6
    /// for PyTorch's 0.1, 69 for Keras' 0.99. Infinite where nothing is ever forgotten (weight of the new 0, and the
    /// cumulative average), 0 where nothing is kept.
    /// </summary>
    public double HalfLife => BatchesUntil(0.5);

    /// <summary>
    /// Batches after which only <paramref name="share"/> of what the running statistics were is left,
    /// ln(share)/ln(weight of the old). With 0.01 it says how long a training must be before the start values
    /// no longer matter: 44 batches for PyTorch's 0.1, 458 for Keras' 0.99. The cumulative average has no
    /// trace of them after the first.
    /// </summary>
    /// <param name="share">What may be left, between 0 and 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not between 0 and 1.</exception>
    public double BatchesUntil(double share)
    {
        if (!(share is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(share),
                $"RunningAverage: expected a share between 0 and 1, got {share}. With 0.5 it is the half-life.");
        }

        if (IsCumulative || WeightOfNew == 0) return double.PositiveInfinity;
        return WeightOfNew == 1 ? 0 : ScalarMath.Log(share) / ScalarMath.Log(1 - WeightOfNew);
    }

    /// <summary>The weight of the new value in update number <paramref name="update"/> (1 is the first).</summary>
    internal double WeightAt(long update) => IsCumulative ? 1.0 / update : WeightOfNew;

    /// <summary>
    /// The average in words, with its half-life: <c>0.99 of the old and 0.01 of the new at each batch; half of the old
    /// is left after 69 batches, 1 % after 458; biased variance; from mean 0 and variance 1</c>.
    /// </summary>
    public string Describe()
    {
        string rule = this switch
        {
            { IsCumulative: true } => "the mean of all batches, each with the same weight",
            { WeightOfNew: 0 } => "the start values: no batch is followed",
            { WeightOfNew: 1 } => "the last batch alone",
            _ => $"{1 - WeightOfNew:G6} of the old and {WeightOfNew:G6} of the new at each batch; "
                + $"half of the old is left after {Batches(HalfLife)} batches, 1 % after {Batches(BatchesUntil(0.01))}",
        };
        string estimator = Estimator == VarianceEstimator.Biased ? "biased" : "unbiased";
        return $"{rule}; {estimator} variance; from mean {InitialMean} and variance {InitialVariance}";
    }

    /// <summary>The convention in its own words.</summary>
    public override string ToString()
    {
        string text = IsCumulative ? "None" : $"{WeightOfNew:G6}";
        return Estimator == VarianceEstimator.Biased ? text + ", variance=biased" : text;
    }

    private static string Batches(double count) => count < 10 ? $"{count:0.0}" : $"{count:0}";

    private static double Check(double weight, string name) => weight is >= 0 and <= 1
        ? weight
        : throw new ArgumentOutOfRangeException(name, $"RunningAverage: expected a weight from 0 to 1, got {weight}. "
            + $"Libraries weigh different things: PyTorch's momentum 0.1 weighs the new value, Torch(0.1); the 0.9 of "
            + $"CS231n, D2L and ONNX and the 0.99 of Keras and Flax weigh the old one, Keep(0.9) and Keep(0.99).");
}
