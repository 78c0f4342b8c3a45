namespace Evenkeel.Nn;

/// <summary>Settings as Python prints them, for printouts that read like PyTorch's.</summary>
internal static class Repr
{
    public static string Bool(bool value) => value ? "True" : "False";

    public static string Number(double value)
    {
        string text = value.ToString("R").ToLowerInvariant();
        return text.AsSpan().ContainsAny(".en") ? text : text + ".0";
    }
}
