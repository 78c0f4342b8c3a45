namespace Evenkeel.Tests.Reference;

/// <summary>
/// Batch norm in plain double loops, over any channel axis and with a mask, whose running statistics follow by a rule
/// that the caller writes down: the twin that the conventions are compared with.
/// </summary>
internal sealed class NaiveBatchNorm(
    int channels, int axis, double eps, bool unbiased, double startMean, double startVariance,
    Func<double, double, int, double> follow)
{
    private int _batches;

    public double[] Mean { get; } = [.. Enumerable.Repeat(startMean, channels)];

    public double[] Variance { get; } = [.. Enumerable.Repeat(startVariance, channels)];

    /// <summary>One batch: the output, after which the running statistics have followed.</summary>
    public double[] Train(double[] x, int[] shape, double[]? gamma = null, double[]? beta = null, double[]? mask = null)
    {
        double[] count = new double[channels], mean = new double[channels], variance = new double[channels];
        for (int i = 0; i < x.Length; i++)
        {
            (int c, int position) = Place(i, shape);
            double w = mask?[position] ?? 1;
            count[c] += w;
            mean[c] += w * x[i];
        }

        for (int c = 0; c < channels; c++) mean[c] /= count[c];
        for (int i = 0; i < x.Length; i++)
        {
            (int c, int position) = Place(i, shape);
            variance[c] += (mask?[position] ?? 1) * (x[i] - mean[c]) * (x[i] - mean[c]) / count[c];
        }

        _batches++;
        for (int c = 0; c < channels; c++)
        {
            Mean[c] = follow(Mean[c], mean[c], _batches);
            Variance[c] = follow(
                Variance[c], unbiased ? variance[c] * count[c] / (count[c] - 1) : variance[c], _batches);
        }

        return Normalize(x, shape, mean, variance, gamma, beta);
    }

    /// <summary>With the running statistics.</summary>
    public double[] Eval(double[] x, int[] shape, double[]? gamma = null, double[]? beta = null) =>
        Normalize(x, shape, Mean, Variance, gamma, beta);

    private double[] Normalize(
        double[] x, int[] shape, double[] mean, double[] variance, double[]? gamma, double[]? beta)
    {
        double[] y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int c = Place(i, shape).Channel;
            y[i] = (x[i] - mean[c]) / Math.Sqrt(variance[c] + eps) * (gamma?[c] ?? 1) + (beta?[c] ?? 0);
        }

        return y;
    }

    /// <summary>
    /// The channel of an element, and its place among the positions (the indices without the channel's).
    /// </summary>
    private (int Channel, int Position) Place(int i, int[] shape)
    {
        if (shape.Length == 1) return (0, i);
        int channelAxis = axis < 0 ? axis + shape.Length : axis, after = 1;
        for (int d = channelAxis + 1; d < shape.Length; d++) after *= shape[d];
        int channel = i / after % shape[channelAxis];
        return (channel, i / after / shape[channelAxis] * after + i % after);
    }
}
