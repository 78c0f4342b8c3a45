using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// Everything in the library that takes a mean, a variance or a norm of values, on float32 numbers around 1e6 with a
/// deviation of 1. There E[x²] - E[x]² has no digit left, and a mean rounded to float32 misses by 0.03.
/// </summary>
public sealed class FarMeanTests
{
    /// <summary>What the norms promise for hard inputs: two digits less than a float has.</summary>
    private const double Tolerance = 1e-4;

    private const double Eps = 1e-5;

    private static readonly int[] s_matrix = [48, 20], s_planes = [6, 4, 5, 7], s_rows = [5, 6, 40];

    private sealed record Statistic(Func<Tensor> InFloat, Func<double[]> InDouble);

    private static readonly Dictionary<string, Statistic> s_all = new()
    {
        ["BatchNorm (N, C)"] = Batch(s_matrix, static x => x.BatchNorm(null, null, null, Eps)),
        ["BatchNorm (N, C, H, W)"] = Batch(s_planes, static x => x.BatchNorm(null, null, null, Eps)),
        ["BatchNorm (N, C, L)"] = Batch(s_rows, static x => x.BatchNorm(null, null, null, Eps)),
        ["SyncBatchNorm in parts"] = Batch(
            s_planes, static x => x.SyncBatchNorm(null, null, null, Eps, parts: [1, 3, 2])),
        ["SyncBatchNorm (N, C) in parts"] = Batch(
            s_matrix, static x => x.SyncBatchNorm(null, null, null, Eps, parts: [1, 30, 17])),
        ["MaskedBatchNorm (N, C)"] = Batch(
            s_matrix, static x => x.MaskedBatchNorm(Tensor.Ones([48, 1]), null, null, null, Eps)),
        ["MaskedBatchNorm (N, C, H, W)"] = Batch(
            s_planes, static x => x.MaskedBatchNorm(Tensor.Ones([6, 1, 5, 7]), null, null, null, Eps)),
        ["BatchNormalization, channels last, masked"] = Norm([6, 9, 5], static i => i % 5, static x =>
            new BatchNormalization(5, NormConvention.Keras with { Eps = Eps }).Forward(x, Tensor.Ones([6, 9]))),
        ["BatchNormalization, channels last"] = Norm([6, 9, 5], static i => i % 5,
            static x => new BatchNormalization(5, NormConvention.Keras with { Eps = Eps }).Forward(x)),
        ["GhostBatchNorm"] = Norm(s_planes, static i => (i / 420 * 4) + (i / 35 % 4),
            static x => x.GhostBatchNorm(3, null, null, new RunningStatistics(4, RunningAverage.Torch()), Eps)),
        ["BatchRenorm"] = Renorm(),
        ["LayerNorm"] = Norm(s_matrix, static i => i / 20, static x => x.LayerNorm([20], null, null, Eps)),
        ["LayerNorm of 3"] = Norm([40, 3], static i => i / 3, static x => x.LayerNorm([3], null, null, Eps)),
        ["LayerNorm of 3 dimensions"] = Norm(
            s_planes, static i => i / 140, static x => x.LayerNorm([4, 5, 7], null, null, Eps)),
        ["GroupNorm (N, C)"] = Norm(s_matrix, static i => i / 5, static x => x.GroupNorm(4, null, null, Eps)),
        ["GroupNorm (N, C, H, W)"] = Norm(s_planes, static i => i / 70, static x => x.GroupNorm(2, null, null, Eps)),
        ["GroupNorm (N, C, L)"] = Norm(s_rows, static i => i / 80, static x => x.GroupNorm(3, null, null, Eps)),
        ["GroupNorm, few values"] = Norm([4, 6, 3], static i => i / 6, static x => x.GroupNorm(3, null, null, Eps)),
        ["InstanceNorm"] = Norm(s_planes, static i => i / 35, static x => x.InstanceNorm(null, null, null, Eps)),
        ["InstanceNorm of 3"] = Norm([6, 4, 3], static i => i / 3, static x => x.InstanceNorm(null, null, null, Eps)),
        ["RMSNorm"] = new(() => Taped(s_matrix).RMSNorm([20], null, Eps), static () => Rms(s_matrix, 20)),
        ["Linear with standardized weights"] = Norm(
            [20, 20], static i => i / 20, static x => Standardized(x).Forward(Identity(20)).Permute(1, 0), 1e-6),
        ["Conv2d with standardized weights"] = Norm(
            [6, 2, 3, 3], static i => i / 18, static x => Standardized2d(x), 1e-6),
        ["BatchNorm in eval"] = Eval(s_planes),
        ["BatchNorm (N, C) in eval"] = Eval(s_matrix),
        ["InstanceNorm in eval"] = InstanceEval(),
        ["Running statistics of BatchNorm"] = Follow(s_planes, static (x, running) => x.BatchNorm(null, null, running)),
        ["Running statistics of BatchNorm (N, C)"] = Follow(
            s_matrix, static (x, running) => x.BatchNorm(null, null, running)),
        ["Running statistics of BatchNorm in parts"] = Follow(
            s_matrix, static (x, running) => x.SyncBatchNorm(null, null, running, parts: [8, 40])),
        ["Running statistics under a mask"] = Follow(
            s_planes, static (x, running) => x.MaskedBatchNorm(Tensor.Ones([6, 1, 5, 7]), null, null, running)),
        ["Running statistics of renormalization"] = Follow(
            s_planes, static (x, running) => x.BatchRenorm(null, null, running)),
        ["Recalibrate, layer by layer"] = Recalibrated(s_planes, RecalibrationOrder.LayerByLayer),
        ["Recalibrate (N, C)"] = Recalibrated(s_matrix, RecalibrationOrder.LayerByLayer),
        ["Recalibrate, all at once"] = Recalibrated(s_planes, RecalibrationOrder.AllAtOnce),
        ["Variance of all"] = new(() => Float(s_matrix).Variance(), static () => [VarianceOf(Values(s_matrix), 1)]),
        ["Variance of columns"] = new(() => Float(s_matrix).Variance([0], correction: 0),
            static () => Columns(s_matrix, static column => VarianceOf(column, 0))),
        ["Variance of rows"] = new(() => Float(s_matrix).Variance([1]),
            static () => [.. Values(s_matrix).Chunk(20).Select(static row => VarianceOf(row, 1))]),
        ["TensorStatistics"] = new(static () => Tensor.From([TensorStatistics.Of(Float(s_planes)).Std], [1]),
            static () => [Math.Sqrt(VarianceOf(Values(s_planes), 1))]),
        ["InitReport"] = new(
            static () => Tensor.From(
                [new Sequential(Standardized(Float([20, 20]))).InitReport().Layers[0].MeasuredVariance], [1]),
            static () => [VarianceOf(Values([20, 20]), 0)]),
    };

    public static TheoryData<string> All => [.. s_all.Keys];

    [Theory]
    [MemberData(nameof(All))]
    public void A_mean_a_million_deviations_away_leaves_the_digits(string name)
    {
        double[] expected = s_all[name].InDouble(), actual = s_all[name].InFloat().To(DType.Float64).ToArray<double>();
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            // Written so that a NaN fails too.
            if (!(Math.Abs(actual[i] - expected[i]) <= Tolerance * Math.Max(1, Math.Abs(expected[i]))))
                Assert.Fail($"{name}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    private static Statistic Batch(int[] shape, Func<Tensor, Tensor> norm)
    {
        int channels = shape[1], spatial = shape[2..].Aggregate(1, static (a, b) => a * b);
        return Norm(shape, i => i / spatial % channels, norm);
    }

    private static Statistic Norm(int[] shape, Func<int, int> groupOf, Func<Tensor, Tensor> norm, double eps = Eps) =>
        new(() => norm(Taped(shape)), () => NaiveNorm.Run(
            Values(shape), new double[Values(shape).Length], [1], [0], eps, groupOf, static _ => 0).Y);

    /// <summary>The running statistics are a little off, within the limits: the output is what they give.</summary>
    private static Statistic Renorm()
    {
        int[] shape = s_planes;
        return new(
            () => Taped(shape).BatchRenorm(null, null, Moved(4), RenormLimits.Constant(3, 5), Eps),
            () => [.. Values(shape).Select(static x => (x - 1e6) / Math.Sqrt(1.25 + Eps))]);
    }

    private static Statistic Eval(int[] shape) => new(
        () => new Tape(Mode.Eval).Input(Float(shape)).BatchNorm(null, null, Moved(shape[1]), Eps),
        () => [.. Values(shape).Select(static x => (x - 1e6) / Math.Sqrt(1.25 + Eps))]);

    private static Statistic InstanceEval() => new(
        () => new Tape(Mode.Eval).Input(Float(s_planes)).InstanceNorm(null, null, Moved(4), Eps),
        static () => [.. Values(s_planes).Select(static x => (x - 1e6) / Math.Sqrt(1.25 + Eps))]);

    private static Statistic Follow(int[] shape, Action<Tensor, RunningStatistics> pass) => new(
        () =>
        {
            var running = new RunningStatistics(shape[1], RunningAverage.Cumulative);
            pass(Taped(shape), running);
            return running.Variance.Value;
        },
        () => Columns(shape, static column => VarianceOf(column, 1)));

    private static Statistic Recalibrated(int[] shape, RecalibrationOrder order) => new(
        () =>
        {
            BatchNorm layer = shape.Length == 2 ? new BatchNorm1d(shape[1]) : new BatchNorm2d(shape[1]);
            new Sequential(layer).Recalibrate(Float(shape), new RecalibrationOptions { Order = order, BatchSize = 2 });
            return layer.Running!.Variance.Value;
        },
        () => Columns(shape, static column => VarianceOf(column, 1)));

    private static RunningStatistics Moved(int channels)
    {
        var running = new RunningStatistics(channels, RunningAverage.Torch());
        running.Mean.Value.Fill(1e6);
        running.Variance.Value.Fill(1.25);
        return running;
    }

    private static Linear Standardized(Tensor weight)
    {
        var layer = new Linear(20, 20, bias: false) { WeightStandardization = new() };
        layer.Weight.Value.CopyFrom(weight.Clone());
        return layer;
    }

    /// <summary>The weights that a convolution computes with: its answers to pictures of a single 1.</summary>
    private static Tensor Standardized2d(Tensor weight)
    {
        var layer = new Conv2d(2, 6, 3, bias: false) { WeightStandardization = new() };
        layer.Weight.Value.CopyFrom(weight.Clone());
        Tensor points = Tensor.Zeros([18, 2, 3, 3]);
        for (int i = 0; i < 18; i++) points.AsSpan<float>()[(i * 18) + i] = 1;
        return layer.Forward(points).Reshape([18, 6]).Permute(1, 0).Reshape([6, 2, 3, 3]);
    }

    private static Tensor Identity(int n)
    {
        Tensor identity = Tensor.Zeros([n, n]);
        for (int i = 0; i < n; i++) identity.AsSpan<float>()[(i * n) + i] = 1;
        return identity;
    }

    private static double[] Rms(int[] shape, int length) => [.. Values(shape).Chunk(length).SelectMany(
        static row => row.Select(x => x / Math.Sqrt(row.Average(static v => v * v) + Eps)))];

    private static double[] Columns(int[] shape, Func<double[], double> statistic)
    {
        int channels = shape[1], spatial = shape[2..].Aggregate(1, static (a, b) => a * b);
        double[] x = Values(shape);
        return [.. Enumerable.Range(0, channels)
            .Select(c => statistic([.. x.Where((_, i) => i / spatial % channels == c)]))];
    }

    private static double VarianceOf(double[] x, int correction)
    {
        double mean = x.Average(static value => value - 1e6) + 1e6;
        return x.Sum(value => (value - mean) * (value - mean)) / (x.Length - correction);
    }

    private static double[] Values(int[] shape) => [.. Tensor.RandomNormal(
        new Shape(shape), new Philox(1), DType.Float64).ToArray<double>().Select(static v => (double)(float)(1e6 + v))];

    private static Tensor Float(int[] shape) => Tensor.From(Values(shape), new Shape(shape)).To(DType.Float32);

    private static Tensor Taped(int[] shape) => new Tape(Mode.Train).Input(Float(shape));
}
