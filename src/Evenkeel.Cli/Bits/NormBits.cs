using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;

namespace Evenkeel.Cli.Bits;

/// <summary>Batch, layer, group, instance and RMS normalization: forward, backward and running statistics.</summary>
internal static class NormBits
{
    /// <summary>
    /// Matrices and planes below and above the size (16,384 elements) from which the threads share the work.
    /// </summary>
    private static readonly int[][] s_batches =
        [[400, 65], [50, 100], [5, 7], [300, 60], [8, 6, 28, 28], [16, 33, 7, 7], [3, 5, 2, 2, 3], [4, 3, 130]];

    /// <summary>Inputs and how many of the last dimensions are normalized together.</summary>
    private static readonly (int[] Shape, int Normalized)[] s_layers =
        [([50, 100], 1), ([5, 7], 1), ([301, 67], 1), ([3, 1100], 1), ([4, 6, 5, 7], 3), ([2, 9, 33], 2)];

    /// <summary>
    /// Inputs and groups: runs of a pack and more (planes), shorter ones (rows), one group, and one group per channel.
    /// </summary>
    private static readonly (int[] Shape, int Groups)[] s_groups =
        [([16, 32, 14, 14], 8), ([8, 12, 7, 7], 3), ([2, 6, 28, 28], 1), ([3, 10, 5, 5], 10), ([50, 100], 10),
            ([5, 6], 3), ([40, 24, 3, 3], 4), ([7, 6, 2], 6)];

    /// <summary>Planes longer and shorter than a pack, and volumes.</summary>
    private static readonly int[][] s_instances = [[8, 6, 28, 28], [16, 33, 7, 7], [3, 5, 2, 2, 3], [4, 3, 130]];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. s_batches.SelectMany(shape => new[]
        {
            Batch("train", shape, Mode.Train, RunningAverage.Torch(), fuseReLU: false, eps: 1e-5, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("train-relu", shape, Mode.Train, RunningAverage.Torch(), fuseReLU: true, eps: 1e-5, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("eval", shape, Mode.Eval, RunningAverage.Torch(), fuseReLU: false, eps: 1e-5, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("eval-relu", shape, Mode.Eval, RunningAverage.Torch(), fuseReLU: true, eps: 1e-5, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("cs231n", shape, Mode.Train, Cs231n.Average, fuseReLU: false, eps: 1e-5, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("cumulative-eps0", shape, Mode.Train, RunningAverage.Cumulative, fuseReLU: false, eps: 0, probe =>
                probe.NormalAround(2, 1.5, shape)),
            Batch("far-mean", shape, Mode.Train, RunningAverage.Torch(), fuseReLU: false, eps: 1e-5, probe =>
                probe.NormalAround(30_000, 0.25, shape)),
            Form("ghost", shape, (x, running) => x[0].GhostBatchNorm(shape[0] / 2 + 1, x[1], x[2], running)),
            GhostWithReLU(shape, (shape[0] + 2) / 3 + 1),
            Form("renorm", shape, (x, running) => x[0]
                .BatchRenorm(x[1], x[2], running, RenormLimits.Constant(1.5, 0.5))),
            Form("pooled", shape, (x, running) => x[0].SyncBatchNorm(x[1], x[2], running, parts: [1, 0, shape[0] - 1])),
            Batch("outlier", shape, Mode.Train, RunningAverage.Torch(), fuseReLU: false, eps: 1e-5, probe =>
                WithOutliers(probe.Normal(shape))),
        }),
        .. s_batches.Select(shape => new BitsCase($"batchnorm/plain/{ShapeName.Of(shape)}", probe => probe.Pass(
            x => x[0].BatchNorm(null, null, null), probe.NormalAround(2, 1.5, shape)))),
        .. s_batches.Select(shape => new BitsCase($"batchnorm/masked/{ShapeName.Of(shape)}", probe =>
        {
            var running = new RunningStatistics(shape[1],
                RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased });
            running.Mean.To(probe.DType);
            running.Variance.To(probe.DType);
            Tensor mask = Tensor.Zeros(new Shape(shape).With(1, 1), DType.Float64);
            foreach (ref double weight in mask.AsSpan<double>()) weight = probe.Random.NextInt(4) == 0 ? 0 : 1;
            probe.Pass(x => x[0].MaskedBatchNorm(mask, x[1], x[2], running), probe.NormalAround(2, 1.5, shape),
                probe.NormalAround(1, 1, shape[1]), probe.Normal(shape[1]));
            probe.Add("mean", running.Mean.Value);
            probe.Add("variance", running.Variance.Value);
        })),
        .. new[] { NormConvention.Keras, NormConvention.Torch with { ChannelAxis = 2 } }.Select(convention =>
            new BitsCase(
            $"batchnorm/axis{convention.ChannelAxis}/6x28x33x17", probe =>
        {
            var layer = new BatchNormalization(convention.ChannelAxis < 0 ? 17 : 33, convention);
            layer.To(probe.DType);
            probe.Pass(x => layer.Forward(x[0]), probe.NormalAround(2, 1.5, 6, 28, 33, 17));
            foreach ((string key, Tensor tensor) in layer.StateDict()) probe.Add(key, tensor);
        })),
        new("batchnorm/graph/16x33x7x7", probe =>
            probe.Pass(x => GraphNorms.BatchNorm(x[0], x[1], x[2]), probe.NormalAround(2, 1.5, 16, 33, 7, 7),
                probe.Normal(33), probe.Normal(33))),
        .. s_layers.SelectMany(layer => new[]
        {
            Layer("affine", layer.Shape, layer.Normalized, affine: true, fuseReLU: false),
            Layer("relu", layer.Shape, layer.Normalized, affine: true, fuseReLU: true),
            Layer("plain", layer.Shape, layer.Normalized, affine: false, fuseReLU: false),
        }),
        .. s_groups.SelectMany(group => new[]
        {
            Group("affine", group.Shape, group.Groups, fuseReLU: false, probe =>
                probe.NormalAround(2, 1.5, group.Shape)),
            Group("relu", group.Shape, group.Groups, fuseReLU: true, probe => probe.NormalAround(2, 1.5, group.Shape)),
            Group("far-mean", group.Shape, group.Groups, fuseReLU: false, probe =>
                probe.NormalAround(30_000, 0.25, group.Shape)),
            Group("outlier", group.Shape, group.Groups, fuseReLU: false, probe =>
                WithOutliers(probe.Normal(group.Shape))),
        }),
        .. s_instances.SelectMany(shape => new[]
        {
            Instance("own", shape, tracks: false, Mode.Train),
            Instance("train", shape, tracks: true, Mode.Train), Instance("eval", shape, tracks: true, Mode.Eval),
        }),
        .. s_layers.SelectMany(layer =>
            new[] { Rms("affine", layer.Shape, layer.Normalized, fuseReLU: false, scale: 1.5),
                Rms("relu", layer.Shape, layer.Normalized, fuseReLU: true, scale: 1.5),
                Rms("large", layer.Shape, layer.Normalized, fuseReLU: false, scale: 1e20), }),
        new("layernorm/graph/50x100", probe =>
            probe.Pass(x => GraphNorms.LayerNorm(x[0], [100], x[1], x[2]), probe.NormalAround(2, 1.5, 50, 100),
                probe.Normal(100), probe.Normal(100))),
    ];

    /// <summary>Two passes: the second starts from the statistics of the first.</summary>
    private static BitsCase Batch(string what, int[] shape, Mode mode, RunningAverage average, bool fuseReLU,
        double eps, Func<BitsProbe, Tensor> input) => new(
        $"batchnorm/{what}/{ShapeName.Of(shape)}",
        probe =>
        {
            int channels = shape[1];
            BatchNorm? layer = fuseReLU ? Layer(shape, average, eps) : null;
            layer?.To(probe.DType);
            RunningStatistics running = layer?.Running ?? Running(probe, channels, average);
            if (mode == Mode.Eval)
            {
                running.Mean.Value.CopyFrom(probe.Normal(channels));
                running.Variance.Value.CopyFrom(probe.Positive(channels));
            }

            Tensor gamma = probe.NormalAround(1, 1, channels), beta = probe.Normal(channels);
            for (int pass = 0; pass < (mode == Mode.Train ? 2 : 1); pass++)
            {
                if (layer is null) probe.Pass(mode, x => x[0].BatchNorm(x[1], x[2], running, eps),
                    input(probe), gamma, beta);
                else probe.PassWithReLU(mode, layer, input(probe), gamma, beta);
            }

            Add(probe, running);
        });

    private static BitsCase GhostWithReLU(int[] shape, int virtualBatchSize) => new(
        $"batchnorm/ghost-relu/{ShapeName.Of(shape)}",
        probe =>
        {
            int channels = shape[1];
            BatchNorm layer = shape.Length switch
            {
                2 or 3 => new GhostBatchNorm1d(channels, virtualBatchSize),
                4 => new GhostBatchNorm2d(channels, virtualBatchSize),
                _ => new GhostBatchNorm3d(channels, virtualBatchSize),
            };
            layer.To(probe.DType);
            Tensor gamma = probe.NormalAround(1, 1, channels), beta = probe.Normal(channels);
            for (int pass = 0; pass < 2; pass++)
                probe.PassWithReLU(Mode.Train, layer, probe.NormalAround(2, 1.5, shape), gamma, beta);
            Add(probe, layer.Running!);
        });

    private static BatchNorm Layer(int[] shape, RunningAverage average, double eps) => shape.Length switch
    {
        2 or 3 => new BatchNorm1d(shape[1], average, eps),
        4 => new BatchNorm2d(shape[1], average, eps),
        _ => new BatchNorm3d(shape[1], average, eps),
    };

    /// <summary>Two passes of another form, in training.</summary>
    private static BitsCase Form(string what, int[] shape, Func<Tensor[], RunningStatistics, Tensor> norm) => new(
        $"batchnorm/{what}/{ShapeName.Of(shape)}",
        probe =>
        {
            RunningStatistics running = Running(probe, shape[1], RunningAverage.Torch());
            Tensor gamma = probe.NormalAround(1, 1, shape[1]), beta = probe.Normal(shape[1]);
            for (int pass = 0; pass < 2; pass++) probe.Pass(x => norm(x, running),
                probe.NormalAround(2, 1.5, shape), gamma, beta);
            Add(probe, running);
        });

    private static RunningStatistics Running(BitsProbe probe, int channels, RunningAverage average)
    {
        var running = new RunningStatistics(channels, average);
        running.Mean.To(probe.DType);
        running.Variance.To(probe.DType);
        return running;
    }

    private static void Add(BitsProbe probe, RunningStatistics running)
    {
        probe.Add("mean", running.Mean.Value);
        probe.Add("variance", running.Variance.Value);
        probe.Add("batches", running.NumBatchesTracked.Value);
    }

    private static BitsCase Layer(string what, int[] shape, int normalized, bool affine, bool fuseReLU) => new(
        $"layernorm/{what}/{ShapeName.Of(shape)}/{normalized}",
        probe =>
        {
            int[] last = shape[^normalized..];
            Tensor input = probe.NormalAround(2, 1.5, shape);
            if (!affine)
            {
                probe.Pass(x => x[0].LayerNorm(new Shape(last), null, null), input);
                return;
            }

            Tensor gamma = probe.NormalAround(1, 1, last), beta = probe.Normal(last);
            if (fuseReLU) probe.PassWithReLU(Mode.Train, new LayerNorm(new Shape(last)), input, gamma, beta);
            else probe.Pass(x => x[0].LayerNorm(new Shape(last), x[1], x[2]), input, gamma, beta);
        });

    private static BitsCase Group(string what, int[] shape, int groups, bool fuseReLU, Func<BitsProbe, Tensor> input) =>
        new(
        $"groupnorm{groups}/{what}/{ShapeName.Of(shape)}",
        probe =>
        {
            Tensor x = input(probe), gamma = probe.NormalAround(1, 1, shape[1]), beta = probe.Normal(shape[1]);
            if (fuseReLU) probe.PassWithReLU(Mode.Train, new GroupNorm(groups, shape[1]), x, gamma, beta);
            else probe.Pass(taped => taped[0].GroupNorm(groups, taped[1], taped[2]), x, gamma, beta);
        });

    private static BitsCase Instance(string what, int[] shape, bool tracks, Mode mode) => new(
        $"instancenorm/{what}/{ShapeName.Of(shape)}",
        probe =>
        {
            var running = new RunningStatistics(shape[1], RunningAverage.Torch());
            running.Mean.To(probe.DType);
            running.Variance.To(probe.DType);
            Tensor gamma = probe.NormalAround(1, 1, shape[1]), beta = probe.Normal(shape[1]);
            probe.Pass(mode, x => x[0].InstanceNorm(x[1], x[2], tracks ? running : null),
                probe.NormalAround(2, 1.5, shape), gamma, beta);
            probe.Add("mean", running.Mean.Value);
            probe.Add("variance", running.Variance.Value);
        });

    private static BitsCase Rms(string what, int[] shape, int normalized, bool fuseReLU, double scale) => new(
        $"rmsnorm/{what}/{ShapeName.Of(shape)}/{normalized}",
        probe =>
        {
            int[] last = shape[^normalized..];
            Tensor x = probe.NormalAround(0, scale, shape), gamma = probe.NormalAround(1, 1, last);
            if (fuseReLU) probe.PassWithReLU(Mode.Train, new RMSNorm(new Shape(last)), x, gamma);
            else probe.Pass(taped => taped[0].RMSNorm(new Shape(last), taped[1]), x, gamma);
        });

    /// <summary>The first sample 1e6 away from the others: the first guess of every group's mean is far off.</summary>
    private static Tensor WithOutliers(Tensor x)
    {
        int sample = x.Count / x.Shape[0];
        if (x.DType == DType.Float32) x.AsSpan<float>()[..sample].Fill(1e6f);
        else x.AsSpan<double>()[..sample].Fill(1e6);
        return x;
    }
}
