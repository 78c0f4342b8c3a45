using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Tests.Workbench;

/// <summary>
/// A training of a second, of a net with everything a log could disturb: batch norm, dropout, momentum.
/// </summary>
internal static class WatchedTraining
{
    public const int StepsPerEpoch = 6;

    public static TensorDataset Validation { get; } = Synthetic.Spirals(samples: 90, seed: 2);

    /// <summary>Makes the trainer, with its first weights.</summary>
    public static Trainer Create(int epochs, Checkpoints? checkpoints, params IReadOnlyList<Callback> callbacks)
    {
        var random = new Philox(5);
        var model = new Sequential(
            new Linear(2, 16, bias: false, random: random), new BatchNorm1d(16), new ReLU(), new Dropout(0.2),
            new Linear(16, 3, random: random));
        return new Trainer(model, new SGD(model.Parameters(), 0.1, momentum: 0.9), new CrossEntropyLoss(),
            new TrainerOptions
            {
                Epochs = epochs,
                BatchSize = 50,
                Seed = 3,
                TrainingSamples = 50,
                Callbacks = callbacks,
                Checkpoints = checkpoints,
            });
    }

    /// <summary>Trains, and returns the hash of the last weights.</summary>
    public static string Run(Trainer trainer, CancellationToken cancellation = default)
    {
        trainer.Fit(Synthetic.Spirals(samples: 300, seed: 1), Validation, cancellationToken: cancellation);
        return WeightsHash.Of(trainer.Model);
    }
}
