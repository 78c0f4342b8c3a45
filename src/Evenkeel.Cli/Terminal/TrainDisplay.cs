using System.Diagnostics;
using Evenkeel.Training;
using Evenkeel.Workbench;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// Progress of a training on standard error: a line per epoch; on a terminal also a line that follows the steps.
/// </summary>
internal sealed class TrainDisplay(int stepsPerEpoch) : IProgress<TrainProgress>, IDisposable
{
    private const double RefreshSeconds = 0.1;

    private readonly bool _isLive = !Console.IsErrorRedirected
        && !string.Equals(Environment.GetEnvironmentVariable("TERM"), "dumb", StringComparison.Ordinal);

    private readonly Stopwatch _sinceShown = Stopwatch.StartNew();
    private readonly Stopwatch _sinceFirst = new();

    // The iteration of the first report: a resumed run does not begin at 0.
    private long _first = -1;
    private bool _hasLine;

    public void Report(TrainProgress value)
    {
        if (_first < 0)
        {
            _first = value.Iteration;
            _sinceFirst.Start();
        }

        if (value.Note is { } note) WriteLine($"note: {note}");
        if (value.IsEpochEnd && value.Last is { } record)
        {
            WriteLine($"epoch {record.Epoch}/{value.Epochs}: {Losses(record)}; {value.ExamplesPerSecond:N0} samples/s");
            return;
        }

        if (!_isLive || _sinceShown.Elapsed.TotalSeconds < RefreshSeconds) return;
        _sinceShown.Restart();
        long step = value.Iteration - ((long)value.Epoch * stepsPerEpoch);
        string text = $"epoch {value.Epoch + 1}/{value.Epochs}, step {step}/{stepsPerEpoch}, loss {value.Loss:0.0000}, "
            + $"{value.ExamplesPerSecond:N0} samples/s{Left(value)}";
        int width = Math.Max(20, Console.WindowWidth - 1);
        Console.Error.Write($"\r\e[K{(text.Length > width ? text[..width] : text)}");
        _hasLine = true;
    }

    /// <summary>What the doctor has found, and what to do about it.</summary>
    public void Show(TrainingFinding said)
    {
        string layer = said.Finding.Layer.Length == 0 ? "" : $", {said.Finding.Layer}";
        WriteLine($"{UserText.Of(said.Finding.Level)} {said.Finding.Rule} at step {said.Iteration}{layer}: "
            + said.Finding.Message);
        WriteLine($"  {said.Finding.Remedy}");
    }

    public void Dispose() => Clear();

    private string Left(TrainProgress value)
    {
        long done = value.Iteration - _first;
        if (done <= 0) return "";
        double seconds = _sinceFirst.Elapsed.TotalSeconds * (value.TotalIterations - value.Iteration) / done;
        return $", {Duration.Text(seconds)} left";
    }

    /// <summary>What an epoch has measured, without the scores on training samples.</summary>
    private static string Losses(EpochRecord record)
    {
        string text = $"loss {NumberText.Score(record.TrainingLoss)}";
        if (record.Validation is not { } scores) return text;
        IEnumerable<string> measured = scores.Select(static entry => $"{entry.Key} {NumberText.Score(entry.Value)}");
        return $"{text}; validation {string.Join(", ", measured)}";
    }

    private void WriteLine(string text)
    {
        Clear();
        Console.Error.WriteLine(text);
    }

    private void Clear()
    {
        if (!_hasLine) return;
        Console.Error.Write("\r\e[K");
        _hasLine = false;
    }
}
