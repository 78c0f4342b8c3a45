namespace Evenkeel.Nn;

/// <summary>Settings of poolings as PyTorch prints them: one number where both are the same, else a pair.</summary>
internal static class PoolText
{
    public static string Format(Size2 size) => size.Height == size.Width ? $"{size.Width}" : size.ToString();
}
