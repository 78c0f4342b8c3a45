using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Settings;
using Evenkeel.Workbench.Watching;

namespace Evenkeel.Workbench.Runs;

/// <summary>Trains in the folder of a run, and leaves there everything that describes it.</summary>
internal sealed class RunTraining
{
    private readonly TrainingPlan _plan;
    private readonly RunFolder _folder;
    private readonly IReadOnlyList<string> _command;
    private readonly IProcessGroup? _processes;
    private readonly bool _shardsOptimizer;

    // Of the sessions before this one.
    private readonly double _secondsBefore;

    /// <summary>Prepares; nothing is written yet.</summary>
    /// <param name="plan">What to train.</param>
    /// <param name="folder">The folder of the run.</param>
    /// <param name="command">The command line, for the record.</param>
    /// <param name="processes">
    /// The processes that train together, of which this is the first (<see cref="RunHelp"/> is what the others do);
    /// null trains alone.
    /// </param>
    /// <param name="shardsOptimizer">Whether they share the state of the optimizer.</param>
    public RunTraining(
        TrainingPlan plan, RunFolder folder, IReadOnlyList<string> command, IProcessGroup? processes = null,
        bool shardsOptimizer = false) =>
        (_plan, _folder, _command, _processes, _shardsOptimizer, _secondsBefore) =
            (plan, folder, command, processes, shardsOptimizer, folder.Number("figures", "trainingSeconds") ?? 0);

    /// <summary>Why the training ended before its last epoch; null if it did not.</summary>
    public string? StopReason { get; private set; }

    /// <summary>Trains, from the last checkpoint if there is one, and evaluates.</summary>
    /// <param name="workers">Threads that prepare batches.</param>
    /// <param name="saveEvery">Time between two checkpoints: what a killed process loses at most.</param>
    /// <param name="says">Receives where a resumed run goes on.</param>
    /// <param name="progress">Receives reports.</param>
    /// <param name="finds">Receives what the doctor finds; null trains without one. The bits are the same.</param>
    /// <param name="cancellation">Interrupts; the run can be resumed.</param>
    /// <returns>The evaluation of the best model, as <c>evaluation.json</c> has it.</returns>
    /// <exception cref="OperationCanceledException">It was interrupted; the run says so.</exception>
    /// <exception cref="DivergedException">It diverged; the run says so.</exception>
    /// <exception cref="WorkbenchException">Something cannot be written, or another process trains the run.</exception>
    public JsonObject Train(
        int workers, TimeSpan saveEvery, Action<string>? says, IProgress<TrainProgress>? progress,
        Action<TrainingFinding>? finds, CancellationToken cancellation)
    {
        using FileStream held = _folder.Hold();
        var checkpoints = new Checkpoints(_folder.CheckpointsPath) { EveryEpochs = 0, EveryTime = saveEvery };
        using var events = new TensorBoardLog(_folder.EventsPath);
        using var live = new LiveLog(_folder.FullPath, Probe());
        Trainer trainer = _plan.CreateTrainer(
            [new CsvLog(_folder.LogPath), events, live], checkpoints, workers, _processes, _shardsOptimizer);
        if (finds is not null) trainer.Options.Doctor = new TrainingDoctor();
        // Nothing in run.json changes before the checkpoint fits what the settings make.
        Resume(trainer, _folder, says);
        try
        {
            Describe();
            SetStatus(RunStatus.Running);
            SampleSet training = _plan.Data.Training, validation = _plan.Data.Validation;
            var reports = new FindingReports(trainer, progress, finds);
            StopReason = trainer.Fit(training.Samples, validation.Samples, reports, cancellation).StopReason;
            if (live.Problem is { } problem) says?.Invoke($"note: the live log has an end: {problem}");
            JsonObject evaluation = Finish(trainer, cancellation);
            SetStatus(StopReason is null ? RunStatus.Completed : RunStatus.Stopped);
            RunReport.Write(_folder.FullPath);
            return evaluation;
        }
        catch (OperationCanceledException)
        {
            AddFigures(trainer);
            SetStatus(RunStatus.Interrupted);
            throw;
        }
        catch (DivergedException divergence)
        {
            AddFigures(trainer);
            _folder.Document["problem"] = divergence.Message;
            SetStatus(RunStatus.Diverged);
            throw;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException
            or InvalidOperationException or InvalidDataException)
        {
            TrySetFailed(failure);
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>Goes on where the newest checkpoint of a run stands.</summary>
    internal static void Resume(Trainer trainer, RunFolder folder, Action<string>? says)
    {
        if (Checkpoints.Latest(folder.CheckpointsPath) is not { } latest)
        {
            if (folder.Number("figures", "steps") > 0) says?.Invoke("There is no checkpoint left: it begins anew.");
            return;
        }

        try
        {
            string taken = trainer.Resume(folder.CheckpointsPath);
            string which = taken == latest ? "" : $", the last checkpoint that is not damaged ({taken})";
            says?.Invoke($"Goes on after epoch {trainer.Epoch}, step {trainer.Iteration}{which}.");
        }
        catch (InvalidDataException failure)
        {
            throw new WorkbenchException(
                $"no checkpoint in \"{folder.CheckpointsPath}\" can be read ({UserText.Of(failure)}). Remove that "
                + "folder to begin the run anew.", failure);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private JsonObject Finish(Trainer trainer, CancellationToken cancellation)
    {
        Preparation preparation = _plan.Data.Preparation;
        trainer.Model.Save(_folder.ModelPath, new SaveOptions
        {
            Metadata = TrainedRun.MetadataOf(_plan.Model.ToJson(), _plan.Data.Preparation.ToJson()),
        });
        JsonObject figures = AddFigures(trainer);
        SampleSet judged = _plan.Data.Test ?? _plan.Data.Validation;
        // The model is that of the best epoch, whose scores are known.
        Scores validation = trainer.History.Best?.Validation
            ?? trainer.Evaluate(_plan.Data.Validation.Samples, cancellation);
        figures["validation"] = FinalEvaluation.ToJson(validation);
        Scores scores = validation;
        if (_plan.Data.Test is { } test)
        {
            scores = trainer.Evaluate(test.Samples, cancellation);
            figures["test"] = FinalEvaluation.ToJson(scores);
        }

        JsonObject evaluation = FinalEvaluation.Measure(trainer.Model, judged, preparation, scores, cancellation);
        evaluation["norms"] = FinalEvaluation.Norms(trainer.Model, _plan.Data.Training, cancellation);
        RunFolder.WriteText(_folder.EvaluationPath, evaluation.ToJsonString(RunJson.Indented) + "\n");
        _folder.Document["weightsHash"] = WeightsHash.Of(trainer.Model);
        return evaluation;
    }

    /// <summary>Settings, data, environment and network: what is known before the first step.</summary>
    private void Describe()
    {
        JsonObject document = _folder.Document;
        var command = new JsonArray([.. _command.Select(static word => (JsonNode)JsonValue.Create(word)!)]);
        if (document["command"] is null) document["command"] = command;
        else document["resumed"] = command;
        document["settings"] = TrainSetting.ToJson(_plan.Settings);
        document["data"] = new JsonObject
        {
            ["summary"] = _plan.Data.Summary,
            ["identity"] = _plan.Data.Identity,
            ["training"] = _plan.Data.Training.Count,
            ["validation"] = _plan.Data.Validation.Count,
            ["test"] = _plan.Data.Test?.Count ?? 0,
            ["notes"] = new JsonArray([.. _plan.Data.Notes.Select(static note => (JsonNode)JsonValue.Create(note)!)]),
        };
        document["environment"] = new JsonObject
        {
            ["evenkeel"] = typeof(Module).Assembly.GetName().Version?.ToString(3),
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["system"] = RuntimeInformation.OSDescription,
            ["processors"] = Environment.ProcessorCount,
            ["threads"] = Compute.Threads,
            ["processes"] = _processes?.Size ?? 1,
        };
        document["preparation"] = JsonNode.Parse(_plan.Data.Preparation.ToJson());
        document["model"] = JsonNode.Parse(_plan.Model.ToJson());
        document.Remove("problem");
        document.Remove("weightsHash");
    }

    private JsonObject AddFigures(Trainer trainer)
    {
        History history = trainer.History;
        var figures = new JsonObject
        {
            ["epochs"] = trainer.Epoch,
            ["steps"] = trainer.Iteration,
            ["bestEpoch"] = history.Best?.Epoch,
            ["monitor"] = history.Monitor,
            ["best"] = history.Best is null ? null : JsonValue.Create(history.BestScore),
            ["trainingSeconds"] = Math.Round(_secondsBefore + history.TrainingSeconds, 3),
            ["samplesPerSecond"] = Math.Round(trainer.ExamplesPerSecond, 1),
            ["parameters"] = trainer.Model.Parameters().Sum(static parameter => (long)parameter.Value.Shape.Count),
        };
        if (history.StopReason is { } reason) figures["stopReason"] = reason;
        _folder.Document["figures"] = figures;
        _folder.Document["findings"] =
            new JsonArray([.. history.Findings.Select(static said => (JsonNode)FindingJson.Of(said))]);
        return figures;
    }

    private void SetStatus(RunStatus status)
    {
        _folder.Status = status;
        _folder.Save();
    }

    /// <summary>A full disk may be the failure: then it cannot be noted either, and the first one counts.</summary>
    private void TrySetFailed(Exception failure)
    {
        try
        {
            _folder.Document["problem"] = UserText.Of(failure);
            SetStatus(RunStatus.Failed);
        }
        catch (WorkbenchException)
        {
            // The status stays "running"; without a process it counts as killed, and can be resumed like it.
        }
    }

    /// <summary>The samples with which the live page shows layers: a batch norm needs two in a batch.</summary>
    private IDataset Probe() =>
        _plan.Data.Validation.Count > 1 ? _plan.Data.Validation.Samples : _plan.Data.Training.Samples;

    /// <summary>Passes reports on, and before each of them what was found since the one before.</summary>
    private sealed class FindingReports(
        Trainer trainer, IProgress<TrainProgress>? progress, Action<TrainingFinding>? finds) : IProgress<TrainProgress>
    {
        // A resumed run has said these before.
        private int _said = trainer.History.Findings.Count;

        public void Report(TrainProgress value)
        {
            IReadOnlyList<TrainingFinding> findings = trainer.History.Findings;
            for (; _said < findings.Count; _said++) finds?.Invoke(findings[_said]);
            progress?.Report(value);
        }
    }
}
