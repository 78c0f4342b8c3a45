using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Evenkeel.Workbench.Models;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class ModelCostTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Memory_is_that_of_a_training_and_time_is_that_of_its_steps(bool classification)
    {
        Module model = ModelCatalog.Create("mlp:64,32", [13], 3, NormKind.BatchNorm, 0.5, new Philox(1));
        ModelCost cost = ModelCost.Measure(model, [13], 3, classification, batchSize: 16, stepsPerEpoch: 100);
        int count = model.Parameters().Sum(static parameter => parameter.Value.Count);
        Assert.Equal((count, 4L * count, 12L * count), (cost.Parameters, cost.ParameterBytes, cost.TrainingBytes));
        Assert.Equal(cost.Step * 100, cost.Epoch);
        Assert.InRange(cost.Step, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(10));

        var data = new TensorDataset(Tensor.Zeros([32, 13]),
            classification ? Tensor.Labels(new int[32]) : Tensor.Zeros([32, 3]));
        Module trained = model.Clone();
        var trainer = new Trainer(trained, new Adam(trained.Parameters()),
            classification ? new CrossEntropyLoss() : new MSELoss(), new TrainerOptions { Epochs = 1, BatchSize = 16 });
        trainer.Fit(data);
        Assert.Equal(trainer.TapeCapacityInBytes, cost.TapeBytes);
        Assert.Equal(cost.ParameterBytes + cost.TrainingBytes + cost.TapeBytes, cost.TotalBytes);
    }

    [Fact]
    public void The_model_is_not_touched()
    {
        Module model = ModelCatalog.Create("mlp:8", [4], 2, NormKind.BatchNorm, 0.5, new Philox(1));
        double[] before = Values(model);
        ModelCost.Measure(model, [4], 2, classification: true, batchSize: 8, stepsPerEpoch: 1);
        Assert.Equal(before, Values(model));
        Assert.All(model.Parameters(), static parameter => Assert.True(parameter.Gradient is null));
    }

    [Fact]
    public void A_batch_that_the_network_cannot_take_is_refused()
    {
        Module model = ModelCatalog.Create("mlp:8", [4], 2, null, 0, new Philox(1));
        Assert.Throws<ArgumentException>(() => ModelCost.Measure(model, [5], 2, true, 8, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ModelCost.Measure(model, [4], 2, true, 0, 1));
    }

    private static double[] Values(Module model) =>
        [.. model.StateDict().SelectMany(static entry => entry.Value.To(DType.Float64).ToArray<double>())];
}
