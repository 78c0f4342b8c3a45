using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>A trained network with the preparation of its data: all that evaluation and prediction need.</summary>
internal sealed class TrainedRun
{
    /// <summary>The layers and the preparation in the file of a model, which needs no run beside it.</summary>
    private const string ModelKey = "evenkeel.model", PreparationKey = OnnxPreparation.Key;

    private TrainedRun(Preparation preparation, Module model, string? note) =>
        (Preparation, Model, Note) = (preparation, model, note);

    public Preparation Preparation { get; }

    public Module Model { get; }

    /// <summary>What should be known about the model; null if there is nothing.</summary>
    public string? Note { get; }

    /// <summary>What the file of a model carries, so that it can be used alone.</summary>
    /// <param name="model">The description of the layers.</param>
    /// <param name="preparation">The preparation of the data.</param>
    public static IReadOnlyDictionary<string, string> MetadataOf(string model, string preparation) =>
        new Dictionary<string, string>(StringComparer.Ordinal) { [ModelKey] = model, [PreparationKey] = preparation };

    /// <summary>
    /// Whether a file is the <c>model.safetensors</c> of a run, with its layers: its header says so, and nothing else
    /// is read.
    /// </summary>
    /// <param name="path">The file.</param>
    public static bool IsModelFile(string path)
    {
        const int most = 1 << 20;
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] begin = new byte[(int)Math.Min(file.Length, most)];
            file.ReadExactly(begin);
            return begin.Length > sizeof(long) + 1 && begin[sizeof(long)] == (byte)'{'
                && begin.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"\"{ModelKey}\"")) > 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Who reads the file says why it cannot be read.
            return false;
        }
    }

    /// <summary>
    /// Reads the best model of a run (that of the last checkpoint if the run has not ended), or the file
    /// <c>model.safetensors</c> of a run, wherever it is now. An ONNX file serves too if the preparation of its data is
    /// in it or is given.
    /// </summary>
    /// <param name="path">The folder of a run, or a file.</param>
    /// <param name="choice">What the user says of the pictures of an ONNX file; a run has its own preparation.</param>
    /// <exception cref="WorkbenchException">There is no run, or no model in it, or they do not fit.</exception>
    public static TrainedRun Open(string path, PictureChoice choice)
    {
        if (OnnxFile.Is(path)) return OpenOnnx(path, choice);
        if (choice != PictureChoice.None)
        {
            throw WorkbenchException.Usage("expected --size, --mean, --std and --classes for an ONNX file alone, got "
                + $"them for {path}, which has its own preparation.");
        }

        if (File.Exists(path)) return OpenFile(path);
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

        string? note = hasEnded ? null : "The run has not ended: this is the best model of its last checkpoint.";
        return Make(path, weights, model.ToJsonString(), preparation.ToJsonString(), note);
    }

    private static TrainedRun OpenOnnx(string path, PictureChoice choice)
    {
        (OnnxModel model, OnnxModule module) = OnnxFile.OpenNetwork(path);
        if (choice == PictureChoice.None && OnnxPreparation.Stored(model) is { } stored)
            return new TrainedRun(stored, module, note: null);
        ImagePreparation pictures = OnnxPreparation.OfPictures(path, model, module, choice, classifies: true);
        return new TrainedRun(pictures, new ForeignClassifier(module, OnnxFile.ScoresOf(model)), note: null);
    }

    private static TrainedRun OpenFile(string path)
    {
        IDictionary<string, string> metadata;
        try
        {
            metadata = SafeTensors.Read(path).Metadata;
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }

        if (!metadata.TryGetValue(ModelKey, out string? model)
            || !metadata.TryGetValue(PreparationKey, out string? preparation))
        {
            throw WorkbenchException.Usage(
                $"expected the folder of a run or its model.safetensors, got \"{path}\", in which there are weights "
                + "only: neither the layers nor the preparation of the data.");
        }

        return Make(path, path, model, preparation, note: null);
    }

    private static TrainedRun Make(string path, string weights, string model, string preparation, string? note)
    {
        try
        {
            using JsonDocument prepared = JsonDocument.Parse(preparation);
            Preparation data = Preparation.FromJson(prepared.RootElement);
            Module network = ModuleDescription.FromJson(model);
            network.Load(weights);
            return new TrainedRun(data, network, note);
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
