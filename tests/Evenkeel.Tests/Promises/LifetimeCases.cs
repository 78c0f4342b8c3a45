using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Evenkeel.Training;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// Computations whose operands nobody holds but the computation itself: what it is given are copies made for the call,
/// and only the result is kept.
/// Each does enough work for a garbage collection to fall into it.
/// </summary>
internal static class LifetimeCases
{
    /// <summary>Two chunks of an elementwise kernel, so that a helper takes part.</summary>
    private const int Rows = 33, Columns = 1001;

    private static readonly Dictionary<(Shape, DType, double), Tensor> s_values = [];

    /// <summary>Every operation of a plain tensor.</summary>
    public static IEnumerable<(string Name, Func<Tensor> Run)> PlainOps =>
    [
        ("Abs", () => X().Abs()),
        ("Square", () => X().Square()),
        ("Exp", () => X().Exp()),
        ("Log", () => Positive().Log()),
        ("Sqrt", () => Positive().Sqrt()),
        ("Tanh", () => X().Tanh()),
        ("Sigmoid", () => X().Sigmoid()),
        ("ReLU", () => X().ReLU()),
        ("LeakyReLU", () => X().LeakyReLU()),
        ("GELU", () => X().GELU()),
        ("GELU, approximate", () => X().GELU(approximate: true)),
        ("ReLU6", () => X().ReLU6()),
        ("Hardtanh", () => X().Hardtanh(-0.5, 0.5)),
        ("Hardswish", () => X().Hardswish()),
        ("Hardsigmoid", () => X().Hardsigmoid()),
        ("SiLU", () => X().SiLU()),
        ("ELU", () => X().ELU()),
        ("SELU", () => X().SELU()),
        ("CELU", () => X().CELU(0.5)),
        ("PReLU", () => (X() - 0.5).PReLU(X(Columns))),
        ("Softplus", () => X().Softplus()),
        ("Softsign", () => X().Softsign()),
        ("Mish", () => X().Mish()),
        ("GLU", () => X(Rows, 2002).GLU()),
        ("LogSigmoid", () => X().LogSigmoid()),
        ("Clamp", () => X().Clamp(-0.5, 0.5)),
        ("Pow", () => Positive().Pow(1.7)),
        ("Pow of tensors", () => Positive().Pow(X(Columns))),
        ("Maximum", () => X().Maximum(X(Columns))),
        ("Minimum", () => X().Minimum(X(Rows, 1))),
        ("-x", () => -X()),
        ("a + b", () => X() + X()),
        ("a - b", () => X() - X(Columns)),
        ("a * b", () => X(Rows, 1) * X(Columns)),
        ("a / b", () => X() / Positive()),
        ("scalars", () => (1 - (((0.5 + X()) * 2) - 0.25)) / 3),
        ("Sum", () => X().Sum()),
        ("Sum over columns", () => X().Sum([1])),
        ("Sum over rows", () => X().Sum([0], keepDims: true)),
        ("Mean", () => X().Mean([0])),
        ("Variance", () => X().Variance([1])),
        ("Max", () => X().Max()),
        ("Max over rows", () => X().Max(0)),
        ("ArgMax", () => X().ArgMax()),
        ("Softmax", () => X().Softmax()),
        ("LogSoftmax", () => X().LogSoftmax(0)),
        ("CrossEntropy", () => X().CrossEntropy(Labels(Rows, Columns))),
        ("MultiClassHinge", () => X().MultiClassHinge(Labels(Rows, Columns))),
        ("MeanSquaredError", () => X().MeanSquaredError(X())),
        ("CrossEntropy, weighted", () => X().CrossEntropy(Labels(Rows, Columns), Positive(Columns), 0, 0.1)),
        ("CrossEntropy of probabilities", () => X(Rows, 7, 11, 13).CrossEntropy(X(Rows, 7, 11, 13))),
        ("NegativeLogLikelihood",
            () => X().NegativeLogLikelihood(Labels(Rows, Columns), Positive(Columns))),
        ("MeanAbsoluteError", () => X().MeanAbsoluteError(X())),
        ("Huber", () => X().Huber(X())),
        ("SmoothL1", () => X().SmoothL1(X())),
        ("Hinge", () => X().Hinge(X())),
        ("BinaryCrossEntropyWithLogits", () => X().BinaryCrossEntropyWithLogits(X())),
        ("BinaryCrossEntropyWithLogits, weighted",
            () => X().BinaryCrossEntropyWithLogits(X(), Positive(Rows, 1), Positive(Columns))),
        ("MatMul", () => X(129, 257).MatMul(X(257, 131))),
        ("MatMul, transposed", () => X(257, 129).MatMul(X(131, 257), transposeA: true, transposeB: true)),
        ("MatMul of batches", () => X(5, 65, 67).MatMul(X(5, 67, 71))),
        ("Linear", () => X(129, 257).Linear(X(131, 257), X(131))),
        ("Reshape", () => X().Reshape(Columns, Rows)),
        ("Transpose", () => X().Transpose(0, 1)),
        ("Permute", () => X(4, 17, 30, 31).Permute(2, 0, 3, 1)),
        ("Index", () => X()[1..^1, ..900]),
        ("Flatten", () => X().Flatten().Square()),
        ("Split", () => Tensor.Concat(X().Split(400, 1)[1..], 1)),
        ("Stack", () => Tensor.Stack([X(), X()], 1)),
        ("Where", () => Tensor.Where(X(Rows, 1), X(), X(Columns))),
        ("Gather", () => X().Gather(1, Labels(Rows, Columns).Reshape(-1, 1))),
        ("Slice", () => X().Slice(1, 7, 900)),
        ("Concat", () => Tensor.Concat([X(Rows, 501), X(Rows, 499)], 1)),
        ("Conv1d", () => X(8, 16, 256).Conv1d(X(32, 16, 5), X(32), padding: 2)),
        ("Conv2d", () => X(4, 32, 32, 32).Conv2d(X(64, 32, 3, 3), X(64), padding: 1)),
        ("Conv2d, strided", () => X(8, 16, 32, 32)
            .Convolve(ConvolutionSettings.Planes(2, 1, 1, groups: 2), X(32, 8, 3, 3), X(32), fuseReLU: true)),
        ("Conv2d, reflected", () => X(8, 16, 32, 32).Convolve(
            ConvolutionSettings.Planes(1, 2, 1, groups: 1) with { Mode = PaddingMode.Reflect, },
            X(32, 16, 3, 3), X(32))),
        ("Conv3d", () => X(2, 16, 12, 12, 12).Conv3d(X(32, 16, 3, 3, 3), X(32), padding: 1)),
        ("ConvTranspose1d", () => X(8, 16, 256).ConvTranspose1d(X(16, 32, 5), X(32), stride: 2)),
        ("ConvTranspose2d", () => X(4, 32, 16, 16).ConvTranspose2d(X(32, 16, 4, 4), X(16), stride: 2, padding: 1)),
        ("ConvTranspose3d", () => X(2, 16, 6, 8, 8).ConvTranspose3d(X(16, 16, 2, 2, 2), X(16), stride: 2)),
        ("MaxPool1d", () => X(16, 16, 256).MaxPool1d(3, 2, 1)),
        ("MaxPool2d", () => Images().MaxPool2d(2)),
        ("MaxPool2d, overlapping", () => Images().MaxPool2d(3, 2, 1)),
        ("AvgPool1d", () => X(16, 16, 256).AvgPool1d(3, 2, 1)),
        ("AvgPool2d", () => Images().AvgPool2d(3, 2, 1)),
        ("MaxPool3d", () => X(4, 16, 8, 16, 16).MaxPool3d(3, 2, 1)),
        ("AvgPool3d", () => X(4, 16, 8, 16, 16).AvgPool3d(3, 2, 1)),
        ("AdaptiveAvgPool1d", () => X(16, 16, 256).AdaptiveAvgPool1d(5)),
        ("AdaptiveAvgPool2d", () => Images().AdaptiveAvgPool2d(5)),
        ("AdaptiveAvgPool3d", () => X(4, 16, 8, 16, 16).AdaptiveAvgPool3d(5)),
        ("AdaptiveMaxPool1d", () => X(16, 16, 256).AdaptiveMaxPool1d(5)),
        ("AdaptiveMaxPool2d", () => Images().AdaptiveMaxPool2d(1)),
        ("AdaptiveMaxPool3d", () => X(4, 16, 8, 16, 16).AdaptiveMaxPool3d(5)),
        ("Upsample", () => Images().Upsample(scaleFactor: 2)),
        ("Upsample, blended", () => Images().Upsample((50, 31), mode: UpsampleMode.Bilinear)),
        ("ZeroPad2d", () => Images().ZeroPad2d(1, 2, 3, 4)),
        ("PixelShuffle", () => Images().PixelShuffle(2)),
        ("Embedding", () => Labels(900, Rows).Embedding(X())),
        ("LocalResponseNorm", () => Images().LocalResponseNorm(5)),
        ("BatchNorm", () => Images().BatchNorm(X(16), X(16), Running(16))),
        ("BatchNorm, training",
            () => Train(running => Images().BatchNorm(X(16), X(16), running, training: true, fuseReLU: true), 16)),
        ("BatchNorm, training, columns",
            () => Train(running => X().BatchNorm(X(Columns), X(Columns), running, training: true), Columns)),
        ("GhostBatchNorm",
            () => Train(running => Images().GhostBatchNorm(1, X(16), X(16), running, training: true), 16)),
        ("SyncBatchNorm",
            () => Train(running => Images().SyncBatchNorm(X(16), X(16), running, training: true, parts: [1, 1]), 16)),
        ("BatchRenorm", () => Images().BatchRenorm(X(16), X(16), Running(16))),
        ("MaskedBatchNorm", () => Train(
            running => Images().MaskedBatchNorm(Mask(2, 1, 32, 32), X(16), X(16), running, training: true), 16)),
        ("LayerNorm", () => X().LayerNorm([Columns], X(Columns), X(Columns))),
        ("LayerNorm, plain", () => X().LayerNorm([Columns], null, null)),
        ("RMSNorm", () => X().RMSNorm([Columns], X(Columns))),
        ("GroupNorm", () => Images().GroupNorm(4, X(16), X(16))),
        ("GroupNorm, rows", () => X(64, 64, 3, 3).GroupNorm(8, X(64), X(64))),
        ("InstanceNorm", () => Images().InstanceNorm(X(16), X(16))),
        ("InstanceNorm, eval", () => Images().InstanceNorm(X(16), X(16), Running(16))),
        ("Normalize", () => X().Normalize([1])),
        ("Normalize, p 1.5", () => X().Normalize([0], 1.5)),
        ("Normalize, p infinite", () => X().Normalize([1], double.PositiveInfinity)),
        ("FilterResponseNorm", () => Images().FilterResponseNorm(X(16), X(16), X(16))),
        ("DynamicTanh", () => X().DynamicTanh(X(1), X(Columns), X(Columns))),
        ("DynamicErf", () => Images().DynamicErf(X(1), X(1), X(16), X(16), channelsLast: false)),
        ("Dropout", () => X().Dropout()),
        ("Dropout2d", () => Images().Dropout2d()),
        ("Clone", () => X().Clone()),
        ("Detach", () => X().Detach()),
        ("To", () => X(Rows, 101).To(DType.Float64)),
        ("CopyFrom", () => Made([Rows, Columns], y => y.CopyFrom(X()))),
        ("Fill", () => Made([Rows, Columns], y => y.Fill(0.3))),
        ("Zeros", () => Tensor.Zeros([Rows, Columns])),
        ("Ones", () => Tensor.Ones([Rows, Columns])),
        ("Full", () => Tensor.Full([Rows, Columns], 3)),
        ("Scalar", () => Tensor.Scalar(X(1).Item())),
        ("From", () => Tensor.From(X().ToArray<float>(), [Rows, Columns])),
        ("Labels", () => Tensor.Labels(1, 2, 3)),
        ("RandomNormal", () => Tensor.RandomNormal([4, Columns], new Philox(7))),
        ("RandomUniform", () => Tensor.RandomUniform([Rows, Columns], new Philox(7))),
        ("a span outlives its tensor", SpanAfterTensor),
    ];

    /// <summary>What else takes the address of a tensor's memory, on a tape or off.</summary>
    public static IEnumerable<(string Name, Func<Tensor> Run)> Others =>
    [
        ("NumPyRandomState", () => Tensor.RandomNormal([4, Columns], new NumPyRandomState(7))),
        ("TorchGenerator", () => Tensor.RandomNormal([4, Columns], new TorchGenerator(7))),
        ("TorchGenerator in double", () => Tensor.RandomNormal([4, Columns], new TorchGenerator(7), DType.Float64)),
        ("SGD", () => Step(parameters => new SGD(parameters, 0.1, momentum: 0.9))),
        ("RMSprop", () => Step(parameters => new RMSprop(parameters, 0.1, momentum: 0.9, centered: true))),
        ("Adam", () => Step(parameters => new Adam(parameters, 0.1))),
        ("AdamW", () => Step(parameters => new AdamW(parameters, 0.1))),
        ("NAdam", () => Step(parameters => new NAdam(parameters, 0.1))),
        ("RAdam", () => Step(parameters => new RAdam(parameters, 0.1))),
        ("Adagrad", () => Step(parameters => new Adagrad(parameters, 0.1))),
        ("GradientClipping.Norm", () => Clip(parameter => GradientClipping.Norm([parameter], 1))),
        ("GradientClipping.Value", () => Clip(parameter => GradientClipping.Value([parameter], 0.5))),
        ("Backward of a watched parameter", Watched),
        ("Backward", () => Gradient(
            x => x.Conv2d(X(16, 8, 3, 3), X(16), padding: 1).ReLU().MaxPool2d(2).GroupNorm(4, X(16), X(16)).Mean(), 4,
            8, 32, 32)),
        ("Backward of layers that change shapes", () => Gradient(x => x
            .ConvTranspose2d(X(8, 16, 4, 4), X(16), stride: 2, padding: 1).PixelShuffle(2)
            .Upsample((70, 50), mode: UpsampleMode.Bilinear).ZeroPad2d(1, 2, -3, 4).AvgPool2d(3, 2, 1)
            .Conv2d(X(8, 4, 3, 3), X(8), padding: Padding.Sides(2, 0, 1, 3)).Mean(), 2, 8, 16, 16)),
        ("Backward of volumes", () => Gradient(x => x
            .Conv3d(X(8, 8, 3, 3, 3), X(8), padding: 1).MaxPool3d(2)
            .ConvTranspose3d(X(8, 8, 2, 2, 2), X(8), stride: 2).AvgPool3d(3, 2, 1).Mean(), 2, 8, 8, 12, 12)),
        ("Backward of an embedding", () => Gradient(x => Labels(900, Rows).Embedding(x).Mean(), Rows, Columns)),
        ("Backward of activations", () => Gradient(x => (x - 0.5).PReLU(X(Columns)).Mish().SELU().GELU().Mean(), Rows,
            Columns)),
        ("Backward of norms and a gate", () => Gradient(x => x.DynamicTanh(X(1), X(2002), X(2002)).GLU()
            .Normalize([1]).Mean(), Rows, 2002)),
        ("Backward of a broadcast", () => Gradient(x => (X(128, 301) * x + x).Mean(), 301)),
        ("GradientCheck",
            () => Tensor.Scalar(GradientCheck.Run(x => x.Tanh(), X(3, 7).To(DType.Float64)).Passed ? 1 : 0)),
        ("Predict", () => Net().Predict(X(8, 3, 16, 16), 4)),
        ("AddWeightNorm", () => Parametrized(static layer => layer.AddWeightNorm())),
        ("AddSpectralNorm", () => Parametrized(static layer => layer.AddSpectralNorm(random: new Philox(3)))),
        ("ConditionalBatchNorm", () => new ConditionalBatchNorm(16, 3).Forward(Images(), Labels(2, 3))),
        ("Fold", () => Net().Fold(X(8, 3, 16, 16)).Model.Forward(X(4, 3, 16, 16))),
        ("Recalibrate", Recalibrated),
        ("Replicas", Replicated),
        ("Reject", Rejected),
        ("Npy", () => RoundTrip(stream => Npy.Write(stream, X()), stream => Npy.Read(stream))),
        ("SafeTensors", () => RoundTrip(
            stream => SafeTensors.Write(stream, Archive(X())), stream => SafeTensors.Read(stream).Tensor("x"))),
        ("transforms", Transformed),
        ("a span of a pass outlives its tape", SpanAfterTape),
    ];

    private static Tensor X() => X(Rows, Columns);

    private static Tensor Positive() => Positive(Rows, Columns);

    private static Tensor Images() => X(2, 16, 32, 32);

    /// <summary>A copy of values that are the same in every call.</summary>
    private static Tensor X(params ReadOnlySpan<int> shape) => Values(new Shape(shape), DType.Float32, 0).Clone();

    private static Tensor Positive(params ReadOnlySpan<int> shape) =>
        Values(new Shape(shape), DType.Float32, 1).Clone();

    private static Tensor Labels(int count, int classes)
    {
        Tensor labels = Tensor.Zeros([count], DType.Int64);
        Span<long> values = labels.AsSpan<long>();
        for (int i = 0; i < count; i++) values[i] = i * 37 % classes;
        return labels;
    }

    private static Tensor Mask(params ReadOnlySpan<int> shape)
    {
        Tensor mask = Tensor.Ones(new Shape(shape));
        Span<float> values = mask.AsSpan<float>();
        for (int i = 0; i < values.Length; i += 5) values[i] = 0;
        return mask;
    }

    private static Tensor Values(Shape shape, DType dtype, double low)
    {
        if (s_values.TryGetValue((shape, dtype, low), out Tensor? values)) return values;
        values = Tensor.RandomUniform(shape, new Philox((ulong)shape.Count), dtype) + low;
        s_values.Add((shape, dtype, low), values);
        return values;
    }

    private static RunningStatistics Running(int channels) => new(channels, RunningAverage.Torch());

    /// <summary>A norm in training, and what its running statistics became.</summary>
    private static Tensor Train(Func<RunningStatistics, Tensor> norm, int channels)
    {
        RunningStatistics running = Running(channels);
        Tensor y = norm(running);
        return Joined(y, running.Mean.Value, running.Variance.Value);
    }

    private static Tensor Joined(params Tensor[] parts) =>
        Tensor.Concat([.. parts.Select(part => part.Reshape(part.Count))], 0);

    private static Tensor Made(Shape shape, Action<Tensor> make)
    {
        Tensor y = Tensor.Zeros(shape);
        make(y);
        return y;
    }

    /// <summary>
    /// The only handle on the memory is the span; what is computed meanwhile gives a collection its time.
    /// </summary>
    private static Tensor SpanAfterTensor()
    {
        Span<float> span = X().AsSpan<float>();
        X().Exp();
        Tensor y = Tensor.From<float>(span, [Rows, Columns]);
        span.Fill(1);
        X().Exp();
        return y;
    }

    private static Tensor SpanAfterTape()
    {
        Span<float> span = new Tape().Input(X()).Square().AsSpan<float>();
        X().Exp();
        return Tensor.From<float>(span, [Rows, Columns]);
    }

    /// <summary>A step that is the optimizer's last use; the weights alone are kept.</summary>
    private static Tensor Step(Func<Parameter[], Optimizer> create)
    {
        Tensor value = X();
        create([WithGradient(value)]).Step();
        return value;
    }

    private static Parameter WithGradient(Tensor value)
    {
        var parameter = new Parameter(value);
        var tape = new Tape();
        (tape.Watch(parameter) * X()).Sum().Backward();
        return parameter;
    }

    private static Tensor Clip(Action<Parameter> clip)
    {
        Parameter parameter = WithGradient(X());
        Tensor gradient = parameter.Gradient!;
        clip(parameter);
        return gradient;
    }

    /// <summary>The second contribution to a gradient lies in the tape's memory, and nobody holds the tape.</summary>
    private static Tensor Watched()
    {
        var parameter = new Parameter(X());
        new Tape().Watch(parameter).Backward(X());
        new Tape().Watch(parameter).Backward(X());
        return parameter.Gradient!;
    }

    private static Tensor Gradient(Func<Tensor, Tensor> f, params ReadOnlySpan<int> shape)
    {
        Tensor x = new Tape().Input(X(shape), requiresGradient: true);
        f(x).Backward();
        return x.Gradient!.Clone();
    }

    private static Sequential Net()
    {
        var random = new Philox(5);
        return new Sequential(
            new Conv2d(3, 8, 3, padding: 1, random: random), new BatchNorm2d(8), new ReLU(), new MaxPool2d(2),
            new Flatten(), new Linear(8 * 64, 10, random: random));
    }

    private static Tensor Parametrized(Action<Module> add)
    {
        var layer = new Linear(1001, 65, random: new Philox(5));
        add(layer);
        return layer.Forward(X()) + layer.Forward(new Tape().Input(X())).Detach();
    }

    private static Tensor Recalibrated()
    {
        Sequential net = Net();
        net.Recalibrate(X(8, 3, 16, 16), new RecalibrationOptions { BatchSize = 4 });
        return Joined(
            [.. net.NamedBuffers().Select(named => named.Buffer.Value).Where(value => value.DType == DType.Float32)]);
    }

    private static Tensor Replicated()
    {
        Sequential net = Net();
        using var replicas = new Replicas(net, 2);
        replicas.Accumulate(X(8, 3, 16, 16), Labels(8, 10), new CrossEntropyLoss());
        return Joined([.. net.Parameters().Select(parameter => parameter.Gradient!)]);
    }

    private static Tensor Rejected()
    {
        RunningStatistics running = Running(16);
        var tape = new Tape();
        tape.Input(Images()).BatchNorm(X(16), X(16), running);
        tape.Input(Images()).InstanceNorm(X(16), X(16), running);
        tape.Reject();
        return Joined(running.Mean.Value, running.Variance.Value);
    }

    private static Tensor RoundTrip(Action<Stream> write, Func<Stream, Tensor> read)
    {
        using var stream = new MemoryStream();
        write(stream);
        stream.Position = 0;
        return read(stream);
    }

    private static TensorArchive Archive(Tensor x)
    {
        var archive = new TensorArchive();
        archive.Add("x", x);
        return archive;
    }

    private static Tensor Transformed()
    {
        byte[] pixels = new byte[3 * 128 * 128];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 31);
        var image = new ImageBuffer();
        image.Load(pixels, 3, 128, 128);
        new Compose(new Resize(96), new RandomCrop(80, 4), new RandomHorizontalFlip(),
            new RandomGrayscale(), new ToTensor(), Normalize.ImageNet).Apply(image, new Philox(3));
        return Tensor.From<float>(image.Values, [3, 80, 80]);
    }
}
