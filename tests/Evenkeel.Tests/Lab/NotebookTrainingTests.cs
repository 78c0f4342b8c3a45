using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class NotebookTrainingTests
{
    private const int Epochs = 2;
    private const int BatchSize = 250;
    private const int Steps = 8;

    [Fact]
    public void A_training_that_ends_early_leaves_curves_and_stream_as_long_as_any()
    {
        (TrainingCurves sound, string after) = Train(1e-3);
        Assert.Equal(Steps, sound.Loss.Count);
        Assert.Equal(Epochs + 1, sound.TrainAccuracy.Count);
        Assert.All(sound.Loss, static loss => Assert.True(double.IsFinite(loss)));
        Assert.True(double.IsFinite(sound.FinalLoss()));

        (TrainingCurves diverged, string afterDiverged) = Train(1e30);
        Assert.Equal(Steps, diverged.Loss.Count);
        Assert.Equal(Epochs + 1, diverged.ValidationAccuracy.Count);
        Assert.True(double.IsNaN(diverged.FinalLoss()));
        Assert.True(double.IsFinite(diverged.TrainAccuracy.Max()));
        Assert.Equal(after, afterDiverged);
    }

    [Fact]
    public void Progress_ends_at_one_and_a_cancelled_training_stops()
    {
        var shares = new List<double>();
        var milestones = new List<string>();
        Train(1e-3, progress =>
        {
            shares.Add(progress.Done);
            if (progress.EndsEpoch) milestones.Add(progress.ToString());
        });
        Assert.Equal(1, shares[^1]);
        Assert.Equal(shares.Order(), shares);
        Assert.Equal(Epochs, milestones.Count);
        Assert.StartsWith("epoch 2/2, loss ", milestones[^1], StringComparison.Ordinal);

        using var cancel = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Train(1e-3, _ => cancel.Cancel(), cancel.Token));
    }

    private static (TrainingCurves Curves, string NextDraws) Train(
        double learningRate, Action<SolverProgress>? report = null, CancellationToken cancellation = default)
    {
        var context = new ExperimentContext(new ExperimentSettings(231, 1, DType.Float32, Epochs, Quick: true),
            LabData.Embedded, new Silence(), cancellation);
        var random = new NumPyRandomState(231);
        FullyConnectedNet net = FullyConnectedNet.Create(
            random, 3072, [8], 10, 1e-2, FullyConnectedNet.None, DType.Float32);
        TrainingCurves curves = NotebookTraining.Train(
            context, net, BatchSize, learningRate, random, report ?? (_ => { }));
        return (curves, string.Join(' ', random.Choice(1000, 5)));
    }
}
