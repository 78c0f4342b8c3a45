using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

public sealed class LearningRateTestTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Model_optimizer_schedule_and_loader_are_afterwards_as_before(bool inTheMiddle)
    {
        TensorDataset training = Samples(100, 1);
        Trainer Make()
        {
            Trainer trainer = CreateFull(new TrainerOptions { Epochs = 4, Seed = 2 });
            trainer.Options.Scheduler = new CosineWithWarmup(trainer.Optimizer, 3, 20);
            trainer.Options.ScheduleBy = ScheduleBy.Iteration;
            return trainer;
        }

        DataLoader Loader() => new(training, 20) { Sampler = Sampler.Shuffled(new NumPyRandomState(3)) };
        Trainer whole = Make(), tried = Make();
        using DataLoader ofWhole = Loader(), ofTried = Loader();
        whole.Fit(ofWhole);
        if (inTheMiddle)
        {
            tried.Options.Callbacks = [new Calls { StepEnd = t => { if (t.Iteration == 7) t.Stop("test"); } }];
            tried.Fit(ofTried);
            tried.Restore(ModelWeights.Last);
            tried.Options.Callbacks = [];
        }

        string before = State(tried, ofTried);
        LearningRateTest test = tried.FindLearningRate(ofTried, 1e-5, 1, steps: 17);
        Assert.Equal(before, State(tried, ofTried));
        Assert.All(tried.Model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
        Assert.Equal(1e-5, test.Rates[0]);
        // Whatever it does not show would show in the bits of the training that follows.
        tried.Fit(ofTried);
        AssertSame(whole, tried);
        Assert.Equal(State(whole, ofWhole), State(tried, ofTried));
    }

    [Fact]
    public void Each_rate_takes_the_same_steps_from_the_same_start()
    {
        const int Steps = 7;
        Trainer trainer = Create(new TrainerOptions());
        using var batches = new DataLoader(Samples(100, 1), 20);
        LearningRateTest test = trainer.FindLearningRate(batches, 1e-3, 2e-2, Steps);
        Assert.Equal([1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2], test.Rates);

        TensorDataset data = Samples(100, 1);
        for (int r = 0; r < test.Rates.Count; r++)
        {
            Sequential model = Model();
            var optimizer = new Adam(model.Parameters(), test.Rates[r]);
            var tape = new Tape(Mode.Train);
            double last = 0;
            for (int i = 0; i < Steps; i++)
            {
                tape.Reset();
                int from = i % 5 * 20;
                Tensor loss = model.Forward(tape.Input(data.Inputs.Slice(0, from, 20)))
                    .CrossEntropy(data.Targets.Slice(0, from, 20));
                loss.Backward();
                optimizer.Step();
                optimizer.ZeroGrad();
                last = loss.Item();
            }

            // The last quarter of seven steps is one step.
            Assert.Equal(last, test.Losses[r], Tolerances.Float64Steps);
        }

        Assert.Equal(test.Rates[test.Losses.ToList().IndexOf(test.Losses.Min())], test.Suggestion);
        Assert.Equal(
            FormattableString.Invariant(
                $"learning rate {test.Suggestion:G2} suggested (5 rates from 0.001 to 0.016 tried)"),
            test.ToString());
    }

    [Fact]
    public void A_rate_that_diverges_has_an_infinite_loss_and_is_not_suggested()
    {
        Sequential model = Model();
        var trainer = new Trainer(model, new SGD(model.Parameters()), new MSELoss());
        var data = new TensorDataset(Samples(100, 1).Inputs, Tensor.Ones([100, model.Parameters()[^1].Shape[0]]));
        using var batches = new DataLoader(data, 20);
        LearningRateTest test = trainer.FindLearningRate(batches, 1e-3, 1e30);
        Assert.Equal(double.PositiveInfinity, test.Losses[^1]);
        Assert.InRange(test.Suggestion, 1e-3, 10);
    }

    [Fact]
    public void Groups_keep_their_shares_of_the_rate()
    {
        Sequential model = Model();
        IReadOnlyList<Parameter> all = model.Parameters();
        var optimizer = new SGD([new ParameterGroup(all.Take(2), 0.1), new ParameterGroup(all.Skip(2), 0.02)]);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss());
        var seen = new List<double>();
        using IDisposable hook = model[0].AddForwardHook((_, _, _) =>
            seen.Add(optimizer.Groups[1].LearningRate / optimizer.Groups[0].LearningRate));
        using var batches = new DataLoader(Samples(100, 1), 20);
        trainer.FindLearningRate(batches, 1e-3, 2e-3, steps: 5);
        Assert.Equal(10, seen.Count);
        Assert.All(seen, static share => Assert.Equal(0.2, share, Tolerances.Float64Steps));
        Assert.Equal((0.1, 0.02), (optimizer.Groups[0].LearningRate, optimizer.Groups[1].LearningRate));
    }

    [Fact]
    public void A_cancelled_test_leaves_everything_as_it_was()
    {
        Trainer trainer = CreateFull(new TrainerOptions());
        using var batches = new DataLoader(Samples(100, 1), 20, shuffle: true);
        string before = State(trainer, batches);
        using var cancel = new CancellationTokenSource();
        int passes = 0;
        using IDisposable hook = trainer.Model.AddForwardHook((_, _, _) =>
        {
            if (++passes == 12) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(
            () => trainer.FindLearningRate(batches, cancellationToken: cancel.Token));
        Assert.Equal((12, before), (passes, State(trainer, batches)));
    }

    [Fact]
    public void What_can_not_be_tried_is_refused()
    {
        Trainer trainer = Create(new TrainerOptions());
        using var batches = new DataLoader(Samples(100, 1), 20);
        Assert.Contains("expected 0 < minimum < maximum, got 1 and 0.1",
            Assert.Throws<ArgumentOutOfRangeException>(() => trainer.FindLearningRate(batches, 1, 0.1)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.FindLearningRate(batches, steps: 3));
        trainer.Model.Parameters()[0].Value.AsSpan<float>()[0] = float.NaN;
        string before = State(trainer, batches);
        Assert.Contains("expected a rate from 0.0001 to 10 with finite losses, got none. Check the data",
            Assert.Throws<InvalidOperationException>(() => trainer.FindLearningRate(batches)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, State(trainer, batches));
        trainer = Create(new TrainerOptions { Epochs = 1 });
        trainer.Options.Callbacks = [new Calls { StepEnd = t => t.FindLearningRate(batches) }];
        Assert.Contains("expected no training under way",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(Samples(20, 1))).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Everything that a checkpoint holds, and where the loader stands.</summary>
    private static string State(Trainer trainer, DataLoader loader)
    {
        string path = Path.GetTempFileName();
        try
        {
            trainer.SaveCheckpoint(path);
            LoaderPosition position = loader.Position;
            string stream = position.Stream is { } state
                ? $"{state.Kind} {string.Join(' ', state.Words.ToArray())}"
                : "";
            return $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))} "
                + $"{position.Epoch} {position.Batch} {stream}";
        }
        finally
        {
            File.Delete(path);
        }
    }
}
