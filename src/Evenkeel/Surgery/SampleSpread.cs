namespace Evenkeel.Surgery;

/// <summary>
/// How much the mean and the variance of a channel differ between samples: the standard errors of both over a set.
/// </summary>
/// <remarks>
/// The values of one plane hang together, so a sample is one draw, however many values it has. With m the mean and v
/// the variance of a sample, the mean of the set is that of m, and its variance that of q = v + (m - mean)². Their
/// standard errors are √(Var(m)/N) and √(Var(q)/N) over N samples.
/// </remarks>
internal sealed class SampleSpread(int channels)
{
    private readonly double[] _pivot = new double[channels];
    private readonly double[] _d = new double[channels];
    private readonly double[] _dd = new double[channels];
    private readonly double[] _s = new double[channels];
    private readonly double[] _ss = new double[channels];
    private readonly double[] _sd = new double[channels];
    private readonly double[] _count = new double[channels];

    /// <summary>Adds the moments of a channel of one sample.</summary>
    public void Add(int channel, double mean, double variance)
    {
        if (_count[channel]++ == 0) _pivot[channel] = mean;
        double d = mean - _pivot[channel], s = variance + (d * d);
        _d[channel] += d;
        _dd[channel] += d * d;
        _s[channel] += s;
        _ss[channel] += s * s;
        _sd[channel] += s * d;
    }

    /// <summary>The standard errors of the mean and of the variance; infinite below two samples.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="samples">Samples that are draws of their own.</param>
    public (double Mean, double Variance) Errors(int channel, double samples)
    {
        double n = _count[channel];
        if (n < 2 || samples < 2) return (double.PositiveInfinity, double.PositiveInfinity);
        double d = _d[channel] / n, s = _s[channel] / n;
        double ofMean = Math.Max(0, (_dd[channel] / n) - (d * d)), ofSquare = Math.Max(0, (_ss[channel] / n) - (s * s));
        double both = (_sd[channel] / n) - (s * d);
        // q = s - 2·d·(m - pivot) + d², d the mean minus the pivot.
        double ofQ = Math.Max(0, ofSquare + (4 * d * d * ofMean) - (4 * d * both));
        return (Math.Sqrt(ofMean / (samples - 1)), Math.Sqrt(ofQ / (samples - 1)));
    }
}
