using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests;

public sealed class ComputeTests
{
    [Fact]
    public void A_scope_ends_where_it_began()
    {
        int before = Compute.Threads;
        using (Compute.UseThreads(3))
        {
            Assert.Equal(3, Compute.Threads);
            using (Compute.UseThreads(5)) Assert.Equal(5, Compute.Threads);
            Assert.Equal(3, Compute.Threads);
            Compute.Threads = 7;
            Assert.Equal(7, Compute.Threads);
        }

        Assert.Equal(before, Compute.Threads);
    }

    [Fact]
    public async Task A_scope_goes_with_what_it_starts_and_with_nothing_else()
    {
        int before = Compute.Threads;
        using var isOpen = new ManualResetEventSlim();
        using var isSeen = new ManualResetEventSlim();
        CancellationToken token = TestContext.Current.CancellationToken;
        Task<int> other = Task.Run(
            () =>
            {
                isOpen.Wait(token);
                int seen = Compute.Threads;
                isSeen.Set();
                return seen;
            },
            token);
        using (Compute.UseThreads(before + 1))
        {
            isOpen.Set();
            isSeen.Wait(token);
            Assert.Equal(before + 1, await Task.Run(() => Compute.Threads, token));
            await Task.Yield();
            Assert.Equal(before + 1, Compute.Threads);
        }

        Assert.Equal(before, await other);
        Assert.Equal(before, Compute.Threads);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1025)]
    public void Numbers_of_threads_that_cannot_be_are_refused(int threads)
    {
        Assert.Contains(
            "1 to 1024", Assert.Throws<ArgumentOutOfRangeException>(() => Compute.UseThreads(threads)).Message,
            StringComparison.Ordinal);
        Assert.Equal("value", Assert.Throws<ArgumentOutOfRangeException>(() => Compute.Threads = threads).ParamName);
    }

    [Fact]
    public void Two_models_side_by_side_give_the_bits_of_one_after_the_other()
    {
        int[] threads = [1, 2];
        Module[] models = [.. threads.Select(seed => Model((ulong)seed))];
        Tensor images = Tensor.RandomNormal([8, 3, 16, 16], new Philox(9));
        float[][] expected = [.. models.Select(model => model.Predict(images).ToArray<float>())];
        var actual = new float[models.Length][];
        for (int round = 0; round < 20; round++)
        {
            Parallel.For(0, models.Length, i =>
            {
                using (Compute.UseThreads(threads[i])) actual[i] = models[i].Predict(images).ToArray<float>();
            });
            Assert.Equal(expected, actual);
        }
    }

    private static Sequential Model(ulong seed)
    {
        var model = new Sequential(
            new Conv2d(3, 8, 3, padding: 1), new BatchNorm2d(8), new ReLU(), new Flatten(),
            new Linear(8 * 16 * 16, 10));
        model.Initialize(Init.KaimingNormal, seed);
        return model;
    }
}
