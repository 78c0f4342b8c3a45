namespace Evenkeel.Workbench.Diagnoses;

/// <summary>
/// A common axis for values of many layers, from 0 to 1: logarithmic with zero at the left end, or the inverse
/// hyperbolic sine, which is linear near 0 and logarithmic far from it.
/// </summary>
internal sealed class CommonAxis
{
    /// <summary>So far below the largest value a logarithmic axis ends; what is smaller stands at its left end.
    /// </summary>
    private const double MostDecades = 12;

    private readonly bool _isLogarithmic;
    private readonly double _least, _most;

    private CommonAxis(bool isLogarithmic, double least, double most) =>
        (_isLogarithmic, _least, _most) = (isLogarithmic, least, most);

    /// <summary>The powers of ten on the axis, with their places; those of both signs on a symmetric one.</summary>
    public IReadOnlyList<(double Place, double Value)> Ticks
    {
        get
        {
            int low = _isLogarithmic ? (int)Math.Ceiling(_least) : 0;
            int high = (int)Math.Floor(_isLogarithmic ? _most : Math.Log10(Math.Sinh(_most)));
            // At most seven lines: every power, or every second or third.
            int step = Math.Max(1, (int)Math.Ceiling((high - low) / 6.0));
            IEnumerable<double> powers = Enumerable.Range(low, Math.Max(0, high - low + 1))
                .Where(power => power % step == 0).Select(static power => Math.Pow(10, power));
            if (!_isLogarithmic) powers = [.. powers.SelectMany(static power => (double[])[-power, power]), 0];
            return [.. powers.Select(power => (Place(power)!.Value, power))];
        }
    }

    /// <summary>An axis for positive values. Zeros, negative and not finite values do not stretch it.</summary>
    public static CommonAxis Logarithmic(IEnumerable<double> values)
    {
        double[] logarithms = [.. values.Where(static value => value > 0 && double.IsFinite(value)).Select(Math.Log10)];
        if (logarithms.Length == 0) return new CommonAxis(true, -1, 1);
        double most = logarithms.Max(), least = Math.Max(logarithms.Min(), most - MostDecades);
        // Half a decade more at each end: one value alone stands in the middle, and zero has a place of its own.
        return new CommonAxis(true, least - 0.5, most + 0.5);
    }

    /// <summary>An axis for values of both signs, with 0 in the middle and at least from -3 to 3.</summary>
    public static CommonAxis Symmetric(IEnumerable<double> values)
    {
        double most = values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        return new CommonAxis(false, -Math.Asinh(Math.Max(3, most) * 1.05), Math.Asinh(Math.Max(3, most) * 1.05));
    }

    /// <summary>The place of a value from 0 to 1; null if it is not finite.</summary>
    public double? Place(double value)
    {
        if (!double.IsFinite(value)) return null;
        double at = !_isLogarithmic ? Math.Asinh(value) : value > 0 ? Math.Log10(value) : double.NegativeInfinity;
        return Math.Clamp((at - _least) / (_most - _least), 0, 1);
    }
}
