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
        LearningRateTest test = tried.FindLearningRate(ofTried, 1e-5, 1, steps: 37);
        Assert.Equal(before, State(tried, ofTried));
        Assert.All(tried.Model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
        Assert.Equal(1e-5, test.Rates[0]);
        // Whatever it does not show would show in the bits of the training that follows.
        tried.Fit(ofTried);
        AssertSame(whole, tried);
        Assert.Equal(State(whole, ofWhole), State(tried, ofTried));
    }

    [Fact]
    public void Rates_grow_evenly_on_a_logarithmic_scale_and_the_losses_are_those_of_the_steps()
    {
        Trainer trainer = Create(new TrainerOptions());
        using var batches = new DataLoader(Samples(100, 1), 20);
        LearningRateTest test = trainer.FindLearningRate(batches, 1e-4, 1e-2, steps: 21);
        Assert.Equal(21, test.Rates.Count);
        for (int i = 0; i < 21; i++) Assert.Equal(1e-4 * Math.Pow(10, i / 10.0), test.Rates[i], 1e-15);

        // The same steps by hand.
        Sequential model = Model();
        var optimizer = new Adam(model.Parameters(), 1);
        var tape = new Tape(Mode.Train);
        TensorDataset data = Samples(100, 1);
        double average = 0;
        for (int i = 0; i < 21; i++)
        {
            optimizer.LearningRate = test.Rates[i];
            tape.Reset();
            int from = i % 5 * 20;
            Tensor loss = model.Forward(tape.Input(data.Inputs.Slice(0, from, 20)))
                .CrossEntropy(data.Targets.Slice(0, from, 20));
            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            Assert.Equal(loss.Item(), test.Losses[i]);
            average = (0.9 * average) + (0.1 * test.Losses[i]);
            Assert.Equal(average / (1 - Math.Pow(0.9, i + 1)), test.Smoothed[i], Tolerances.Float64Steps);
        }

        int best = test.Smoothed.ToList().IndexOf(test.Smoothed.Min());
        Assert.Equal(0.1 * test.Rates[best], test.Suggestion);
        Assert.Equal(FormattableString.Invariant(
            $"learning rate {test.Suggestion:G2} suggested (21 rates from 0.0001 to 0.01 tried)"), test.ToString());
    }

    [Fact]
    public void It_ends_when_the_loss_explodes()
    {
        Sequential model = Model();
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        using var batches = new DataLoader(Samples(100, 1), 20);
        LearningRateTest test = trainer.FindLearningRate(batches, 1e-3, 1e6, steps: 100);
        Assert.InRange(test.Rates.Count, 10, 99);
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
        trainer.FindLearningRate(batches, 1e-4, 1e-2, steps: 10);
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
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.FindLearningRate(batches, steps: 9));
        trainer.Model.Parameters()[0].Value.AsSpan<float>()[0] = float.NaN;
        string before = State(trainer, batches);
        Assert.Contains("expected a finite loss at the learning rate 1E-06, got NaN. Check the data",
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
            string stream = position.Stream is { } state ? $"{state.Kind} {string.Join(' ', state.Words.ToArray())}" : "";
            return $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))} "
                + $"{position.Epoch} {position.Batch} {stream}";
        }
        finally
        {
            File.Delete(path);
        }
    }
}
