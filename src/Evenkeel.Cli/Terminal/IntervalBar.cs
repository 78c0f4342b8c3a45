using Evenkeel.Lab.Claims;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Intervals against a bound as lines of text: where the effect must lie is shaded, the interval is a bar, thick within
/// the bound and thin outside, its mean a point. All cases share one axis.
/// </summary>
internal sealed class IntervalBar
{
    /// <summary>
    /// From this ratio on, positive values lie on a logarithmic axis: on another one most of them would be one point.
    /// </summary>
    private const double LogFrom = 50;

    /// <summary>What an axis shows beyond its outermost value, as a share of its length.</summary>
    private const double Margin = 0.1;

    private readonly Ink _ink;
    private readonly int _width;
    private readonly bool _isLog;
    private readonly double _low, _high;

    /// <summary>An axis that has room for all intervals and bounds.</summary>
    public IntervalBar(IReadOnlyList<JudgedCase> cases, int width, Ink ink)
    {
        (_width, _ink) = (width, ink);
        double[] values =
            [.. cases.SelectMany(static judged =>
                (double[])[judged.Interval.Mean, judged.Interval.Low, judged.Interval.High, judged.Bound.Low,
                    judged.Bound.High]).Where(double.IsFinite)];
        if (values.Length == 0) values = [0];
        _isLog = values.Min() > 0 && values.Max() / values.Min() >= LogFrom;
        (double low, double high) = (Place(values.Min()), Place(values.Max()));
        double length = high > low ? high - low : Math.Max(Math.Abs(high), 1);
        (_low, _high) = (low - (Margin * length), high + (Margin * length));
    }

    /// <summary>One case, as wide as the axis.</summary>
    public string Draw(JudgedCase judged)
    {
        Interval interval = judged.Interval;
        Bound bound = judged.Bound;
        (int from, int to) = (Column(bound.Low), Column(bound.High));
        char[] line = [.. Enumerable.Range(0, _width)
            .Select(i => i == from || i == to ? _ink.Edge : IsWithin(i) ? _ink.Shade : ' ')];
        if (double.IsFinite(interval.Low) && double.IsFinite(interval.High))
        {
            for (int i = Column(interval.Low); i <= Column(interval.High); i++) line[i] = i == from || i == to
                ? _ink.Cross : IsWithin(i) ? _ink.Bar : _ink.Rule;
        }

        if (double.IsFinite(interval.Mean)) line[Column(interval.Mean)] = _ink.Dot;
        return new string(line);

        bool IsWithin(int column) => column > from && column < to;
    }

    /// <summary>Column of a value; -1 and the width for the infinities.</summary>
    private int Column(double value) =>
        double.IsInfinity(value) ? (value < 0 ? -1 : _width)
        : Math.Clamp((int)Math.Round((Place(value) - _low) / (_high - _low) * (_width - 1)), 0, _width - 1);

    private double Place(double value) => _isLog ? Math.Log10(value) : value;
}
