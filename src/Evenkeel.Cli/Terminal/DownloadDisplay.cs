using System.Diagnostics;
using System.Globalization;
using Evenkeel.Data;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Bytes, rate and time left of a download on standard error: one line that changes on a terminal, a plain line every
/// few seconds elsewhere.
/// </summary>
internal sealed class DownloadDisplay : IProgress<DownloadProgress>
{
    private readonly bool _plain = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb";
    private readonly Stopwatch _sinceBegun = Stopwatch.StartNew(), _sinceShown = Stopwatch.StartNew();
    private string _file = "";
    private int _shown;

    public void Report(DownloadProgress value)
    {
        if (value.File != _file)
        {
            EndLine();
            _file = value.File;
            _sinceBegun.Restart();
            if (value.Resumed > 0) Line($"{value.File}: {Size(value.Resumed)} already downloaded, continuing");
        }

        bool done = value.Received == value.Total;
        if (!done && _sinceShown.Elapsed.TotalSeconds < (_plain ? 2 : 0.1)) return;
        _sinceShown.Restart();
        string text = Text(value, _sinceBegun.Elapsed.TotalSeconds);
        if (_plain) Line(text);
        else
        {
            Console.Error.Write("\r" + text.PadRight(_shown));
            _shown = text.Length;
            if (done) EndLine();
        }
    }

    /// <summary>Leaves the changing line.</summary>
    public void EndLine()
    {
        if (_shown > 0) Console.Error.WriteLine();
        _shown = 0;
    }

    /// <summary>For example <c>a.gz: 12.0 of 26.4 MB (45 %), 3.0 MB/s, 5 s left</c>.</summary>
    internal static string Text(DownloadProgress value, double seconds)
    {
        string text = $"{value.File}: {Size(value.Received)}";
        if (value.Total is { } total && total > 0) text += string.Create(CultureInfo.InvariantCulture,
            $" of {Size(total)} ({100 * value.Received / total} %)");
        double rate = (value.Received - value.Resumed) / Math.Max(seconds, 1e-3);
        if (rate < 1 || seconds < 0.2) return text;
        text += $", {Size((long)rate)}/s";
        return value.Total is { } all && all > value.Received ? $"{text}, {Time((all - value.Received) / rate)} " +
            "left" : text;
    }

    /// <summary>Decimal units, as downloads are advertised.</summary>
    internal static string Size(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:F1} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F1} GB"),
    };

    private static string Time(double seconds) => seconds < 90
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(seconds)} s")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(seconds / 60)} min");

    private static void Line(string text) => Console.Error.WriteLine(text);
}
