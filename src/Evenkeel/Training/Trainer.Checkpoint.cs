using System.Runtime.InteropServices;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

namespace Evenkeel.Training;

public sealed partial class Trainer
{
    private const string ModelPrefix = "model.", BestPrefix = "best.", OptimizerPrefix = "optimizer.",
        SchedulerPrefix = "scheduler.", StreamPrefix = "random.", CallbackPrefix = "callback.",
        DoctorPrefix = "doctor.";
    private const string PositionKey = "trainer.position", LossKey = "trainer.losses";
    private const string SettingPrefix = "trainer.setting.", ScheduleByName = "schedule by";
    private const string EpochsKey = "trainer.epochs", PlanKey = "trainer.batches", DueKey = "trainer.evaluation_due",
        FindingsKey = "trainer.findings";
    private const long FormatVersion = 3;

    /// <summary>
    /// Writes everything a continued run needs into one safetensors file: weights, running statistics, which norms are
    /// frozen, the best model, optimizer, schedule, callbacks, the place in the data and the state of its stream, and
    /// the history. It is written under a temporary name and then renamed, so an incomplete file never has the final
    /// name.
    /// </summary>
    /// <param name="path">The file, for example <c>run.safetensors</c>. Its folder is created if it is missing.</param>
    /// <exception cref="IOException">The file could not be written. An older file stays unchanged.</exception>
    /// <exception cref="InvalidOperationException">
    /// Several processes share the optimizer's state (<see cref="TrainerOptions.ShardsOptimizerState"/>). Then
    /// <see cref="TrainerOptions.Checkpoints"/> writes them.
    /// </exception>
    public void SaveCheckpoint(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var state = new StateDict();
        if (Weights == ModelWeights.Best) _last.Write(Model, ModelPrefix, state);
        else AddAll(state, ModelPrefix, Model.StateDict());
        if (!_best.IsEmpty) _best.Write(Model, BestPrefix, state);
        AddAll(state, OptimizerPrefix,
            _gatheredState is { } gathered ? Optimizer.WholeState(gathered) : Optimizer.StateDict());
        if (Options.Scheduler is { } scheduler) AddAll(state, SchedulerPrefix, scheduler.StateDict());
        for (int i = 0; i < Options.Callbacks.Count; i++)
        {
            if (Options.Callbacks[i].StateDict() is { } own) AddAll(state, KeyOf(i), own);
        }

        if (_position?.Stream is { } stream) AddStream(state, StreamPrefix, stream);
        state.Add(
            PositionKey,
            Tensor.From(
                [FormatVersion, _iteration, _epoch, _position?.Epoch ?? 0, _position?.Batch ?? 0, History.BestAt,
                    History.SkippedBatches],
                [7]));
        AddList(state, LossKey, History.LossList.GetRange(0, (int)Math.Min(_iteration, History.LossList.Count)));
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        var archive = new TensorArchive();
        archive.Metadata[NormStates.KindKey] = NormStates.Checkpoint;
        foreach ((string name, string value) in Settings()) archive.Metadata[SettingPrefix + name] = value;
        if (Options.Scheduler is not null)
            archive.Metadata[SettingPrefix + ScheduleByName] = Options.ScheduleBy.ToString();
        archive.Metadata[EpochsKey] = EpochRecordText.Write(History.EpochList);
        foreach ((string name, double[] values) in _examined)
        {
            if (values.Length > 0) state.Add(DoctorPrefix + name, Tensor.From(values, [values.Length]));
        }

        if (History.FindingList.Count > 0)
            archive.Metadata[FindingsKey] = TrainingFindingText.Write(History.FindingList);
        if (_plan is not null) archive.Metadata[PlanKey] = _plan;
        if (_isEvaluationDue) archive.Metadata[DueKey] = "true";
        // When the best model is in place, the current share of start values belongs to it, not to the last model.
        NormStates.Write(Model, archive.Metadata, withStartValues: Weights == ModelWeights.Last);
        archive.Add("", state);
        SafeTensors.WriteSealed(path, archive);
    }

    /// <summary>
    /// Loads a checkpoint of a trainer that was built in the same way. The next Fit continues with the same bits. The
    /// file is read and checked before anything changes.
    /// </summary>
    /// <param name="path">
    /// A file that <see cref="SaveCheckpoint"/> has written, or the folder of <see cref="Checkpoints"/>: the newest one
    /// in it, or the newest that is not damaged; the damaged ones get the ending <c>.damaged</c>.
    /// </param>
    /// <param name="checkValues">
    /// Whether impossible statistics and moments are refused; see <see cref="Module.LoadStateDict"/> and
    /// <see cref="Evenkeel.Optim.Optimizer.LoadStateDict"/>. False takes them as they are.
    /// </param>
    /// <returns>The file that was taken.</returns>
    /// <remarks>
    /// Seed, L2 penalty, clipping, micro-batches, monitored score, optimizer, schedule and their settings must be those
    /// of the saved run, and the next Fit must get the same samples in the same batches. The total number of epochs may
    /// grow. Learning rates, their base, weight decay and the state of norms (<see cref="NormState"/>) come from the
    /// checkpoint.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The file is not a trainer checkpoint, or it belongs to a trainer with other settings (the message names them),
    /// another model, optimizer, schedule or callback.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The file is truncated or damaged: its checksum, a count or a length is wrong.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read, or a folder has no checkpoint.</exception>
    public string Resume(string path, bool checkValues = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        CheckIdle(nameof(Resume), "Resume before Fit.");
        if (!Directory.Exists(path))
        {
            ResumeFrom(path, checkValues);
            return path;
        }

        string[] checkpoints = Checkpoints.All(path);
        if (checkpoints.Length == 0)
        {
            throw new FileNotFoundException(
                $"Trainer.Resume: expected a checkpoint (step-NUMBER.safetensors) in the folder \"{path}\", got none. "
                + "Check the folder, or begin a new training.", path);
        }

        for (int i = checkpoints.Length - 1; ; i--)
        {
            try
            {
                ResumeFrom(checkpoints[i], checkValues);
            }
            catch (InvalidDataException) when (i > 0)
            {
                // A damaged disk, not an interrupted run: the one before it is tried.
                continue;
            }

            // The damaged ones stand aside, so that the run can write here.
            if (!IsWriter) return checkpoints[i];
            for (int later = i + 1; later < checkpoints.Length; later++)
                File.Move(checkpoints[later], checkpoints[later] + ".damaged", overwrite: true);
            return checkpoints[i];
        }
    }

    /// <summary>Writes the best model as plain weights, for <see cref="ModuleFiles.Load"/>.</summary>
    internal void SaveBest(string path)
    {
        var state = new StateDict();
        _best.Write(Model, "", state);
        var archive = new TensorArchive();
        archive.Metadata["format"] = "pt";
        NormStates.Write(Model, archive.Metadata, withStartValues: false);
        archive.Add("", state);
        SafeTensors.WriteSealed(path, archive);
    }

    /// <summary>What must be alike on all processes, with the settings that a checkpoint has.</summary>
    internal IEnumerable<(string Name, string Value)> SettingsOfAll() =>
        [.. Settings(), ("epochs", $"{Options.Epochs}"), ("step", $"{_iteration}"), ("batches", _plan ?? ""),
            ("ShardsOptimizerState", $"{Options.ShardsOptimizerState}")];

    private void ResumeFrom(string path, bool checkValues)
    {
        TensorArchive archive = SafeTensors.Read(path);
        StateDict state = archive.StateDict();
        long[] position = Need(state, path, PositionKey, DType.Int64).ToArray<long>();
        if (position.Length < 1 || position[0] != FormatVersion || position.Length != 7)
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected a checkpoint of version {FormatVersion} in {path}, got version "
                + $"{(position.Length > 0 ? position[0] : 0)}. Use the version of the library that wrote it, or load "
                + "its weights alone with model.Load(path, prefix: \"model.\").",
                nameof(path));
        }

        CheckSettings(archive, path, position[2]);
        var history = new History
        {
            Monitor = History.Monitor,
            BestAt = (int)position[5],
            SkippedBatches = (int)position[6],
        };
        history.LossList.AddRange(Need(state, path, LossKey, DType.Float64).AsSpan<double>());
        history.EpochList.AddRange(EpochRecordText.Read(Setting(archive, EpochsKey) ?? "", path));
        history.FindingList.AddRange(TrainingFindingText.Read(Setting(archive, FindingsKey) ?? "[]", path));
        bool isDue = archive.Metadata.ContainsKey(DueKey);
        CheckCounts(position, history, isDue, path);
        var model = new ModelSnapshot();
        model.Read(Model, ModelPrefix, state, checkValues);
        var best = new ModelSnapshot();
        if (history.BestAt >= 0) best.Read(Model, BestPrefix, state, checkValues);
        List<(string Name, ITrackingNorm Norm, NormState State)> norms =
            NormStates.Read(Model, archive.Metadata, path, new KeyMap(prefix: ""));
        CheckSchedule(archive, state, path);
        Action takeOptimizer = Optimizer.Check(state.Under(OptimizerPrefix), checkValues);
        Action? takeSchedule = Options.Scheduler?.Check(state.Under(SchedulerPrefix));
        // The callbacks' own checks come last, because they take their state at once. Nothing fails after this point.
        LoadCallbacks(state, path);
        takeOptimizer();
        takeSchedule?.Invoke();
        model.PutBack(Model);
        foreach ((_, ITrackingNorm norm, NormState normState) in norms) norm.Set(normState, nameof(Resume));
        NormStates.ReadStartValuesLeft(archive.Metadata, state);
        foreach ((string name, RunningStatistics running) in Model.Statistics())
            running.BeginWith(state.StartValuesLeft.GetValueOrDefault(name, double.NaN));
        _last.Clear();
        _best = best;
        _iteration = position[1];
        _epoch = (int)position[2];
        _position = new LoaderPosition((int)position[3], (int)position[4], ReadStream(state, StreamPrefix));
        _plan = Setting(archive, PlanKey);
        _isResumed = true;
        _examined.Clear();
        foreach ((string name, Tensor values) in state.Under(DoctorPrefix))
        {
            if (values.DType == DType.Float64) _examined[name] = values.ToArray<double>();
        }

        _isEvaluationDue = isDue;
        _note = null;
        _noted = 0;
        History = history;
    }

    /// <summary>The settings that must not change between the parts of a run, as text.</summary>
    private (string Name, string Value)[] Settings() =>
    [
        ("optimizer", Optimizer.Name),
        ("loss", Loss.ToString() ?? ""),
        ("seed", $"{Options.Seed}"),
        ("L2", $"{Options.L2:R}"),
        ("MaxGradientNorm", Options.MaxGradientNorm is { } norm ? $"{norm:R}" : "none"),
        ("micro-batches", $"{Options.MicroBatches}{(Options.PoolsBatchStatistics ? "" : " with local statistics")}"),
        ("monitor", History.Monitor),
        ("TrainingSamples", $"{Options.TrainingSamples}"),
        ("EvaluationBatchSize", $"{Options.EvaluationBatchSize}"),
    ];

    private static string? Setting(TensorArchive archive, string key) =>
        archive.Metadata.TryGetValue(key, out string? value) ? value : null;

    private void CheckSettings(TensorArchive archive, string path, long epochs)
    {
        var differences = new List<string>();
        foreach ((string name, string value) in Settings())
        {
            string saved = Setting(archive, SettingPrefix + name) ?? "nothing";
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

    private static void CheckCounts(long[] position, History history, bool isDue, string path)
    {
        (long iteration, long epoch, long best, long skipped) = (position[1], position[2], position[5], position[6]);
        if (iteration < 0 || epoch < 0 || epoch > iteration || best < -1 || best >= history.EpochList.Count
            || skipped < 0 || skipped > iteration || position[3] < 0 || position[4] < 0)
        {
            throw new InvalidDataException($"Trainer.Resume: expected iteration >= epoch > best epoch "
                + $">= -1 and skipped batches from 0 to iteration in {path}, got iteration {iteration}, epoch {epoch}, "
                + $"best epoch {best}, skipped {skipped}. The checkpoint is damaged; use an earlier one.");
        }

        int losses = history.LossList.Count, records = history.EpochList.Count;
        if (losses != iteration || records != epoch - (isDue ? 1 : 0))
        {
            throw new InvalidDataException(
                $"Trainer.Resume: expected {iteration} losses and a record for each epoch that was evaluated in "
                + $"{path}, got {losses} losses and {records} records. The checkpoint is damaged; use an earlier one.");
        }
    }

    private void LoadCallbacks(StateDict state, string path)
    {
        string[] own = [.. Enumerable.Range(0, Options.Callbacks.Count).Select(KeyOf)];
        string? foreign = state.Keys.FirstOrDefault(key => key.StartsWith(CallbackPrefix, StringComparison.Ordinal)
            && !own.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal)));
        if (foreign is not null)
        {
            throw new ArgumentException(
                $"Trainer.Resume: expected the callbacks of this trainer in {path}, got the state of another one "
                + $"({foreign.Split('.')[2]}). Pass the callbacks as they were when the checkpoint was saved, in their "
                + "order.", nameof(path));
        }

        var states = new List<(Callback Callback, StateDict Before, StateDict Saved)>();
        for (int i = 0; i < Options.Callbacks.Count; i++)
        {
            Callback callback = Options.Callbacks[i];
            StateDict saved = state.Under(KeyOf(i));
            StateDict? before = callback.StateDict();
            bool isSaved = saved.Count > 0, isWanted = before is { Count: > 0 };
            if (isSaved != isWanted)
            {
                throw new ArgumentException(
                    $"Trainer.Resume: expected the callbacks of this trainer in {path}, got "
                    + $"{(isSaved ? "a state" : "none")} for the callback {callback.Name} (number "
                    + $"{i + 1}). Pass the callbacks as they were when the checkpoint was saved.", nameof(path));
            }

            if (isSaved) states.Add((callback, before!, saved));
        }

        int taken = 0;
        try
        {
            for (; taken < states.Count; taken++) states[taken].Callback.LoadStateDict(states[taken].Saved);
        }
        catch
        {
            // One refuses its state: those before it get back what they had.
            for (int i = 0; i < taken; i++) states[i].Callback.LoadStateDict(states[i].Before);
            throw;
        }
    }

    private string KeyOf(int callback) => $"{CallbackPrefix}{callback}.{Options.Callbacks[callback].Name}.";

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
