using System.Diagnostics;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Progress on standard error: one line that changes on a terminal, a plain line every few seconds elsewhere.
/// </summary>
internal sealed class ChangingLine
{
    private const double PlainSeconds = 2, TerminalSeconds = 0.1;

    private readonly bool _plain = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb";
    private readonly Stopwatch _sinceShown = Stopwatch.StartNew();
    private int _shown;

    /// <summary>Whether a line is due: the last one is old enough, or everything is done.</summary>
    public bool IsDue(bool done) =>
        done || _sinceShown.Elapsed.TotalSeconds >= (_plain ? PlainSeconds : TerminalSeconds);

    /// <summary>Shows a line in place of the last one.</summary>
    public void Show(string text)
    {
        _sinceShown.Restart();
        if (_plain)
        {
            Console.Error.WriteLine(text);
            return;
        }

        Console.Error.Write("\r" + text.PadRight(_shown));
        _shown = text.Length;
    }

    /// <summary>Leaves the line as it is: what comes next begins a new one.</summary>
    public void End()
    {
        if (_shown > 0) Console.Error.WriteLine();
        _shown = 0;
    }
}
