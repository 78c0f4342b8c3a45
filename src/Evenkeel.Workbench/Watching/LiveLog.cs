using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Data;
using Evenkeel.Training;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// Writes what a training does, while it does it, into <c>live.jsonl</c> of the folder of its run: one JSON object per
/// line. The live page reads it. Weights, running statistics and random draws stay as they are without it.
/// </summary>
/// <remarks>
/// <para>Every line has <c>t</c> (milliseconds since 1970), <c>step</c> (iterations done) and <c>epoch</c> (epochs
/// done). A line with <c>event</c> is a beginning of Fit (<c>begin</c>: <c>epochs</c>, <c>stepsPerEpoch</c>,
/// <c>batchSize</c>), the end of an epoch (<c>epoch</c>: <c>loss</c>, <c>lr</c>, <c>training</c>, <c>validation</c>,
/// <c>best</c>), what the doctor has found (<c>finding</c>), a reading of the layers (<c>layers</c>) or an end of Fit
/// (<c>end</c>: <c>how</c>, <c>best</c>). Others have <c>loss</c> (the mean since the line before), <c>lr</c> and
/// <c>imagesPerSecond</c> (without evaluations). NaN and infinities are strings.</para>
/// <para>A line is written at once, in one piece. A process that is killed leaves at most one torn line, the last.
/// Readers leave it out, and a resumed run removes it, with everything beyond the iteration where it goes on.</para>
/// <para>Lines come fast at first, and after 25 seconds of training twice a second. The layers are read at the
/// beginning, and then so seldom that it costs less than half a percent of the time.</para>
/// </remarks>
public sealed class LiveLog : Callback, IDisposable
{
    /// <summary>The name of the file in the folder of a run.</summary>
    public const string FileName = "live.jsonl";

    private const int ProbeSamples = 64;

    /// <summary>A reading of the layers is due when so many times its duration have passed.</summary>
    private const int ProbeRarity = 250;

    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_shortestReading = TimeSpan.FromSeconds(1);

    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Stopwatch _clock = new();
    private readonly IDataset? _probe;
    private readonly int _every;
    private LayerProbe? _layers;
    private FileStream? _file;
    private TimeSpan _lineAt;
    private TimeSpan _readAt;
    private TimeSpan _readTook;
    private long _lineStep;

    /// <summary>Makes the callback. Nothing is written before Fit.</summary>
    /// <param name="folder">The folder of the run. It is created if it is missing.</param>
    /// <param name="probe">
    /// Samples for the reading of the layers; the first 64, spread over the set, are used. Null reads no layers.
    /// </param>
    /// <param name="every">Iterations after which a line is due, whatever the time; 0 looks at the time alone.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="every"/> is negative.</exception>
    public LiveLog(string folder, IDataset? probe = null, int every = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(every);
        (Folder, _probe, _every) = (folder, probe, every);
    }

    /// <summary>The folder of the run.</summary>
    public string Folder { get; }

    /// <summary>
    /// Why nothing is written any more, for example because the disk is full; null if all is well. A log that cannot be
    /// written is no reason to end a training.
    /// </summary>
    public string? Problem { get; private set; }

    /// <inheritdoc/>
    public override void OnFitBegin(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        Dispose();
        Problem = null;
        Directory.CreateDirectory(Folder);
        _file = new FileStream(
            Path.Combine(Folder, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite,
            FileShare.Read | FileShare.Delete, bufferSize: 0);
        LiveLines.CutBehind(_file, trainer.Iteration);
        Write(trainer, json =>
        {
            json.WriteString("event", "begin");
            json.WriteNumber("epochs", trainer.Options.Epochs);
            json.WriteNumber("stepsPerEpoch", trainer.StepsPerEpoch);
            json.WriteNumber("batchSize", trainer.Options.BatchSize);
        });
        if (_probe is { Count: > 0 } data)
            _layers ??= new LayerProbe(trainer.Model, trainer.Loss, data, ProbeSamples);
        ReadLayers(trainer);
        _lineStep = trainer.Iteration;
        _lineAt = TimeSpan.Zero;
        _clock.Restart();
    }

    /// <inheritdoc/>
    public override void OnStepEnd(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (_file is null) return;
        TimeSpan now = _clock.Elapsed;
        if (now - _lineAt >= Interval(now) || (_every > 0 && trainer.Iteration % _every == 0)) WriteStep(trainer, now);
        if (_layers is not null && now - _readAt >= ReadingInterval(now)) ReadLayers(trainer);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(record);
        // Epochs shorter than the interval have their point, too.
        if (_file is not null) WriteStep(trainer, _clock.Elapsed);
        Write(trainer, json =>
        {
            json.WriteString("event", "epoch");
            WriteNumber(json, "loss", record.TrainingLoss);
            WriteNumber(json, "lr", record.LearningRate);
            WriteScores(json, "training", record.Training);
            WriteScores(json, "validation", record.Validation);
            json.WriteBoolean("best", trainer.History.Best?.Epoch == record.Epoch);
        });
        // An evaluation does not count as training: the speed is measured from here on.
        (_lineAt, _lineStep) = (_clock.Elapsed, trainer.Iteration);
    }

    /// <inheritdoc/>
    public override void OnFinding(Trainer trainer, TrainingFinding finding)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(finding);
        Write(trainer, json =>
        {
            json.WriteString("event", "finding");
            foreach ((string name, JsonNode? value) in FindingJson.Of(finding.Finding))
            {
                json.WritePropertyName(name);
                if (value is null) json.WriteNullValue();
                else value.WriteTo(json);
            }
        });
    }

    /// <inheritdoc/>
    public override void OnFitEnd(Trainer trainer, FitEnd end)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (end is FitEnd.Completed or FitEnd.Stopped) ReadLayers(trainer);
        Write(trainer, json =>
        {
            json.WriteString("event", "end");
            json.WriteString("how", end.ToString());
            if (trainer.History.Best is { } best) json.WriteNumber("best", best.Epoch);
        });
        Dispose();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
    }

    /// <summary>A short run gets as many lines as a long one at its beginning.</summary>
    private static TimeSpan Interval(TimeSpan now) =>
        TimeSpan.FromTicks(Math.Clamp(now.Ticks / 50, s_shortest.Ticks, s_longest.Ticks));

    private TimeSpan ReadingInterval(TimeSpan now) => TimeSpan.FromTicks(Math.Max(
        Math.Max(s_shortestReading.Ticks, now.Ticks / 100), ProbeRarity * _readTook.Ticks));

    private void WriteStep(Trainer trainer, TimeSpan now)
    {
        long steps = trainer.Iteration - _lineStep;
        if (steps <= 0) return;
        IReadOnlyList<double> losses = trainer.History.Losses;
        double sum = 0;
        int first = (int)Math.Max(0, losses.Count - steps);
        for (int i = first; i < losses.Count; i++) sum += losses[i];
        double rate = steps * trainer.Options.BatchSize / (now - _lineAt).TotalSeconds;
        Write(trainer, json =>
        {
            WriteNumber(json, "loss", sum / (losses.Count - first));
            WriteNumber(json, "lr", trainer.Optimizer.LearningRate);
            WriteNumber(json, "imagesPerSecond", Math.Round(rate, 1));
        });
        (_lineAt, _lineStep) = (now, trainer.Iteration);
    }

    private void ReadLayers(Trainer trainer)
    {
        if (_layers is null || _file is null) return;
        TimeSpan begun = _clock.Elapsed;
        long started = Stopwatch.GetTimestamp();
        (IReadOnlyList<LayerReading> layers, IReadOnlyList<NormReading> norms) = _layers.Read();
        Write(trainer, json =>
        {
            json.WriteString("event", "layers");
            json.WriteStartArray("layers");
            foreach (LayerReading layer in layers) WriteLayer(json, layer);
            json.WriteEndArray();
            json.WriteStartArray("norms");
            foreach (NormReading norm in norms) WriteNorm(json, norm);
            json.WriteEndArray();
        });
        // The first reading also compiles what it runs: it says nothing about the next one.
        _readTook = begun == TimeSpan.Zero ? TimeSpan.Zero : Stopwatch.GetElapsedTime(started);
        _readAt = _clock.Elapsed;
        // The time of the reading is no time of training.
        _lineAt += _readAt - begun;
    }

    private static void WriteLayer(Utf8JsonWriter json, LayerReading layer)
    {
        json.WriteStartObject();
        json.WriteString("name", layer.Name);
        json.WriteString("type", layer.Type);
        WriteNumber(json, "mean", layer.Mean);
        WriteNumber(json, "std", layer.Std);
        WriteNumber(json, "zeros", layer.ZeroShare);
        if (layer.GradientStd is { } std) WriteNumber(json, "gradientStd", std);
        if (layer.GradientNorm is { } norm) WriteNumber(json, "gradientNorm", norm);
        json.WriteEndObject();
    }

    private static void WriteNorm(Utf8JsonWriter json, NormReading norm)
    {
        json.WriteStartObject();
        json.WriteString("layer", norm.Name);
        json.WriteString("kind", norm.Type);
        json.WriteNumber("channels", norm.Channels);
        WriteNumber(json, "meanShift", norm.MeanShift);
        WriteNumber(json, "varianceRatio", norm.VarianceRatio);
        json.WriteEndObject();
    }

    private static void WriteScores(Utf8JsonWriter json, string name, Scores? scores)
    {
        if (scores is null) return;
        json.WriteStartObject(name);
        foreach ((string score, double value) in scores) WriteNumber(json, score, value);
        json.WriteEndObject();
    }

    /// <summary>Six digits that count: no chart has more.</summary>
    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (!double.IsFinite(value))
        {
            json.WriteString(
                name, double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
            return;
        }

        json.WritePropertyName(name);
        json.WriteRawValue(FormattableString.Invariant($"{value:G6}"));
    }

    private void Write(Trainer trainer, Action<Utf8JsonWriter> write)
    {
        if (_file is null) return;
        _line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(_line))
        {
            json.WriteStartObject();
            json.WriteNumber("t", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
            json.WriteNumber("step", trainer.Iteration);
            json.WriteNumber("epoch", trainer.Epoch);
            write(json);
            json.WriteEndObject();
        }

        _line.Write("\n"u8);
        try
        {
            _file.Write(_line.WrittenSpan);
        }
        catch (IOException exception)
        {
            Problem = $"LiveLog: \"{Path.Combine(Folder, FileName)}\" could not be written ({exception.Message}). "
                + "The training goes on without it; free some space, and the next run is watched again.";
            Dispose();
        }
    }
}
