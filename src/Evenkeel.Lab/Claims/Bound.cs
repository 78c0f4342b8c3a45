using System.Globalization;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Claims;

/// <summary>Where an effect must lie for a claim to hold: a range of numbers, written down before the run.</summary>
internal sealed record Bound
{
    private readonly bool _isOpen;

    private Bound(double low, double high, bool isOpen) => (Low, High, _isOpen) = (low, high, isOpen);

    /// <summary>Lower end; negative infinity where there is none.</summary>
    public double Low { get; }

    /// <summary>Upper end; infinity where there is none.</summary>
    public double High { get; }

    /// <summary>x > threshold.</summary>
    public static Bound Above(double threshold) => new(threshold, double.PositiveInfinity, isOpen: true);

    /// <summary>x &lt; threshold.</summary>
    public static Bound Below(double threshold) => new(double.NegativeInfinity, threshold, isOpen: true);

    /// <summary>x >= threshold.</summary>
    public static Bound AtLeast(double threshold) => new(threshold, double.PositiveInfinity, isOpen: false);

    /// <summary>x &lt;= threshold.</summary>
    public static Bound AtMost(double threshold) => new(double.NegativeInfinity, threshold, isOpen: false);

    /// <summary>low &lt;= x &lt;= high.</summary>
    public static Bound Between(double low, double high) => new(low, high, isOpen: false);

    /// <summary>
    /// Holds where the whole interval is within the bound, fails where all of it is outside, else undecided.
    /// </summary>
    public Verdict Judge(Interval interval)
    {
        if (double.IsNaN(interval.Low) || double.IsNaN(interval.High)) return Verdict.Undecided;
        bool within = _isOpen ? interval.Low > Low && interval.High < High : interval.Low >= Low
            && interval.High <= High;
        if (within) return Verdict.Holds;
        bool outside = _isOpen ? interval.High <= Low || interval.Low >= High : interval.High < Low
            || interval.Low > High;
        return outside ? Verdict.Fails : Verdict.Undecided;
    }

    public override string ToString() =>
        double.IsInfinity(High) ? $"{(_isOpen ? "above" : "at or above")} {Text(Low)}"
        : double.IsInfinity(Low) ? $"{(_isOpen ? "below" : "at or below")} {Text(High)}"
        : $"between {Text(Low)} and {Text(High)}";

    private static string Text(double value) => value.ToString("g4", CultureInfo.InvariantCulture);
}
