using System.Globalization;
using System.Runtime.InteropServices;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

namespace Evenkeel.Training;

public sealed partial class Trainer
{
    private const string ModelPrefix = "model.", BestPrefix = "best.", OptimizerPrefix = "optimizer.",
        SchedulerPrefix = "scheduler.";
    private const string StreamPrefix = "random.", OrderPrefix = "random_order.";
    private const string PositionKey = "trainer.position", AccuracyKey = "trainer.best_accuracy";
    private const string LossKey = "trainer.losses", TrainKey = "trainer.train_accuracies",
        ValidationKey = "trainer.validation_accuracies";
    private const string SettingPrefix = "trainer.setting.";

    // Checkpoints without this entry come from runs that left out samples that do not fill a batch.
    private const string LastBatchName = "last batch";
    private const string ScheduleByName = "schedule by";
    private const string SamplesKey = "trainer.samples";
    private const string CheckDueKey = "trainer.check_due";
    private const long FormatVersion = 2;

    /// <summary>
    /// Writes everything a continued run needs into one safetensors file: weights, running statistics, which norms are
    /// frozen, the best model, optimizer, schedule, random stream, position and histories. It is written under a
    /// temporary name and then renamed, so an incomplete file never has the final name.
    /// </summary>
    /// <param name="path">The file, for example <c>run.safetensors</c>. Its folder is created if it is missing.</param>
    public void SaveCheckpoint(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var state = new StateDict();
        if (ShowsBest) _last.Write(Model, ModelPrefix, state);
        else AddAll(state, ModelPrefix, Model.StateDict());
        if (!_best.IsEmpty) _best.Write(Model, BestPrefix, state);
        AddAll(state, OptimizerPrefix, Optimizer.StateDict());
        if (Options.Scheduler is { } scheduler) AddAll(state, SchedulerPrefix, scheduler.StateDict());
        AddStream(state, StreamPrefix, _random.State);
        if (_batches.OrderState is { } order) AddStream(state, OrderPrefix, order);
        state.Add(PositionKey,
            Tensor.From([FormatVersion, _iteration, _epoch, History.BestEpoch, History.SkippedBatches], [5]));
        state.Add(AccuracyKey, Tensor.Scalar(_bestAccuracy, DType.Float64));
        AddList(state, LossKey, History.LossList.GetRange(0, (int)Math.Min(_iteration, History.LossList.Count)));
        AddList(state, TrainKey, History.TrainList);
        AddList(state, ValidationKey, History.ValidationList);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        var archive = new TensorArchive();
        archive.Metadata[NormStates.KindKey] = NormStates.Checkpoint;
        foreach ((string name, string value) in Settings()) archive.Metadata[SettingPrefix + name] = value;
        if (Options.Scheduler is not null)
            archive.Metadata[SettingPrefix + ScheduleByName] = Options.ScheduleBy.ToString();
        archive.Metadata[SamplesKey] = (_resumedSamples ?? _samples).ToString(CultureInfo.InvariantCulture);
        if (_isCheckDue) archive.Metadata[CheckDueKey] = "true";
        // When the best model is in place, the current share of start values belongs to it, not to the last model.
        NormStates.Write(Model, archive.Metadata, withStartValues: !ShowsBest);
        archive.Add("", state);
        SafeTensors.WriteSealed(path, archive);
    }

    /// <summary>
    /// Loads a checkpoint of a trainer that was built in the same way. The next <see cref="Fit"/> continues with the
    /// same bits. The file is read and checked before anything changes.
    /// </summary>
    /// <param name="path">A file that <see cref="SaveCheckpoint"/> has written.</param>
    /// <param name="checkValues">
    /// Whether impossible statistics and moments are refused; see <see cref="Module.LoadStateDict"/> and
    /// <see cref="Evenkeel.Optim.Optimizer.LoadStateDict"/>. False takes them as they are.
    /// </param>
    /// <remarks>
    /// Batch size, sampling, seed, L2 penalty, optimizer, schedule and their settings must be those of the saved run.
    /// The next <see cref="Fit"/> must get the same number of samples. The total number of epochs may grow. Learning
    /// rates, their base, weight decay and the state of norms (<see cref="NormState"/>) come from the checkpoint.
    /// Checkpoints of earlier versions lack the settings of optimizer and schedule. They are then not compared.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The file is not a trainer checkpoint, or it belongs to a trainer with other settings (the message names them),
    /// another model, optimizer, schedule or kind of stream.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The file is truncated or damaged: its checksum, a count or a length is wrong.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public void Resume(string path, bool checkValues = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        TensorArchive archive = SafeTensors.Read(path);
        StateDict state = archive.StateDict();
        long[] position = Need(state, path, PositionKey, DType.Int64).ToArray<long>();
        if (position.Length != 5 || position[0] != FormatVersion)
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected a checkpoint of version {FormatVersion} in {path}, got version "
                + $"{(position.Length > 0 ? position[0] : 0)}. Use the version of the library that wrote it.",
                nameof(path));
        }

        CheckSettings(archive, path, position[2]);
        double bestAccuracy = Need(state, path, AccuracyKey, DType.Float64).Item();
        var history = new History
        {
            BestEpoch = (int)position[3],
            SkippedBatches = (int)position[4],
            BestValidationAccuracy = double.IsFinite(bestAccuracy) ? bestAccuracy : double.NaN,
        };
        history.LossList.AddRange(Need(state, path, LossKey, DType.Float64).AsSpan<double>());
        history.TrainList.AddRange(Need(state, path, TrainKey, DType.Float64).AsSpan<double>());
        history.ValidationList.AddRange(Need(state, path, ValidationKey, DType.Float64).AsSpan<double>());
        CheckCounts(position, history, path);
        CheckAccuracies(bestAccuracy, history, path);
        var model = new ModelSnapshot();
        model.Read(Model, ModelPrefix, state, checkValues);
        var best = new ModelSnapshot();
        if (position[3] >= 0) best.Read(Model, BestPrefix, state, checkValues);
        RandomStreamState random = ReadStream(state, StreamPrefix)
            ?? throw new ArgumentException(
                $"Trainer.Resume: expected a random stream in {path}, got none. It is not a checkpoint of a trainer.",
                nameof(path));
        RandomStreamState? order = ReadStream(state, OrderPrefix);
        List<(string Name, ITrackingNorm Norm, NormState State)> norms = NormStates.Read(Model, archive.Metadata, path);
        CheckSchedule(archive, state, path);
        Action takeOptimizer = Optimizer.Check(state.Under(OptimizerPrefix), checkValues);
        Action? takeSchedule = Options.Scheduler?.Check(state.Under(SchedulerPrefix));

        // The stream's own check comes last, because it sets the stream. Nothing fails after this point.
        _random.State = random;
        takeOptimizer();
        takeSchedule?.Invoke();
        model.PutBack(Model);
        foreach ((_, ITrackingNorm norm, NormState normState) in norms) norm.Set(normState, nameof(Resume));
        NormStates.ReadStartValuesLeft(archive.Metadata, state);
        foreach ((string name, RunningStatistics running) in Model.Statistics())
            running.BeginWith(state.StartValuesLeft.GetValueOrDefault(name, double.NaN));
        _last.Clear();
        _best = best;
        _batches.OrderState = order;
        _bestAccuracy = bestAccuracy;
        _iteration = position[1];
        _epoch = (int)position[2];
        _isCheckDue = archive.Metadata.ContainsKey(CheckDueKey);
        _resumedSamples = archive.Metadata.TryGetValue(SamplesKey, out string? samples)
            && int.TryParse(samples, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count
            : null;
        _note = null;
        _noted = 0;
        History = history;
    }

    /// <summary>The settings that must not change between the parts of a run, as text.</summary>
    private (string Name, string Value)[] Settings() =>
    [
        ("optimizer", Optimizer.Name),
        ("batch size", Options.BatchSize.ToString(CultureInfo.InvariantCulture)),
        ("sampling", Options.Sampling.ToString()),
        (LastBatchName, Options.LastBatch.ToString()),
        ("seed", Options.Seed.ToString(CultureInfo.InvariantCulture)),
        ("L2", Options.L2.ToString("R", CultureInfo.InvariantCulture)),
    ];

    private void CheckSettings(TensorArchive archive, string path, long epochs)
    {
        var differences = new List<string>();
        foreach ((string name, string value) in Settings())
        {
            if (!archive.Metadata.TryGetValue(SettingPrefix + name, out string? saved))
                saved = name == LastBatchName ? nameof(LastBatch.Drop) : "nothing";
            if (saved != value) differences.Add($"{name} {saved} (here {value})");
        }

        if (epochs > Options.Epochs) differences.Add($"{epochs} epochs done (here {Options.Epochs} in all)");
        if (differences.Count > 0)
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected the settings of this trainer in {path}, "
                + $"got {string.Join(", ", differences)}. Build the trainer as it was when the checkpoint was saved, "
                + $"or load its weights alone into a new run.",
                nameof(path));
        }
    }

    /// <summary>
    /// A run with a schedule continues with one of the same kind. A run without one continues without one.
    /// </summary>
    private void CheckSchedule(TensorArchive archive, StateDict state, string path)
    {
        // The key scheduler.StepLR.count, for example, contains the kind.
        string? key = state.Keys.FirstOrDefault(static k => k.StartsWith(SchedulerPrefix, StringComparison.Ordinal));
        string saved = key?.Split('.')[1] ?? "none", here = Options.Scheduler?.GetType().Name ?? "none";
        if (saved != here)
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected the schedule of this trainer in {path}, got {saved} (here {here}). "
                + "Build the trainer as it was when the checkpoint was saved, or load its weights into a new run.",
                nameof(path));
        }

        if (key is null || !archive.Metadata.TryGetValue(SettingPrefix + ScheduleByName, out string? by)) return;
        if (by != Options.ScheduleBy.ToString())
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected a schedule that steps by {Options.ScheduleBy} in {path}, got one that steps "
                + $"by {by}. Set TrainerOptions.ScheduleBy as it was when the checkpoint was saved.", nameof(path));
        }
    }

    private static void CheckCounts(long[] position, History history, string path)
    {
        (long iteration, long epoch, long best, long skipped) = (position[1], position[2], position[3], position[4]);
        if (iteration < 0 || epoch < 0 || epoch > iteration || best < -1 || best > epoch || skipped < 0
            || skipped > iteration)
        {
            throw new InvalidDataException($"Trainer.Resume: expected iteration >= epoch >= best epoch "
                + $">= -1 and skipped batches from 0 to iteration in {path}, got iteration {iteration}, epoch {epoch}, "
                + $"best epoch {best}, skipped {skipped}. The checkpoint is damaged; use an earlier one.");
        }

        int losses = history.LossList.Count, train = history.TrainList.Count, validation = history.ValidationList.Count;
        if (losses != iteration || train != validation || train > iteration)
        {
            throw new InvalidDataException(
                $"Trainer.Resume: expected {iteration} losses and as many training as validation accuracies in {path}, "
                + $"got {losses}, {train} and {validation}. The checkpoint is damaged; use an earlier one.");
        }
    }

    /// <summary>A best accuracy of NaN would never be beaten.</summary>
    private static void CheckAccuracies(double best, History history, string path)
    {
        // Before the first check the best one is -infinity.
        double[] known = double.IsNegativeInfinity(best) ? [] : [best];
        foreach (double accuracy in (double[])[.. known, .. history.TrainList, .. history.ValidationList])
        {
            if (accuracy is >= 0 and <= 1) continue;
            string got = accuracy.ToString(CultureInfo.InvariantCulture);
            throw new InvalidDataException(
                $"Trainer.Resume: expected accuracies from 0 to 1 in {path}, got {got}. "
                + "The checkpoint is damaged; use an earlier one.");
        }
    }

    private static void AddAll(StateDict target, string prefix, StateDict source)
    {
        foreach ((string key, Tensor value) in source) target.Add(prefix + key, value);
    }

    private static void AddList(StateDict target, string key, List<double> values) =>
        target.Add(key, Tensor.From((ReadOnlySpan<double>)CollectionsMarshal.AsSpan(values), [values.Count]));

    private static void AddStream(StateDict target, string prefix, RandomStreamState stream) => target.Add(
        prefix + stream.Kind, Tensor.From(MemoryMarshal.Cast<ulong, long>(stream.Words), [stream.Words.Length]));

    private static RandomStreamState? ReadStream(StateDict state, string prefix)
    {
        foreach ((string key, Tensor value) in state)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal) && value.DType == DType.Int64)
            {
                return new RandomStreamState(
                    key[prefix.Length..], MemoryMarshal.Cast<long, ulong>(value.AsSpan<long>()));
            }
        }

        return null;
    }

    private static Tensor Need(StateDict state, string path, string key, DType dtype)
    {
        if (!state.TryGetValue(key, out Tensor? value) || value.DType != dtype)
            throw new ArgumentException($"Trainer.Resume: expected the key '{key}' of {dtype} in {path}, got " +
                $"{state.RawOf(key)?.ToString() ?? value?.DType.ToString() ?? "none"}. It is not a checkpoint of a " +
                "trainer; Module.Load reads plain weights.", nameof(path));
        return value;
    }
}
