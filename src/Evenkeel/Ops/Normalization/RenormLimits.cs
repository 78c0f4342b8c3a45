using System.Globalization;

namespace Evenkeel;

/// <summary>
/// The limits of batch renormalization as they grow with the number of batches seen: plain batch norm at first (r = 1,
/// d = 0), then each limit rises along a straight line.
/// </summary>
/// <remarks>
/// Source: Ioffe, "Batch Renormalization", NeurIPS 2017, section 4: plain for 5000 steps, r to 3 at step 40,000, d to 5
/// at step 25,000. A short training needs a shorter schedule.
/// </remarks>
/// <example><c>RenormLimits.Paper with { PlainBatches = 100, RReachedAt = 800, DReachedAt = 500 }</c></example>
public sealed record RenormLimits
{
    private readonly long _plainBatches, _rReachedAt, _dReachedAt;
    private readonly double _r = 1, _d;

    /// <summary>The paper's schedule.</summary>
    public static RenormLimits Paper { get; } =
        new() { PlainBatches = 5_000, R = 3, RReachedAt = 40_000, D = 5, DReachedAt = 25_000 };

    /// <summary>The same limits from the first batch on; <c>Constant(1, 0)</c> is plain batch norm.</summary>
    /// <param name="r">1 or more.</param>
    /// <param name="d">0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is too small.</exception>
    public static RenormLimits Constant(double r, double d) => new() { R = r, D = d };

    /// <summary>Batches at the start that are plain batch norm.</summary>
    public long PlainBatches { get => _plainBatches; init => _plainBatches = Count(value, nameof(PlainBatches)); }

    /// <summary>What the limit of r rises to; 1 or more.</summary>
    public double R
    {
        get => _r;
        init => _r = Limit(value, 1, nameof(R), "r", "the scale");
    }

    /// <summary>Batches after which the limit of r is reached.</summary>
    public long RReachedAt { get => _rReachedAt; init => _rReachedAt = Count(value, nameof(RReachedAt)); }

    /// <summary>What the limit of d rises to; 0 or more.</summary>
    public double D
    {
        get => _d;
        init => _d = Limit(value, 0, nameof(D), "d", "the shift");
    }

    /// <summary>Batches after which the limit of d is reached.</summary>
    public long DReachedAt { get => _dReachedAt; init => _dReachedAt = Count(value, nameof(DReachedAt)); }

    /// <summary>The limit of r, 1 or more, after <paramref name="batches"/> batches.</summary>
    public double RMax(long batches) => 1 + (R - 1) * Risen(batches, RReachedAt);

    /// <summary>The limit of d, 0 or more, after <paramref name="batches"/> batches.</summary>
    public double DMax(long batches) => D * Risen(batches, DReachedAt);

    /// <summary>The limits in the end.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"r_max={R}, d_max={D}");

    /// <summary>From 0 to 1.</summary>
    private double Risen(long batches, long reachedAt) => batches < PlainBatches ? 0
        : batches >= reachedAt ? 1
        : (double)(batches - PlainBatches) / (reachedAt - PlainBatches);

    private static double Limit(double value, int least, string name, string factor, string plain) =>
        value >= least && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, $"RenormLimits: expected a finite limit of {factor} of "
                + $"{least} or more, got {value}. With {least} {plain} is plain batch norm's.");

    private static long Count(long value, string name) => value >= 0
        ? value
        : throw new ArgumentOutOfRangeException(
            name, $"RenormLimits: expected a number of batches of 0 or more for {name}, got {value}.");
}
