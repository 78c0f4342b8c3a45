using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Tests.Nn;

namespace Evenkeel.Tests.Onnx;

/// <summary>A network that is exported, and the shape of its input.</summary>
/// <param name="Make">Makes it.</param>
/// <param name="Shape">The shape of its input.</param>
internal sealed record ExportCase(Func<Module> Make, int[] Shape)
{
    /// <summary>The shape of the second input; null if there is none.</summary>
    public int[]? Second { get; init; }

    public OnnxExportOptions Options { get; init; } = new();
}

/// <summary>
/// Each layer of the library with each option, each network, and each operation. The default tests export them and run
/// the files; tests/Evenkeel.Interop.Tests runs the files in ONNX Runtime.
/// </summary>
internal static class ExportCases
{
    private static readonly int[] s_rows = [2, 4, 9], s_planes = [2, 4, 6, 7], s_volumes = [2, 4, 2, 3, 3];

    private static readonly OnnxExportOptions s_fixed = new() { DynamicBatch = false },
        s_opset17 = new() { Opset = 17 }, s_batch = new() { AllowBatchStatistics = true },
        s_integers = new() { InputType = DType.Int64 };

    public static readonly IReadOnlyDictionary<string, ExportCase> All =
        new Dictionary<string, ExportCase>(
            Layers().Concat(Norms()).Concat(Pools()).Concat(Operations()).Concat(Networks())
                .Select(static one => KeyValuePair.Create(one.Name, one.Case)), StringComparer.Ordinal);

    /// <summary>
    /// The network of a case with statistics of some batches, and weights that are not those of the start.
    /// </summary>
    public static Module Trained(ExportCase one)
    {
        Module model = one.Make();
        var random = new Philox(7, "case");
        foreach (Parameter parameter in model.Parameters())
        {
            Tensor noise = Tensor.RandomNormal(parameter.Shape, random) * 0.1;
            parameter.CopyFrom(parameter.Value.Detach() + noise);
        }

        if (one.Options.InputType == DType.Int64) return model;
        for (int step = 0; step < 2; step++)
        {
            var tape = new Tape(Mode.Train, recordGradients: false);
            Tensor x = tape.Input((Tensor.RandomNormal(new Shape(one.Shape), random) * 1.5) + 0.5);
            if (one.Second is null) model.Forward(x);
            else ((TwoInputModule)model).Forward(x, tape.Input(Second(one)));
        }

        return model;
    }

    /// <summary>Exports a case.</summary>
    public static OnnxExportReport Export(Module model, ExportCase one, string path, OnnxExportOptions? options = null)
    {
        options ??= one.Options;
        return one.Second is { } second
            ? ((TwoInputModule)model).ExportOnnx(path, new Shape(one.Shape), new Shape(second), options)
            : model.ExportOnnx(path, new Shape(one.Shape), options);
    }

    private static Tensor Second(ExportCase one)
    {
        var shape = new Shape(one.Second!);
        return one.Options.SecondInputType == DType.Int64
            ? Tensor.Zeros(shape, DType.Int64)
            : Tensor.RandomNormal(shape, new Philox(8, "second"));
    }

    private static IEnumerable<(string Name, ExportCase Case)> Layers()
    {
        foreach ((string name, ActivationAndShapeCase one) in ActivationAndShapeCases.All)
        {
            yield return (name, new(one.Create, one.Shape)
            {
                Options = name.StartsWith("embedding", StringComparison.Ordinal) ? s_integers : new(),
            });
        }

        foreach ((string name, ConvolutionCase one) in ConvolutionCases.All)
        {
            yield return (name, new(one.Create, one.Input)
            {
                Options = one.Input.Length == one.Spatial + 1 ? s_fixed : new(),
            });
        }

        yield return ("relu", new(static () => new ReLU(), s_rows));
        yield return ("leaky relu", new(static () => new LeakyReLU(0.2), s_rows));
        yield return ("sigmoid", new(static () => new Sigmoid(), s_rows));
        yield return ("tanh", new(static () => new Tanh(), s_rows));
        yield return ("softmax", new(static () => new Softmax(), s_rows));
        yield return ("softmax dim", new(static () => new Softmax(1), s_rows));
        yield return ("log softmax", new(static () => new LogSoftmax(), s_rows));
        yield return ("identity", new(static () => new Identity(), s_rows));
        yield return ("dropout", new(static () => new Sequential(new Dropout(), new Dropout2d()), s_planes));
        yield return ("flatten", new(static () => new Flatten(), s_planes));
        yield return ("flatten some", new(static () => new Flatten(2), s_planes));
        yield return ("flatten with the batch", new(static () => new Flatten(0, 1), s_planes));
        yield return ("unflatten", new(static () => new Unflatten(1, 2, 2), s_planes));
        yield return ("linear", new(static () => new Linear(5, 3), [2, 5]));
        yield return ("linear without bias", new(static () => new Linear(5, 3, bias: false), [2, 5]));
        yield return ("linear of rows", new(static () => new Linear(9, 3), s_rows));
        yield return ("linear of planes without bias", new(static () => new Linear(7, 3, bias: false), s_planes));
        yield return ("pixel shuffle of five dimensions", new(static () => new PixelShuffle(2), [2, 3, 4, 3, 2]));
        yield return ("weight norm", new(
            static () => new Sequential(new Conv2d(4, 3, 3).AddWeightNorm(), new Flatten(),
                new Linear(60, 2).AddWeightNorm(null)), s_planes));
        yield return ("spectral norm", new(
            static () => new Sequential(new Conv2d(4, 3, 3).AddSpectralNorm()), s_planes));
        yield return ("weight standardization", new(
            static () => new Conv2d(4, 6, 3) { WeightStandardization = new() }, s_planes));
        yield return ("gelu 17", new(static () => new GELU(), s_rows) { Options = s_opset17 });
        yield return ("gelu tanh 17", new(static () => new GELU(approximate: true), s_rows) { Options = s_opset17 });
        yield return ("mish 17", new(static () => new Mish(), s_rows) { Options = s_opset17 });
        yield return ("conv2d circular 17", new(ConvolutionCases.All["conv2d circular"].Create, [2, 4, 5, 6])
        {
            Options = s_opset17,
        });
    }

    private static IEnumerable<(string Name, ExportCase Case)> Norms()
    {
        foreach ((string rank, int[] shape, Func<int, Module> plain, Func<int, Module> instance) in new (
            string, int[], Func<int, Module>, Func<int, Module>)[]
        {
            ("1d", s_rows, static c => new BatchNorm1d(c),
                static c => new InstanceNorm1d(c, affine: true, trackRunningStats: true)),
            ("2d", s_planes, static c => new BatchNorm2d(c, eps: 1e-3, momentum: 0.3),
                static c => new InstanceNorm2d(c, affine: true, trackRunningStats: true)),
            ("3d", s_volumes, static c => new BatchNorm3d(c),
                static c => new InstanceNorm3d(c, affine: true, trackRunningStats: true)),
        })
        {
            yield return ($"batch norm {rank}", new(() => plain(4), shape));
            yield return ($"instance norm {rank} tracking", new(() => instance(4), shape));
        }

        yield return ("batch norm of features", new(static () => new BatchNorm1d(5), [6, 5]));
        yield return ("batch norm without gamma", new(static () => new BatchNorm2d(4, affine: false), s_planes));
        yield return ("batch norm cumulative", new(static () => new BatchNorm2d(4, momentum: null), s_planes));
        yield return ("batch norm of the batch", new(
            static () => new BatchNorm2d(4, trackRunningStats: false), s_planes)
        { Options = s_batch });
        yield return ("batch norm of the batch of features", new(
            static () => new BatchNorm1d(5, trackRunningStats: false), [6, 5])
        { Options = s_batch });
        yield return ("keras batch norm", new(
            static () => new BatchNormalization(7, NormConvention.Keras), s_planes));
        yield return ("keras batch norm without scale", new(
            static () => new BatchNormalization(7, NormConvention.Keras, useScale: false), s_planes));
        yield return ("sync batch norm", new(static () => new SyncBatchNorm(4), s_planes));
        yield return ("ghost batch norm 1d", new(static () => new GhostBatchNorm1d(5, 3), [6, 5]));
        yield return ("ghost batch norm 2d", new(static () => new GhostBatchNorm2d(4, 2), s_planes));
        yield return ("ghost batch norm 3d", new(static () => new GhostBatchNorm3d(4, 2), s_volumes));
        yield return ("batch renorm 1d", new(static () => new BatchRenorm1d(5), [6, 5]));
        yield return ("batch renorm 2d", new(static () => new BatchRenorm2d(4), s_planes));
        yield return ("batch renorm 3d", new(static () => new BatchRenorm3d(4), s_volumes));
        yield return ("conditional batch norm of vectors", new(
            static () => new ConditionalBatchNorm(4, 3), s_planes)
        { Second = [2, 3] });
        yield return ("conditional batch norm of classes", new(static () => new ConditionalBatchNorm(4, 3), s_planes)
        {
            Second = [2],
            Options = new() { SecondInputType = DType.Int64 },
        });
        yield return ("instance norm 1d", new(static () => new InstanceNorm1d(4, affine: true), s_rows));
        yield return ("instance norm 2d", new(static () => new InstanceNorm2d(4), s_planes));
        yield return ("instance norm 3d", new(static () => new InstanceNorm3d(4, affine: true), s_volumes));
        yield return ("instance norm of a sample", new(
            static () => new InstanceNorm2d(4, affine: true), [4, 6, 7])
        { Options = s_fixed });
        foreach ((string suffix, OnnxExportOptions options) in new[] { ("", new()), (" 17", s_opset17) })
        {
            yield return ("group norm" + suffix, new(static () => new GroupNorm(2, 4), s_planes) { Options = options });
            yield return ("group norm of one" + suffix,
                new(static () => new GroupNorm(1, 4), s_planes) { Options = options });
            yield return ("group norm without gamma" + suffix,
                new(static () => new GroupNorm(2, 4, affine: false), s_rows) { Options = options });
            yield return ("group norm of channels" + suffix,
                new(static () => new GroupNorm(4, 4), s_planes) { Options = options });
            yield return ("group norm of features" + suffix,
                new(static () => new GroupNorm(2, 6), [2, 6]) { Options = options });
            yield return ("group norm of last channels" + suffix,
                new(static () => new GroupNorm(2, 8, channelAxis: -1), [2, 3, 4, 8]) { Options = options });
            yield return ("rms norm" + suffix, new(static () => new RMSNorm([9]), s_rows) { Options = options });
            yield return ("rms norm of planes" + suffix,
                new(static () => new RMSNorm([6, 7], 1e-3), s_planes) { Options = options });
            yield return ("rms norm without gamma" + suffix,
                new(static () => new RMSNorm([9], elementwiseAffine: false), s_rows) { Options = options });
        }

        yield return ("layer norm", new(static () => new LayerNorm([9]), s_rows));
        yield return ("layer norm of planes", new(static () => new LayerNorm([4, 6, 7], 1e-3), s_planes));
        yield return ("layer norm without bias", new(static () => new LayerNorm([9], bias: false), s_rows));
        yield return ("layer norm without gamma", new(
            static () => new LayerNorm([6, 7], elementwiseAffine: false), s_planes));
        yield return ("filter response norm", new(static () => new FilterResponseNorm(4), s_planes));
        yield return ("filter response norm without tau", new(
            static () => new FilterResponseNorm(4, applyAct: false), s_rows));
        yield return ("local response norm", new(static () => new LocalResponseNorm(3, 0.5, 0.75, 2), s_planes));
        yield return ("local response norm of rows", new(static () => new LocalResponseNorm(5, 0.5), s_rows));
        yield return ("local response norm of volumes", new(static () => new LocalResponseNorm(3, 0.5), s_volumes));
        yield return ("local response norm even", new(static () => new LocalResponseNorm(4, 0.5), s_planes));
        yield return ("local response norm even of rows", new(static () => new LocalResponseNorm(2, 0.5), s_rows));
        yield return ("lp normalization", new(static () => new LpNormalization(), s_planes));
        yield return ("lp normalization 1", new(static () => new LpNormalization(1, dim: -1), s_planes));
        yield return ("lp normalization 3", new(static () => new LpNormalization(3), s_rows));
        yield return ("lp normalization infinite",
            new(static () => new LpNormalization(double.PositiveInfinity), s_rows));
        yield return ("unit normalization", new(static () => new UnitNormalization(-1, -2), s_planes));
        yield return ("dynamic tanh", new(static () => new DynamicTanh([9]), s_rows));
        yield return ("dynamic tanh of channels", new(
            static () => new DynamicTanh([4], channelsLast: false), s_planes));
        yield return ("dynamic erf", new(static () => new DynamicErf([9]), s_rows));
        yield return ("dynamic erf of channels", new(static () => new DynamicErf([4], channelsLast: false), s_planes));
    }

    private static IEnumerable<(string Name, ExportCase Case)> Pools()
    {
        foreach ((string name, PoolingCase one) in PoolingCases.All)
        {
            bool isSample = one.Input.Length == one.Spatial + 1;
            yield return (name, new(one.Create, one.Input) { Options = isSample ? s_fixed : new() });
        }

        yield return ("max pool whole", new(static () => new AdaptiveMaxPool2d(1), s_planes));
        yield return ("avg pool whole", new(static () => new AdaptiveAvgPool2d(1), s_planes));
        yield return ("max pool far padding", new(static () => new MaxPool2d(2, 1, 3), s_planes));
        yield return ("avg pool far padding", new(static () => new AvgPool2d(2, 1, 3), s_planes));
        yield return ("avg pool far padding inside", new(
            static () => new AvgPool2d(2, 1, 3, countIncludePad: false), s_planes));
        yield return ("max pool dilated ceiling", new(
            static () => new MaxPool2d(2, 5, 0, 4, ceilMode: true), [2, 4, 8, 11]));
        yield return ("avg pool dilated 17", new(static () => new AvgPool2d(2, 2, 1, dilation: 2), s_planes)
        {
            Options = s_opset17,
        });
        yield return ("avg pool dilated 17 rows", new(
            static () => new AvgPool1d(3, padding: 1, countIncludePad: false, dilation: 2), s_rows)
        {
            Options = s_opset17,
        });
        yield return ("avg pool dilated 17 volumes", new(
            static () => new AvgPool3d(2, 1, divisorOverride: 5, dilation: (1, 2, 2)), s_volumes)
        {
            Options = s_opset17,
        });
    }

    private static IEnumerable<(string Name, ExportCase Case)> Operations()
    {
        foreach ((string name, int[] shape, Func<Tensor, Tensor> formula) in new (
            string, int[], Func<Tensor, Tensor>)[]
        {
            ("numbers", s_rows, static x => 3 - ((((2 * x) + 1) / 4) - 0.25)),
            ("number over", s_rows, static x => 2 / ((x * x) + 1)),
            ("powers", s_rows, static x => (x.Abs() + 0.5).Pow(1.5) + (x.Abs() + 1).Pow(x)),
            ("functions", s_rows, static x => (x.Exp() + 1).Log() + x.Abs().Sqrt() - (-x) + x.Square()),
            ("two", s_rows, static x => x.Maximum(x.Tanh()) - (x * 0.5).Minimum(x.Sigmoid())),
            ("quotient", s_rows, static x => x / (x.Square() + 1)),
            ("clamp", s_rows, static x => x.Clamp(-0.5, double.PositiveInfinity) + x.Clamp(-1, 0.25)),
            ("mean", s_planes, static x => x.Mean([2, 3])),
            ("mean of the batch", s_planes, static x => x - x.Mean([0], keepDims: true)),
            ("mean of all", s_planes, static x => x * x.Mean()),
            ("sum", s_planes, static x => x.Sum([1], keepDims: true)),
            ("max", s_planes, static x => x.Max(1) + x.Max(1, keepDims: true).Reshape(-1, 6, 7)),
            ("arg max", s_planes, static x => x.ArgMax(1)),
            ("variance", s_planes, static x => x.Variance([1, 2])),
            ("unbiased variance", s_planes, static x => x.Variance([1, 2], keepDims: true, correction: 1)),
            ("concat", s_planes, static x => Tensor.Concat([x, x * 2, Tensor.Ones([1, 4, 6, 7]) * x], 1)),
            ("stack", s_planes, static x => Tensor.Stack([x, x.ReLU()], 2)),
            ("split", s_planes, static x => x.Split(3, 2)[0] - x.Split(3, 2)[1]),
            ("slices", s_planes, static x => x[.., 1, 2..5] * x.Slice(3, 0, 1)[.., 2, 1..4]),
            ("permute", s_planes, static x => x.Permute(0, 2, 3, 1).Transpose(1, 2)),
            ("matrix products", s_planes, static x => x.MatMul(x, transposeB: true).MatMul(x, transposeA: true)
                .MatMul(Tensor.Ones([5, 7]), transposeB: true)),
            ("where", s_planes, static x => Tensor.Where(x.ReLU(), x, x * 0.25)),
            ("channels in groups", s_planes,
                static x => x.Reshape(x.Shape[0] * 2, 2, 6, 7).Permute(1, 0, 2, 3).Permute(1, 0, 2, 3)
                    .Reshape(x.Shape)),
            ("relu of parts", s_rows, static x => x.LeakyReLU(0.1) + x.GELU() + x.Softplus()),
        })
        {
            yield return (name, new(() => new Formula(formula), shape));
        }

        yield return ("gather", new(
            static () => new Formula(static x => x.Gather(1, Tensor.From(new long[] { 2, 0, 1, 1 }, [1, 4]))),
            [1, 3])
        { Options = s_fixed });
        yield return ("numbers of rows in parts", new(
            static () => new PartsOfRows(), [2, 6])
        { Options = s_integers });
        yield return ("gated", new(static () => new Gate(), s_planes) { Second = s_planes });
        yield return ("preprocessing", new(static () => new Conv2d(3, 2, 3), [2, 3, 5, 5])
        {
            Options = new()
            {
                Preprocessing = new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 1 / 255.0),
                PreprocessingInGraph = true,
            },
        });
    }

    private static IEnumerable<(string Name, ExportCase Case)> Networks()
    {
        NormKind[] kinds =
            [NormKind.BatchNorm, NormKind.LayerNorm, NormKind.RMSNorm, NormKind.InstanceNorm, NormKind.GroupNorm(2)];
        foreach (NormKind kind in kinds)
        {
            yield return ($"resnet {kind}", new(
                () => new ResNet(new ResNetOptions { Blocks = 1, Width = 4, Side = 16, Norm = kind }), [2, 3, 16, 16]));
        }

        yield return ("basic block", new(static () => new BasicBlock(4, 8, 8, 2, NormKind.BatchNorm), [2, 4, 8, 8]));
        foreach (bool fold in new[] { false, true })
        {
            string suffix = fold ? " folded" : "";
            yield return ("lenet" + suffix, new(static () => LeNet.Gray(norm: NormKind.BatchNorm), [2, 1, 28, 28])
            {
                Options = new() { Fold = fold },
            });
            yield return ("imagenet resnet" + suffix, new(
                static () => new ImageNetResNet(new ImageNetResNetOptions { Side = 64, Classes = 10 }), [2, 3, 64, 64])
            {
                Options = new() { Fold = fold },
            });
            yield return ("fully connected" + suffix, new(
                static () => new FullyConnected(20, [30, 20], 5, NormKind.BatchNorm, dropout: 0.2), [6, 20])
            {
                Options = new() { Fold = fold },
            });
        }

        yield return ("lenet color", new(static () => LeNet.Color(), [2, 3, 32, 32]));
        yield return ("deep mlp", new(static () => new DeepMLP(16, 8, NormKind.LayerNorm), [6, 16]));
    }

    private sealed class Formula(Func<Tensor, Tensor> formula) : Module
    {
        protected override Tensor ForwardCore(Tensor x) => formula(x);
    }

    /// <summary>Integers through operations that move values.</summary>
    private sealed class PartsOfRows : Module
    {
        private readonly Embedding _table;

        public PartsOfRows() => _table = Register("table", new Embedding(5, 4));

        protected override Tensor ForwardCore(Tensor x) =>
            _table.Forward(x.Slice(1, 0, 4).Reshape(-1, 2, 2)).Sum([1, 2]);
    }

    private sealed class Gate : TwoInputModule
    {
        protected override Tensor ForwardCore(Tensor x, Tensor second) => x * second.Sigmoid();
    }
}
