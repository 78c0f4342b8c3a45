using System.Globalization;
using System.Numerics;

namespace Evenkeel;

/// <summary>
/// The numbers that a tensor of a layer's or an optimizer's state can hold. Values that are loaded into it are checked
/// against the range.
/// </summary>
public enum StateRange
{
    /// <summary>All numbers, with NaN and infinities.</summary>
    Any,

    /// <summary>Finite numbers: a mean, a momentum.</summary>
    Finite,

    /// <summary>Finite numbers of 0 or more: a variance.</summary>
    Variance,

    /// <summary>Numbers of 0 or more, and infinity: the square of a large finite number may overflow.</summary>
    SecondMoment,

    /// <summary>Whole numbers from 0 to 2^53: a count of events.</summary>
    Count,
}

/// <summary>Checks values against a <see cref="StateRange"/>.</summary>
internal static class StateRanges
{
    /// <summary>The largest count. No real count is larger, and a count near long.MaxValue would overflow.</summary>
    public const long LargestCount = 1L << 53;

    /// <summary>
    /// The problem of values that are to be written, for example <c>, channel 3: expected a finite number of 0 or more,
    /// got -1E-05</c>; null if there is none.
    /// </summary>
    /// <param name="range">The allowed numbers.</param>
    /// <param name="given">The values before the conversion.</param>
    /// <param name="written">The same values in the type in which they are stored; the conversion may overflow.</param>
    /// <param name="place">The word for an element: <c>channel</c>, <c>element</c>.</param>
    public static string? Problem(StateRange range, Tensor given, Tensor written, string place)
    {
        int at = range == StateRange.Any ? -1 : written.DType switch
        {
            DType.Float32 => Find(range, written.AsSpan<float>()),
            DType.Float64 => Find(range, written.AsSpan<double>()),
            _ => Find(range, written.AsSpan<long>()),
        };
        if (at < 0) return null;
        string text = Text(given, at), after = Text(written, at);
        bool isConverted = text != after && given.DType != written.DType;
        string got = isConverted ? $"{text}, which is {after} in {written.DType}" : text;
        return $"{(written.Shape.Rank == 0 ? "" : $", {place} {at}")}: expected {Words(range)}, got {got}";
    }

    private static int Find<T>(StateRange range, ReadOnlySpan<T> values) where T : unmanaged, INumber<T>
    {
        for (int i = 0; i < values.Length; i++)
        {
            T value = values[i];
            bool allowed = range switch
            {
                StateRange.Finite => T.IsFinite(value),
                StateRange.Variance => T.IsFinite(value) && value >= T.Zero,
                StateRange.SecondMoment => value >= T.Zero,
                _ => value >= T.Zero && value <= T.CreateSaturating(LargestCount) && T.IsInteger(value),
            };
            if (!allowed) return i;
        }

        return -1;
    }

    private static string Words(StateRange range) => range switch
    {
        StateRange.Finite => "a finite number",
        StateRange.Variance => "a finite number of 0 or more",
        StateRange.SecondMoment => "a number of 0 or more",
        _ => "a whole number from 0 to 2^53",
    };

    private static string Text(Tensor tensor, int at) => tensor.DType switch
    {
        DType.Float32 => tensor.AsSpan<float>()[at].ToString(CultureInfo.InvariantCulture),
        DType.Float64 => tensor.AsSpan<double>()[at].ToString(CultureInfo.InvariantCulture),
        _ => tensor.AsSpan<long>()[at].ToString(CultureInfo.InvariantCulture),
    };
}
