namespace Evenkeel.Tests;

/// <summary>
/// How far two results may be apart that differ by roundings alone. A unit is that of numbers near 1.
/// </summary>
internal static class Tolerances
{
    /// <summary>One or two operations in Float64: at most four units, 2^-52 = 2.2e-16 each.</summary>
    public const double Float64Ulps = 1e-15;

    /// <summary>A short formula in Float64: some tens of units, 2^-52 each.</summary>
    public const double Float64Steps = 1e-14;

    /// <summary>
    /// Sums of up to some hundred terms in Float64, added in two orders: some hundred units, 2^-52 each.
    /// </summary>
    public const double Float64Sums = 1e-13;

    /// <summary>
    /// A whole pass, or many updates, in Float64, computed in two ways: some thousand units, 2^-52 each.
    /// </summary>
    public const double Float64Roundoff = 1e-12;

    /// <summary>One rounding to Float32 of a number near 1: at most half a unit, 2^-24 = 6e-8.</summary>
    public const double Float32Rounding = 1e-7;

    /// <summary>One or two operations in Float32: at most two units, 2^-23 = 1.2e-7 each.</summary>
    public const double Float32Ulps = 2e-7;

    /// <summary>A short formula in Float32: about eight units, 2^-23 = 1.2e-7 each.</summary>
    public const double Float32Roundoff = 1e-6;

    /// <summary>A layer, or sums of some tens of terms, in Float32: about sixteen units, 2^-23 = 1.2e-7 each.</summary>
    public const double Float32Steps = 2e-6;

    /// <summary>
    /// Several layers, or sums of up to some hundred terms, in Float32: about eighty units, 2^-23 = 1.2e-7 each.
    /// </summary>
    public const double Float32Sums = 1e-5;
}
