using System.Diagnostics;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Running;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Progress on standard error: a bar over the whole agenda with the time left on a terminal, one plain line an epoch,
/// variant or seed elsewhere.
/// </summary>
internal sealed class ProgressDisplay : IRunDisplay
{
    private const int BarWidth = 20;

    /// <summary><c>12 %, 10 min 20 s left</c>.</summary>
    private const int AgendaWidth = 22;

    public T Show<T>(Agenda agenda, Func<IProgressSink, T> work)
    {
        bool isPlain = Console.IsErrorRedirected
            || string.Equals(Environment.GetEnvironmentVariable("TERM"), "dumb", StringComparison.Ordinal);
        return isPlain ? work(new Lines(Console.Error, agenda)) : ShowBar(agenda, work);
    }

    private static T ShowBar<T>(Agenda agenda, Func<IProgressSink, T> work)
    {
        IAnsiConsole console =
            AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        Progress progress = console.Progress();
        progress.AutoClear = true;
        progress.RefreshRate = TimeSpan.FromMilliseconds(200);
        // What is being done comes last and is cut, so that the bar stands still.
        progress.Columns(
            new ProgressBarColumn { Width = BarWidth },
            new AgendaColumn(agenda),
            new TaskDescriptionColumn { Alignment = Justify.Left });
        int room = console.Profile.Width - BarWidth - AgendaWidth - 3;
        return progress.Start(context => work(new Bar(room, agenda, context.AddTask("", maxValue: 1))));
    }

    /// <summary>The beginning of a text that is too long.</summary>
    private static string Cut(string text, int room) => text.Length <= room ? text : room < 2 ? ""
        : text[..(room - 1)] + "…";

    /// <summary>Progress in lines.</summary>
    internal sealed class Lines(TextWriter output, Agenda agenda) : IProgressSink
    {
        public void Report(double done, string state, bool milestone)
        {
            if (milestone) output.WriteLine($"{state} ({agenda})");
        }
    }

    private sealed class Bar(int room, Agenda agenda, ProgressTask task) : IProgressSink
    {
        private const double StepSeconds = 0.1;

        private readonly Stopwatch _sinceShown = Stopwatch.StartNew();

        public void Report(double done, string state, bool milestone)
        {
            // A training step may take 200 µs: it must not pay for a screen.
            if (!milestone && _sinceShown.Elapsed.TotalSeconds < StepSeconds) return;
            _sinceShown.Restart();
            task.Value = agenda.State().Done;
            task.Description = Markup.Escape(Cut(state, room));
        }
    }

    /// <summary>Percentage and time left of the whole.</summary>
    private sealed class AgendaColumn(Agenda agenda) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(agenda.ToString().PadRight(AgendaWidth));
    }
}
