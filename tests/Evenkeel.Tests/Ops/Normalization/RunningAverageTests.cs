using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>What a running average weighs, how long it remembers, and how it says so.</summary>
public sealed class RunningAverageTests
{
    /// <summary>Relative: a unit of the weight of the new value, 1 - 0.999, which the half life divides by.</summary>
    private const double HalfLives = 1e-11;

    /// <summary>Of a number that is written down with three decimals.</summary>
    private const double ThreeDecimals = 0.5e-3;

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.99)]
    [InlineData(0.5)]
    [InlineData(0.999)]
    public void Half_of_the_old_is_left_after_the_half_life(double keep)
    {
        double halfLife = RunningAverage.Keep(keep).HalfLife;
        Assert.Equal(Math.Log(0.5) / Math.Log(keep), halfLife, HalfLives * halfLife);
        Assert.Equal(0.5, Math.Pow(keep, halfLife), Tolerances.Float64Roundoff);
        Assert.Equal(0.01, Math.Pow(keep, RunningAverage.Keep(keep).BatchesUntil(0.01)), Tolerances.Float64Roundoff);
    }

    [Fact]
    public void Nothing_is_forgotten_or_nothing_kept()
    {
        Assert.Equal(double.PositiveInfinity, RunningAverage.Torch(0).HalfLife);
        Assert.Equal(double.PositiveInfinity, RunningAverage.Cumulative.HalfLife);
        Assert.Equal(0, RunningAverage.Torch(1).HalfLife);
        Assert.Equal(6.58, RunningAverage.Torch(0.1).HalfLife, 0.01);
        Assert.Equal(68.97, RunningAverage.Keep(0.99).HalfLife, 0.01);
        Assert.Throws<ArgumentOutOfRangeException>(() => RunningAverage.Torch().BatchesUntil(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => RunningAverage.Torch().BatchesUntil(0));
    }

    [Fact]
    public void It_says_what_it_does()
    {
        RunningAverage keras = RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased };
        Assert.Equal(
            "0.99 of the old and 0.01 of the new at each batch; half of the old is left after 69 batches, "
            + "1 % after 458; biased variance; from mean 0 and variance 1",
            keras.Describe());
        Assert.Equal(
            "0.9 of the old and 0.1 of the new at each batch; half of the old is left after 6.6 batches, 1 % after 44; "
            + "unbiased variance; from mean 0 and variance 1",
            RunningAverage.Torch().Describe());
        Assert.Equal(
            "the mean of all batches, each with the same weight; unbiased variance; from mean 0 and variance 1",
            RunningAverage.Cumulative.Describe());
        Assert.StartsWith(
            "the start values: no batch is followed", RunningAverage.Torch(0).Describe(), StringComparison.Ordinal);
        Assert.StartsWith("the last batch alone", RunningAverage.Torch(1).Describe(), StringComparison.Ordinal);
        Assert.Equal("0.01, variance=biased", keras.ToString());
    }

    [Fact]
    public void Statistics_say_how_much_of_them_is_start_value()
    {
        foreach (double keep in new[] { 0.9, 0.99, 0, 1 })
        {
            var running = new RunningStatistics(1, RunningAverage.Keep(keep));
            foreach (int batches in new[] { 0, 1, 2, 3, 69, 458 })
            {
                running.NumBatchesTracked.Value.Fill(batches);
                Assert.Equal(Math.Pow(keep, batches), running.StartValuesLeft, Tolerances.Float64Sums);
            }
        }

        var cumulative = new RunningStatistics(1, RunningAverage.Cumulative);
        Assert.Equal(1, cumulative.StartValuesLeft);
        cumulative.NumBatchesTracked.Value.Fill(1);
        Assert.Equal(0, cumulative.StartValuesLeft);
    }

    [Fact]
    public void Loaded_statistics_keep_their_own_past()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("evenkeel-past").FullName, "slow.safetensors");
        var slow = new BatchNorm1d(2, momentum: 0.003);
        var tape = new Tape(Mode.Train);
        for (int batch = 0; batch < 88; batch++)
        {
            tape.Reset();
            slow.Forward(tape.Input(Tensor.RandomNormal([4, 2], new Philox((ulong)batch))));
        }

        double left = Math.Pow(0.997, 88);
        Assert.Equal(left, slow.Running!.StartValuesLeft, Tolerances.Float64Roundoff);
        Assert.Equal(0.768, left, ThreeDecimals);

        // Into a layer of another momentum: by state dict, by file, by a copy.
        var fast = new BatchNorm1d(2);
        fast.LoadStateDict(slow.StateDict());
        Assert.Equal(left, fast.Running!.StartValuesLeft, Tolerances.Float64Roundoff);
        slow.Save(path);
        fast = new BatchNorm1d(2);
        fast.Load(path);
        Assert.Equal(left, fast.Running!.StartValuesLeft, Tolerances.Float64Roundoff);
        Assert.Equal(left, ((BatchNorm1d)fast.Clone()).Running!.StartValuesLeft, Tolerances.Float64Roundoff);

        // From there on its own.
        tape.Reset();
        fast.Forward(tape.Input(Tensor.RandomNormal([4, 2], new Philox(100))));
        Assert.Equal(0.9 * left, fast.Running.StartValuesLeft, Tolerances.Float64Roundoff);
        var cumulative = new BatchNorm1d(2, momentum: null);
        cumulative.Load(path);
        Assert.Equal(left, cumulative.Running!.StartValuesLeft, Tolerances.Float64Roundoff);
        tape.Reset();
        cumulative.Forward(tape.Input(Tensor.RandomNormal([4, 2], new Philox(100))));
        Assert.Equal(left * 88 / 89, cumulative.Running.StartValuesLeft, Tolerances.Float64Roundoff);

        // Recalibrated ones have none left, and a file says so; a file of another program says
        // nothing, and nothing is made up.
        fast.Recalibrate(Tensor.RandomNormal([8, 2], new Philox(3)));
        fast.Save(path);
        var third = new BatchNorm1d(2);
        third.Load(path);
        Assert.Equal(0, third.Running!.StartValuesLeft);
        TensorArchive foreign = SafeTensors.Read(path);
        foreign.Metadata.Clear();
        SafeTensors.Write(path, foreign);
        third.Load(path);
        Assert.Equal(double.NaN, third.Running.StartValuesLeft);
        third.Initialize(Init.KaimingNormal, seed: 1);
        Assert.Equal(1, third.Running.StartValuesLeft);
    }

    [Fact]
    public void Statistics_begin_at_the_start_values_and_return_to_them()
    {
        var running = new RunningStatistics(
            2, RunningAverage.Keep(0.9) with { InitialMean = 0.5, InitialVariance = 3 });
        Assert.Equal([0.5f, 0.5f], running.Mean.Value.ToArray<float>());
        Assert.Equal([3f, 3f], running.Variance.Value.ToArray<float>());
        running.Mean.Value.Fill(9);
        running.Variance.Value.Fill(9);
        running.Reset();
        Assert.Equal([0.5f, 0.5f], running.Mean.Value.ToArray<float>());
        Assert.Equal([3f, 3f], running.Variance.Value.ToArray<float>());
    }
}
