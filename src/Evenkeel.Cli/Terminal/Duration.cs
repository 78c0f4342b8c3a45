namespace Evenkeel.Cli.Terminal;

/// <summary>Times as people say them.</summary>
internal static class Duration
{
    /// <summary><c>4.2 s</c>, <c>42 s</c>, <c>3 min 20 s</c>, <c>2 h 5 min</c>.</summary>
    public static string Text(double seconds)
    {
        if (seconds < 10) return $"{seconds:0.0} s";
        long whole = (long)Math.Round(seconds);
        if (whole < 60) return $"{whole} s";
        return whole < 3600 ? $"{whole / 60} min {whole % 60} s" : $"{whole / 3600} h {whole % 3600 / 60} min";
    }
}
