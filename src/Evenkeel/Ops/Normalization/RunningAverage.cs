namespace Evenkeel;

/// <summary>Which variance of a batch of m values per channel goes into the running one; the normalization itself always uses the biased one.</summary>
public enum VarianceEstimator
{
    /// <summary>Σ(x-mean)²/(m-1), Bessel's correction: PyTorch.</summary>
    Unbiased,

    /// <summary>Σ(x-mean)²/m: the paper's notebook forms (CS231n, D2L), Keras, ONNX.</summary>
    Biased,
}

/// <summary>
/// How running statistics follow the batches' statistics. Libraries disagree about what the number called momentum weighs, so a convention enters by name.
/// </summary>
/// <example><c>new BatchNorm1d(100, RunningAverage.Keep(0.9))</c> keeps nine tenths of the old value, as <c>new BatchNorm1d(100, momentum: 0.1)</c> does.</example>
public readonly record struct RunningAverage
{
    /// <summary>running ← (1 - momentum)·running + momentum·new: PyTorch's convention, <paramref name="momentum"/> weighs the new value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not in [0, 1].</exception>
    public static RunningAverage Torch(double momentum = 0.1) => new() { WeightOfNew = Check(momentum, nameof(momentum)), InitialVariance = 1 };

    /// <summary>running ← weight·running + (1 - weight)·new: the convention of Keras, Flax, ONNX, CS231n and D2L, where the number weighs the old value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not in [0, 1].</exception>
    public static RunningAverage Keep(double weightOfOld) => new() { WeightOfNew = 1 - Check(weightOfOld, nameof(weightOfOld)), InitialVariance = 1 };

    /// <summary>The mean over all batches seen, each with the same weight: PyTorch's <c>momentum=None</c>.</summary>
    public static RunningAverage Cumulative => new() { IsCumulative = true, InitialVariance = 1 };

    /// <summary>The notebook's: <c>Keep(0.9)</c>, the biased variance, and start values 0 and 0 (PyTorch starts at 0 and 1).</summary>
    public static RunningAverage Cs231n => Keep(0.9) with { Estimator = VarianceEstimator.Biased, InitialVariance = 0 };

    /// <summary>The weight of the new value, in [0, 1]; not used where <see cref="IsCumulative"/>.</summary>
    public double WeightOfNew { get; private init; }

    /// <summary>True for the plain mean over all batches.</summary>
    public bool IsCumulative { get; private init; }

    /// <summary>The variance that is tracked; unbiased unless said otherwise.</summary>
    public VarianceEstimator Estimator { get; init; }

    /// <summary>The running variance before the first batch: 1 (PyTorch, Keras) or 0 (CS231n). The running mean starts at 0.</summary>
    public double InitialVariance { get; init; }

    /// <summary>The weight of the new value in update number <paramref name="update"/> (1 is the first).</summary>
    internal double WeightAt(long update) => IsCumulative ? 1.0 / update : WeightOfNew;

    /// <summary>The convention in its own words.</summary>
    public override string ToString()
    {
        string text = IsCumulative ? "None" : WeightOfNew.ToString("G6");
        return Estimator == VarianceEstimator.Biased ? text + ", variance=biased" : text;
    }

    private static double Check(double weight, string name) => weight is >= 0 and <= 1
        ? weight
        : throw new ArgumentOutOfRangeException(name, $"RunningAverage: expected a weight from 0 to 1, got {weight}. PyTorch's momentum 0.1 is Torch(0.1) or Keep(0.9).");
}
