using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench.Data;

namespace Evenkeel.Workbench.Runs;

/// <summary>A trained network with the preparation of its data: all that evaluation and prediction need.</summary>
internal sealed class TrainedRun
{
    private TrainedRun(RunFolder folder, Preparation preparation, Module model, string? note) =>
        (Folder, Preparation, Model, Note) = (folder, preparation, model, note);

    public RunFolder Folder { get; }

    public Preparation Preparation { get; }

    public Module Model { get; }

    /// <summary>What should be known about the model; null if there is nothing.</summary>
    public string? Note { get; }

    /// <summary>Reads the best model of a run; that of the last checkpoint if the run has not ended.</summary>
    /// <exception cref="WorkbenchException">There is no run, or no model in it, or they do not fit.</exception>
    public static TrainedRun Open(string path)
    {
        RunFolder folder = RunFolder.Open(path);
        string best = Path.Combine(folder.CheckpointsPath, "best.safetensors");
        // The model file is that of a training that has ended; one that goes on has a newer best in its checkpoints.
        bool hasEnded = folder.Status is RunStatus.Completed or RunStatus.Stopped;
        string[] candidates = hasEnded ? [folder.ModelPath, best] : [best, folder.ModelPath];
        string? weights = candidates.FirstOrDefault(File.Exists);
        if (weights is null || folder.Document["model"] is not { } model
            || folder.Document["preparation"] is not { } preparation)
        {
            string advice = folder.Status switch
            {
                RunStatus.Diverged => "It diverged: train anew with a smaller learning rate.",
                RunStatus.Running => "It is being trained: wait a little.",
                _ => $"Go on with 'evenkeel train --resume {path}'.",
            };
            throw new WorkbenchException(
                $"expected a run with a trained model, got \"{path}\", in which no epoch has been saved. {advice}");
        }

        try
        {
            using JsonDocument prepared = JsonDocument.Parse(preparation.ToJsonString());
            Preparation data = Preparation.FromJson(prepared.RootElement);
            Module network = ModuleDescription.FromJson(model.ToJsonString());
            network.Load(weights);
            string? note = !hasEnded
                ? "The run has not ended: this is the best model of its last checkpoint." : null;
            return new TrainedRun(folder, data, network, note);
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidDataException or IOException
            or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new WorkbenchException(
                $"the model of \"{path}\" cannot be read: {UserText.Of(failure)}", failure);
        }
    }

    /// <summary>Measures the model on data with targets.</summary>
    /// <param name="data">The data.</param>
    /// <param name="skipBad">Whether pictures that cannot be decoded are left out.</param>
    /// <param name="notes">Receives what should be known about it.</param>
    /// <param name="cancellation">Stops.</param>
    public JsonObject Evaluate(
        string data, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        SampleSet set = Preparation.Open(data, hasTargets: true, skipBad, notes, cancellation);
        // The trainer is not run, it measures. The loss is the plain one: weights and smoothing belong to training.
        Loss loss = Preparation.IsClassification ? new CrossEntropyLoss() : new MSELoss();
        var options = new TrainerOptions { Metrics = TrainingPlan.Metrics(Preparation, isBalanced: true) };
        var trainer = new Trainer(Model, new SGD(Model.Parameters()), loss, options);
        try
        {
            Scores scores = trainer.Evaluate(set.Samples, cancellation);
            return FinalEvaluation.Measure(Model, set, Preparation, scores, cancellation);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }
}
