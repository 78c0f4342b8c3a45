namespace Evenkeel.Nn;

/// <summary>Settings of poolings as PyTorch prints them: one number if both are the same, otherwise a pair.</summary>
internal static class PoolText
{
    public static string Format(Size2 size) => size.Height == size.Width ? $"{size.Width}" : size.ToString();
}
