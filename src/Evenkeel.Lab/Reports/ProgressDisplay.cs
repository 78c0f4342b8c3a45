using System.Diagnostics;
using Evenkeel.Lab.Experiments;
using Spectre.Console;

namespace Evenkeel.Lab.Reports;

/// <summary>Progress on standard error: a bar with the time left on a terminal, one plain line an epoch or variant elsewhere.</summary>
internal static class ProgressDisplay
{
    /// <summary>Runs the work of one experiment under a progress display.</summary>
    public static T Run<T>(string name, Func<IProgressSink, T> work) =>
        Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb" ? work(new Lines(name)) : RunWithBar(name, work);

    private static T RunWithBar<T>(string name, Func<IProgressSink, T> work)
    {
        var settings = new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) };
        Progress progress = AnsiConsole.Create(settings).Progress();
        progress.AutoClear = true;
        progress.RefreshRate = TimeSpan.FromMilliseconds(200);
        progress.Columns(
            new TaskDescriptionColumn { Alignment = Justify.Left },
            new ProgressBarColumn { Width = 24 },
            new PercentageColumn(),
            new RemainingTimeColumn());
        return progress.Start(context => work(new Bar(name, context.AddTask(Markup.Escape(name), maxValue: 1))));
    }

    private sealed class Bar(string name, ProgressTask task) : IProgressSink
    {
        private const double StepSeconds = 0.1;

        private readonly Stopwatch _sinceShown = Stopwatch.StartNew();

        public void Report(double done, string state, bool milestone)
        {
            // A training step may take 200 µs: it must not pay for a screen.
            if (!milestone && _sinceShown.Elapsed.TotalSeconds < StepSeconds) return;
            _sinceShown.Restart();
            task.Value = done;
            task.Description = Markup.Escape($"{name}  {state}");
        }
    }

    private sealed class Lines(string name) : IProgressSink
    {
        private readonly Stopwatch _sinceBegun = Stopwatch.StartNew();

        public void Report(double done, string state, bool milestone)
        {
            if (milestone) Console.Error.WriteLine($"{name}: {state} ({done:P0}, {_sinceBegun.Elapsed.TotalSeconds:F1} s)");
        }
    }
}
