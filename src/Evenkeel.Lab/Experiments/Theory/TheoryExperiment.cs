namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// What the experiments of lesson K share: its page, and seed 1 (the lesson names none; lessons A and B use 1).
/// </summary>
internal abstract class TheoryExperiment : Experiment
{
    public sealed override string Page => $"docs/lessons/k-theory.md#{Name}";

    public sealed override long LessonSeed => 1;
}

/// <summary>
/// Small measures over tensors and lists; sums run in index order in double, so their bits depend on nothing else.
/// </summary>
internal static class TheoryMath
{
    /// <summary>Largest |a - b|, NaN where one is.</summary>
    public static double LargestDifference(Tensor a, Tensor b) => (a.To(DType.Float64) - b.To(DType.Float64)).Abs()
        .Max().Item();

    /// <summary>Largest |x|.</summary>
    public static double Largest(Tensor x) => x.To(DType.Float64).Abs().Max().Item();

    /// <summary>Euclidean norm of all values.</summary>
    public static double Norm(Tensor x)
    {
        double sum = 0;
        foreach (double value in x.To(DType.Float64).AsSpan<double>()) sum += value * value;
        return Math.Sqrt(sum);
    }

    /// <summary>
    /// Natural logarithm, with the same bits on every system, which those of <see cref="Math"/> need not have.
    /// </summary>
    public static double Log(double x) => Tensor.From([x]).Log().Item();

    /// <summary>e to the power of x, with the same bits on every system.</summary>
    public static double Exp(double x) => Tensor.From([x]).Exp().Item();

    /// <summary>Share of samples whose largest score is that of their class.</summary>
    public static double ShareRight(Tensor scores, ReadOnlySpan<long> labels)
    {
        long[] predicted = scores.ArgMax(1).ToArray<long>();
        int right = 0;
        for (int i = 0; i < predicted.Length; i++) right += predicted[i] == labels[i] ? 1 : 0;
        return (double)right / predicted.Length;
    }

    /// <summary>
    /// Squared correlation of two lists: the share of the variance of one that a straight line of the other explains.
    /// </summary>
    public static double SquaredCorrelation(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        (_, _, double xx, double yy, double xy) = Moments(x, y);
        return xy * xy / (xx * yy);
    }

    /// <summary>The straight line of least squares through the points (x, y).</summary>
    public static (double Slope, double At0) Line(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        (double meanX, double meanY, double xx, _, double xy) = Moments(x, y);
        return (xy / xx, meanY - (xy / xx * meanX));
    }

    /// <summary>Means of two lists, and the sums of the products of their deviations.</summary>
    private static (double MeanX, double MeanY, double XX, double YY, double XY) Moments(ReadOnlySpan<double> x,
        ReadOnlySpan<double> y)
    {
        double meanX = 0, meanY = 0, xx = 0, yy = 0, xy = 0;
        for (int i = 0; i < x.Length; i++)
        {
            meanX += x[i];
            meanY += y[i];
        }

        meanX /= x.Length;
        meanY /= y.Length;
        for (int i = 0; i < x.Length; i++)
        {
            xx += (x[i] - meanX) * (x[i] - meanX);
            yy += (y[i] - meanY) * (y[i] - meanY);
            xy += (x[i] - meanX) * (y[i] - meanY);
        }

        return (meanX, meanY, xx, yy, xy);
    }
}
