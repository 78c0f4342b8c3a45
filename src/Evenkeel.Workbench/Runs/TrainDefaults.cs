using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// What a training takes where the user says nothing: settings that work for data of this kind and size.
/// </summary>
internal static class TrainDefaults
{
    /// <summary>Steps that a small table is trained for, whatever its size.</summary>
    private const int TableSteps = 3000;

    /// <summary>The settings with every open one filled in.</summary>
    /// <param name="settings">What the user has said.</param>
    /// <param name="data">The data.</param>
    /// <param name="processes">How many processes train together: as many parts has a batch.</param>
    public static TrainSettings Fill(TrainSettings settings, PreparedData data, int processes = 1)
    {
        Shape sample = data.Preparation.SampleShape;
        string model = settings.Model ?? ModelCatalog.DefaultFor(sample);
        bool isFile = ModelCatalog.IsFile(model), isTable = sample.Rank == 1;
        bool isResNet = !isFile && model.StartsWith("resnet", StringComparison.OrdinalIgnoreCase);
        string optimizer = settings.Optimizer ?? (isResNet ? "sgd" : "adam");
        int samples = data.Training.Count;
        int batch = settings.BatchSize ?? BatchFor(samples, isTable);
        int steps = (samples + batch - 1) / batch;
        return settings with
        {
            Model = model,
            // A file of layers says itself where its norms are.
            Norm = settings.Norm ?? (isFile ? null : "batch"),
            Optimizer = optimizer,
            BatchSize = batch,
            Epochs = settings.Epochs ?? (isTable ? Math.Clamp(TableSteps / steps, 10, 200) : isResNet ? 30 : 15),
            LearningRate = settings.LearningRate ?? optimizer switch
            {
                "sgd" => 0.1,
                "nadam" => 2e-3,
                "rmsprop" or "adagrad" => 1e-2,
                _ => 1e-3,
            },
            Momentum = settings.Momentum ?? (optimizer == "sgd" ? 0.9 : 0),
            WeightDecay = settings.WeightDecay ?? (optimizer == "adamw" ? 0.01 : isResNet ? 5e-4 : 0),
            Schedule = settings.Schedule ?? "cosine",
            Parts = settings.Parts ?? processes,
            Augment = settings.Augment ?? (isTable ? null : "none"),
        };
    }

    /// <summary>
    /// Eight steps an epoch or more for few samples, and never so few values that a batch norm measures noise.
    /// </summary>
    private static int BatchFor(int samples, bool isTable)
    {
        int most = isTable && samples >= 50_000 ? 512 : 128, batch = 16;
        while (batch < most && batch * 16 <= samples) batch *= 2;
        return Math.Min(batch, samples);
    }
}
