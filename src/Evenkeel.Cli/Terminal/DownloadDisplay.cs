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
    private readonly ChangingLine _line = new();
    private readonly Stopwatch _sinceBegun = Stopwatch.StartNew();
    private string _file = "";

    public void Report(DownloadProgress value)
    {
        if (value.File != _file)
        {
            EndLine();
            _file = value.File;
            _sinceBegun.Restart();
            if (value.Resumed > 0)
                Console.Error.WriteLine($"{value.File}: {Size(value.Resumed)} already downloaded, continuing");
        }

        bool done = value.Received == value.Total;
        if (_line.IsDue(done)) _line.Show(Text(value, _sinceBegun.Elapsed.TotalSeconds));
        if (done) EndLine();
    }

    /// <summary>Leaves the changing line.</summary>
    public void EndLine() => _line.End();

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
}
