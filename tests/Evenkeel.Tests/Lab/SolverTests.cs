using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Tests.Training;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>The notebook's order of draws and checks.</summary>
public sealed class SolverTests
{
    [Fact]
    public void The_notebooks_order_of_draws_and_checks_is_kept()
    {
        var stream = new RecordingStream();
        var order = new List<string>();
        WatchedSet training = Watched(100, "train"), validation = Watched(40, "validation");
        SolverHistory history = Create(stream, epochs: 2, batchSize: 30).Train(training, validation);

        // max(100 / 30, 1) = 3 iterations per epoch. An epoch draws its batches when it begins. Checks on all samples
        // follow the first iteration and each epoch's end.
        string[] draws = ["100:30", "100:30", "100:30"], check = ["train 100", "validation 40"];
        Assert.Equal([.. draws, .. draws], stream.Calls);
        const string batch = "train 30";
        Assert.Equal([batch, .. check, batch, batch, .. check, batch, batch, batch, .. check], order);
        Assert.Equal(6, history.Losses.Count);
        Assert.Equal(3, history.TrainAccuracies.Count);
        Assert.Equal(3, history.ValidationAccuracies.Count);

        WatchedSet Watched(int count, string name)
        {
            WatchedSet? set = null;
            return set = new WatchedSet(TrainingCase.Samples(count, 1))
            {
                Reading = _ => order.Add($"{name} {set!.Batches[^1].Length}"),
            };
        }
    }

    [Fact]
    public void The_batches_are_those_that_the_stream_has_drawn_one_after_another()
    {
        var set = new WatchedSet(TrainingCase.Samples(100, 1));
        Create(new NumPyRandomState(4), epochs: 2, batchSize: 30).Train(set);
        var random = new NumPyRandomState(4);
        int[][] batches = [.. set.Batches.Where(static batch => batch.Length == 30)];
        Assert.Equal(6, batches.Length);
        Assert.All(batches, batch => Assert.Equal(random.Choice(100, 30), batch));
    }

    [Fact]
    public void A_batch_larger_than_the_set_makes_one_iteration_per_epoch()
    {
        SolverHistory history = Create(new NumPyRandomState(1), epochs: 3, batchSize: 500)
            .Train(TrainingCase.Samples(60, 1), TrainingCase.Samples(40, 2));
        Assert.Equal(3, history.Losses.Count);
        // After the first iteration, which ends an epoch as well, one check and not two.
        Assert.Equal(3, history.TrainAccuracies.Count);
    }

    private static Solver Create(IRandomStream stream, int epochs, int batchSize)
    {
        Sequential model = TrainingCase.Model();
        return new Solver(model, new Adam(model.Parameters(), 0.01), stream, epochs, batchSize);
    }

    /// <summary>Draws 0, 1, 2, ... and notes how many of how many were asked for.</summary>
    private sealed class RecordingStream : IRandomStream
    {
        public List<string> Calls { get; } = [];

        public RandomStreamState State { get => new("fake", []); set => _ = value; }

        public void Choice(int count, Span<int> destination)
        {
            Calls.Add($"{count}:{destination.Length}");
            for (int i = 0; i < destination.Length; i++) destination[i] = i % count;
        }

        public uint NextUInt32() => throw new NotSupportedException();

        public ulong NextUInt64() => throw new NotSupportedException();

        public double NextDouble() => throw new NotSupportedException();

        public double NextNormal() => throw new NotSupportedException();

        public int NextInt(int exclusiveMax) => throw new NotSupportedException();

        public void Fill(Span<float> destination) => throw new NotSupportedException();

        public void Fill(Span<double> destination) => throw new NotSupportedException();

        public void FillNormal(Span<float> destination) => throw new NotSupportedException();

        public void FillNormal(Span<double> destination) => throw new NotSupportedException();

        public int[] Permutation(int count) => throw new NotSupportedException();

        public void Shuffle(Span<int> values) => throw new NotSupportedException();
    }
}
