namespace Evenkeel.Nn;

/// <summary>Settings of poolings as PyTorch prints them: a number where one was given, else a pair.</summary>
internal static class PoolText
{
    public static string Format((int Height, int Width) pair, bool asPair) => asPair ? $"({pair.Height}, {pair.Width})" : $"{pair.Width}";
}
