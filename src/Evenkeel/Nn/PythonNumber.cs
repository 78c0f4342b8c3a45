using System.Globalization;

namespace Evenkeel.Nn;

/// <summary>Values in Python's spelling, for printouts that read like PyTorch's.</summary>
internal static class PythonNumber
{
    /// <summary>0.1, 1e-05, 3.0.</summary>
    public static string Format(double value)
    {
        if (double.IsNaN(value)) return "nan";
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int exponent = text.IndexOf('E', StringComparison.Ordinal);
        if (exponent < 0) return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
        int power = int.Parse(text.AsSpan(exponent + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return $"{text[..exponent]}e{(power < 0 ? '-' : '+')}{Math.Abs(power):00}";
    }

    /// <summary>True, False.</summary>
    public static string Format(bool value) => value ? "True" : "False";
}
