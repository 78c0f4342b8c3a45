using System.Runtime.InteropServices;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class DataLoaderTests
{
    private static readonly Transform[] s_transforms =
        [new Resize(32, 32), new RandomCrop(32, padding: 4), new RandomGrayscale(0.8), new ToTensor()];

    [Theory]
    [InlineData(60000, 256, LastBatch.Merge, "60000 samples in 235 batches of 256, the last of 96", 60000)]
    [InlineData(60000, 256, LastBatch.Drop, "60000 samples in 234 batches of 256; 96 left out", 59904)]
    [InlineData(513, 256, LastBatch.Merge, "513 samples in 2 batches of 256, the last of 257", 513)]
    [InlineData(513, 256, LastBatch.DropSingle, "513 samples in 2 batches of 256; 1 left out", 512)]
    [InlineData(513, 256, LastBatch.Keep, "513 samples in 3 batches of 256, the last of 1", 513)]
    [InlineData(514, 256, LastBatch.Error, "514 samples in 3 batches of 256, the last of 2", 514)]
    [InlineData(512, 256, LastBatch.Error, "512 samples in 2 batches of 256", 512)]
    [InlineData(10, 256, LastBatch.Drop, "10 samples in 1 batch of 10", 10)]
    [InlineData(17, 16, LastBatch.Merge, "17 samples in 1 batch of 17", 17)]
    [InlineData(1, 16, LastBatch.Merge, "1 sample in 1 batch of 1", 1)]
    [InlineData(7, 1, LastBatch.Error, "7 samples in 7 batches of 1", 7)]
    public void The_plan_is_known_before_the_first_epoch(
        int samples, int batchSize, LastBatch lastBatch, string text, int used)
    {
        var plan = new BatchPlan(samples, batchSize, lastBatch);
        Assert.Equal((text, used), (plan.ToString(), plan.Used));
        int sum = 0;
        for (int batch = 0; batch < plan.Batches; batch++) sum += plan.SizeOf(batch);
        Assert.Equal(used, sum);
        Assert.Equal(Enumerable.Range(0, plan.Batches).Max(plan.SizeOf), plan.LargestSize);
        Assert.Equal(plan.LastSize == 1 && batchSize > 1, plan.EndsWithSingle);
    }

    [Fact]
    public void A_single_sample_left_over_is_refused_before_the_first_epoch()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => new DataLoader(Numbers(33), 16, lastBatch: LastBatch.Error));
        Assert.Contains(
            "33 samples in 2 batches of 16 and one of a single sample", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new BatchPlan(1, 16, LastBatch.DropSingle));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchPlan(0, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DataLoader(Numbers(3), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DataLoader(Numbers(3), 1, workers: -1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_epoch_visits_every_sample_in_its_own_order(int workers)
    {
        using var loader = new DataLoader(Numbers(33), 8, shuffle: true, workers: workers, seed: 5);
        var orders = new List<int[]>();
        for (int epoch = 0; epoch < 3; epoch++)
        {
            var seen = new List<int>();
            int number = 0;
            foreach (Batch batch in loader)
            {
                Assert.Equal((number, loader.Plan.SizeOf(number)), (batch.Number, batch.Count));
                Assert.Equal([batch.Count, 1], batch.Inputs.Shape);
                Assert.Equal(batch.Indices.ToArray().Select(static i => (float)i), batch.Inputs.ToArray<float>());
                Assert.Equal(batch.Indices.ToArray().Select(static i => (long)i % 3), batch.Targets.ToArray<long>());
                seen.AddRange(batch.Indices);
                number++;
            }

            Assert.Equal(4, number);
            Assert.Equal(Enumerable.Range(0, 33), seen.Order());
            orders.Add([.. seen]);
        }

        Assert.NotEqual(orders[0], orders[1]);
        Assert.NotEqual(orders[1], orders[2]);
        Assert.Equal(new Philox(5, "loader").Split(1UL).Permutation(33), orders[1]);
        loader.NextEpoch = 1;
        Assert.Equal(orders[1], loader.SelectMany(static batch => batch.Indices.ToArray()));
    }

    [Fact]
    public void Batches_do_not_depend_on_the_threads()
    {
        ImageSet images = SyntheticBanknotes.Create(2, 50).Images;
        var runs = new List<ulong>();
        foreach (int workers in new[] { 0, 1, 3 })
        {
            using var loader = new DataLoader(
                new TransformedDataset(images, s_transforms, seed: 9), 16, shuffle: true, workers: workers, seed: 9);
            ulong hash = 14695981039346656037;
            for (int epoch = 0; epoch < 3; epoch++)
            {
                foreach (Batch batch in loader)
                {
                    foreach (byte b in MemoryMarshal.AsBytes(batch.Inputs.AsSpan<float>()))
                        hash = unchecked((hash ^ b) * 1099511628211);
                    foreach (long label in batch.Targets.AsSpan<long>())
                        hash = unchecked((hash ^ (ulong)label) * 1099511628211);
                }
            }

            runs.Add(hash);
        }

        Assert.Equal(runs[0], runs[1]);
        Assert.Equal(runs[0], runs[2]);
    }

    [Fact]
    public void Epochs_are_augmented_anew()
    {
        ImageSet images = SyntheticBanknotes.Create(2, 4).Images;
        using var loader = new DataLoader(new TransformedDataset(images, s_transforms), 4);
        float[] first = loader.Select(static batch => batch.Inputs.ToArray<float>()).Single();
        Assert.NotEqual(first, loader.Select(static batch => batch.Inputs.ToArray<float>()).Single());
        Assert.Equal(2, loader.NextEpoch);
    }

    [Fact]
    public void A_stream_gives_its_own_permutations()
    {
        using var loader = new DataLoader(Numbers(20), 7)
        {
            Sampler = Sampler.Shuffled(new NumPyRandomState(4)),
            DType = DType.Float64,
        };
        var expected = new NumPyRandomState(4);
        for (int epoch = 0; epoch < 2; epoch++)
        {
            Assert.Equal(expected.Permutation(20).Select(static i => (double)i),
                loader.SelectMany(static batch => batch.Inputs.ToArray<double>()));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_failure_comes_where_its_batch_would_have(int workers)
    {
        using var loader = new DataLoader(new FailingSet(40, failsAt: 21), 4, workers: workers);
        int seen = 0;
        InvalidDataException error = Assert.Throws<InvalidDataException>(() =>
        {
            foreach (Batch batch in loader) seen += batch.Count;
        });
        Assert.Equal(("sample 21 is bad", 20), (error.Message, seen));
        Assert.Equal(5, loader.Take(5).Count());
    }

    [Fact]
    public void Leaving_early_ends_the_threads()
    {
        var set = new FailingSet(4000, failsAt: -1);
        using var loader = new DataLoader(set, 4, workers: 3);
        for (int i = 0; i < 20; i++)
        {
            foreach (Batch batch in loader)
            {
                if (batch.Number == i % 4) break;
            }

            int made = set.Reads;
            Thread.Sleep(1);
            Assert.Equal(made, set.Reads);
        }
    }

    [Fact]
    public void An_enumeration_ends_the_one_before_it()
    {
        using var loader = new DataLoader(Numbers(40), 4);
        using IEnumerator<Batch> first = loader.GetEnumerator();
        Assert.Throws<InvalidOperationException>(() => first.Current);
        Assert.True(first.MoveNext());
        Assert.Equal(0, first.Current.Number);
        Assert.Equal(10, loader.Count());
        // In silence, a loop within a loop would end the outer one after its first batch.
        Assert.Contains("one enumeration at a time",
            Assert.Throws<InvalidOperationException>(() => first.MoveNext()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => first.Current);
        Assert.Throws<NotSupportedException>(first.Reset);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Cancellation_reaches_the_loop(int workers)
    {
        using var source = new CancellationTokenSource();
        using var loader = new DataLoader(Numbers(400), 4, workers: workers, cancellationToken: source.Token);
        int seen = 0;
        OperationCanceledException error = Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (Batch batch in loader)
            {
                if (++seen == 7) source.Cancel();
            }
        });
        Assert.Equal((7, source.Token), (seen, error.CancellationToken));
    }

    [Fact]
    public void Cancellation_reaches_a_loop_that_waits()
    {
        using var source = new CancellationTokenSource();
        using var release = new ManualResetEventSlim();
        using var loader = new DataLoader(
            new FailingSet(8, failsAt: -1) { Before = i => release.Wait(i >= 4 ? -1 : 0) }, 4,
            cancellationToken: source.Token);
        int seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (Batch batch in loader)
            {
                seen++;
                // The thread is stuck on the second batch: it is let go only once the loop was told.
                source.CancelAfter(20);
                new Thread(() =>
                {
                    Thread.Sleep(60);
                    release.Set();
                }).Start();
            }
        });
        Assert.Equal(1, seen);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_batch_that_is_kept_beyond_its_turn_throws_instead_of_showing_another_one(int workers)
    {
        using var loader = new DataLoader(Numbers(7), 3, lastBatch: LastBatch.Keep, workers: workers);
        List<Batch> kept = [.. loader];
        Assert.Equal([0, 1, 2], kept.Select(static batch => batch.Number));
        foreach (Batch batch in kept.Take(2))
        {
            string message = Assert.Throws<InvalidOperationException>(() => batch.Inputs).Message;
            Assert.StartsWith("DataLoader: this batch has been kept beyond its turn", message,
                StringComparison.Ordinal);
            Assert.Contains("batch.Clone()", message, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => batch.Targets);
            Assert.Throws<InvalidOperationException>(() => batch.Indices.Length);
            Assert.Throws<InvalidOperationException>(batch.Clone);
        }

        // The last one is not overwritten until the loader is asked again.
        Assert.Equal([6f], kept[2].Inputs.ToArray<float>());
        Batch first = loader.First();
        Assert.Throws<InvalidOperationException>(() => kept[2].Inputs);
        Assert.Equal([0f, 1, 2], first.Inputs.ToArray<float>());

        List<Batch> copies = [.. loader.Select(static batch => batch.Clone())];
        Assert.Throws<InvalidOperationException>(() => first.Targets);
        Assert.Equal([0f, 1, 2, 3, 4, 5, 6], copies.SelectMany(static batch => batch.Inputs.ToArray<float>()));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], copies.SelectMany(static batch => batch.Indices.ToArray()));
    }

    [Fact]
    public void What_shares_the_memory_of_a_batch_goes_with_it()
    {
        using var loader = new DataLoader(Numbers(6), 3, workers: 0);
        using IEnumerator<Batch> epoch = loader.GetEnumerator();
        epoch.MoveNext();
        Tensor inputs = epoch.Current.Inputs, flat = inputs.Reshape([3]), copy = inputs + 0;
        var set = new TensorDataset(inputs, epoch.Current.Targets);
        epoch.MoveNext();
        foreach (Action use in (Action[])[() => inputs.ToArray<float>(), () => flat.ToArray<float>(),
            () => _ = inputs + 1, () => set.CopyTo([0], Tensor.Zeros([1, 1]))])
            Assert.Contains("beyond its turn", Assert.Throws<InvalidOperationException>(use).Message,
                StringComparison.Ordinal);
        Assert.Equal([0f, 1, 2], copy.ToArray<float>());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_steady_batch_allocates_almost_nothing(int workers)
    {
        using var loader = new DataLoader(
            new TransformedDataset(SyntheticFashion.Create(1, 640, 0).Train, [new ToTensor()]), 32, shuffle: true,
            workers: workers);
        foreach (Batch batch in loader) _ = batch.Inputs;
        using IEnumerator<Batch> epoch = loader.GetEnumerator();
        epoch.MoveNext();
        Assert.InRange(Allocations.Of(() => Assert.True(epoch.MoveNext())), 0, 512);
    }

    private static TensorDataset Numbers(int count) => new(
        Tensor.From([.. Enumerable.Range(0, count).Select(static i => (float)i)], [count, 1]),
        Tensor.Labels([.. Enumerable.Range(0, count).Select(static i => i % 3)]));

    private sealed class FailingSet(int count, int failsAt) : IDataset
    {
        private int _reads;

        public int Reads => Volatile.Read(ref _reads);

        public Action<int>? Before { get; init; }

        public int Count => count;

        public Shape SampleShape => [1];

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            Interlocked.Increment(ref _reads);
            Before?.Invoke(indices[0]);
            foreach (int index in indices)
            {
                if (index == failsAt) throw new InvalidDataException($"sample {index} is bad");
            }
        }

        public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets) => targets.AsSpan<long>().Clear();
    }
}
