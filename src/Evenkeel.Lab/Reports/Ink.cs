using Spectre.Console;

namespace Evenkeel.Lab.Reports;

/// <summary>Colour and signs for a terminal; plain characters for a pipe, a file, <c>NO_COLOR</c> or a dumb terminal.</summary>
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
        HoldsIf = signs ? Paint("33", "✓") : "if  ";
        Fails = signs ? Paint("31", "✗") : "FAIL";
        Undecided = signs ? Paint("33", "–") : "-   ";
        Width = width;
    }

    /// <summary>For pipes and files.</summary>
    public static Ink Plain { get; } = new(colour: false, signs: false, width: 80);

    public char Rule { get; }

    public string Holds { get; }

    public string HoldsIf { get; }

    public string Fails { get; }

    public string Undecided { get; }

    public int Width { get; }

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
