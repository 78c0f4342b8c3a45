using Evenkeel.Lab.Experiments;
using Spectre.Console;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Colour and signs for a terminal; plain characters for a pipe, a file, <c>NO_COLOR</c> or a dumb terminal.
/// </summary>
internal sealed class Ink
{
    /// <summary>Widest line that is printed; a wider window is not filled, a line of that length reads badly.</summary>
    private const int MaxWidth = 100;

    private readonly bool _colour;

    private Ink(bool colour, bool signs, int width)
    {
        _colour = colour;
        Rule = signs ? '─' : '-';
        Holds = signs ? Paint("32", "✓") : "ok  ";
        HoldsInPart = signs ? Paint("33", "✓") : "part";
        Fails = signs ? Paint("31", "✗") : "FAIL";
        Undecided = signs ? Paint("33", "–") : "-   ";
        Shade = signs ? '░' : '.';
        Edge = signs ? '│' : '|';
        Bar = signs ? '━' : '=';
        Dot = signs ? '●' : 'o';
        Cross = signs ? '┿' : '+';
        Width = width;
    }

    /// <summary>A terminal of some width: for tests.</summary>
    internal static Ink Of(int width, bool signs, bool colour = false) => new(colour, signs, width);

    /// <summary>For pipes and files.</summary>
    public static Ink Plain { get; } = new(colour: false, signs: false, width: 80);

    public char Rule { get; }

    public string Holds { get; }

    public string HoldsInPart { get; }

    public string Fails { get; }

    public string Undecided { get; }

    /// <summary>Parts of a text chart: a region, its edge, a bar, a point, and a bar across an edge.</summary>
    public char Shade { get; }

    public char Edge { get; }

    public char Bar { get; }

    public char Dot { get; }

    public char Cross { get; }

    public int Width { get; }

    public string Sign(Verdict verdict) => verdict switch
    {
        Verdict.Holds => Holds,
        Verdict.HoldsInPart => HoldsInPart,
        Verdict.Fails => Fails,
        _ => Undecided,
    };

    /// <summary>A text in the colour of a verdict.</summary>
    public string In(Verdict verdict, string text) => verdict switch
    {
        Verdict.Holds => Paint("32", text),
        Verdict.Fails => Paint("31", text),
        _ => Paint("33", text),
    };

    /// <summary>What standard output understands.</summary>
    public static Ink ForOutput()
    {
        if (Console.IsOutputRedirected) return Plain;
        bool colour = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && !string.Equals(Environment.GetEnvironmentVariable("TERM"), "dumb", StringComparison.Ordinal)
            && (!OperatingSystem.IsWindows() || AnsiConsole.Profile.Capabilities.Ansi);
        int width = Console.WindowWidth;
        return new Ink(colour, signs: true, width: width <= 0 ? 80 : Math.Clamp(width, 60, MaxWidth));
    }

    public string Bold(string text) => Paint("1", text);

    public string Dim(string text) => Paint("2", text);

    public string Good(string text) => Paint("32", text);

    public string Bad(string text) => Paint("31", text);

    private string Paint(string code, string text) => _colour && text.Length > 0 ? $"\e[{code}m{text}\e[0m" : text;
}
