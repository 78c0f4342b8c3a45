using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;

namespace Evenkeel.Cli.Bench;

/// <summary>
/// The cases as a user would write them, through the public interface, with all gradients that a training step needs.
/// </summary>
internal static class Workloads
{
    /// <summary>One call of a case, or null if the layer does not exist yet.</summary>
    /// <param name="one">The case.</param>
    /// <param name="files">The folder where ONNX files of the case stay for a peer; null for none.</param>
    public static Action? Create(BenchCase one, string? files = null) => one.Kind switch
    {
        "batchnorm" => Norm(one, BatchNormFor(one)),
        "batchnorm-relu" => Norm(one, new Sequential(BatchNormFor(one), new ReLU())),
        "syncbatchnorm2" => Members(one, 2),
        "layernorm" => Norm(one, new LayerNorm(BenchCase.Dimensions(one.Spec)[^1])),
        "groupnorm8" => Norm(one, new GroupNorm(8, BenchCase.Dimensions(one.Spec)[1])),
        "instancenorm" => Norm(one, new InstanceNorm2d(BenchCase.Dimensions(one.Spec)[1], affine: true)),
        "rmsnorm" => Norm(one, new RMSNorm(BenchCase.Dimensions(one.Spec)[^1])),
        "silu" => Norm(one, new SiLU()),
        "gelu" => Norm(one, new GELU()),
        "upsample-bilinear2" => Resized(
            BenchCase.Dimensions(one.Spec), new Upsample(scaleFactor: 2, mode: UpsampleMode.Bilinear)),
        "maxpool2d" => Pool(one, static spec => new MaxPool2d(spec.Kernel, spec.Stride, spec.Padding)),
        "maxpool3d" => Pool(one, static spec => new MaxPool3d(spec.Kernel, spec.Stride, spec.Padding)),
        "avgpool2d" => Pool(one, static spec => new AvgPool2d(spec.Kernel, spec.Stride, spec.Padding)),
        "avgpool3d" => Pool(one, static spec => new AvgPool3d(spec.Kernel, spec.Stride, spec.Padding)),
        "adaptive-maxpool2d" => Pool(one, static spec => new AdaptiveMaxPool2d(spec.Kernel)),
        "adaptive-avgpool2d" => Pool(one, static spec => new AdaptiveAvgPool2d(spec.Kernel)),
        "matmul" => Product(BenchCase.Dimensions(one.Spec)),
        "conv2d" => Convolution(one, static (spec, random) =>
            new Conv2d(spec.Input[1], spec.OutChannels, spec.Kernel, spec.Stride, spec.Padding, random: random)),
        "convtranspose2d" => Convolution(one, static (spec, random) => new ConvTranspose2d(
            spec.Input[1], spec.OutChannels, spec.Kernel, spec.Stride, spec.Padding, random: random)),
        "conv3d" => Convolution(one, static (spec, random) =>
            new Conv3d(spec.Input[1], spec.OutChannels, spec.Kernel, spec.Stride, spec.Padding, random: random)),
        "infer" when ImportedNetworks.Flops(one.Spec.Split('-')[0]) > 0 => ImportedNetworks.Create(one.Spec, files),
        "infer" => LeNetInference(one.Spec.Split('-')),
        "step" when one.Spec.StartsWith("fcn", StringComparison.Ordinal) => FullyConnectedStep(one.Spec.Split('-')),
        "step" when one.Spec.StartsWith("lenet", StringComparison.Ordinal) => LeNetStep(one.Spec.Split('-')),
        _ => null,
    };

    private static Module BatchNormFor(BenchCase one)
    {
        int[] shape = BenchCase.Dimensions(one.Spec);
        return shape.Length switch
        {
            4 => new BatchNorm2d(shape[1]),
            5 => new BatchNorm3d(shape[1]),
            _ => new BatchNorm1d(shape[1]),
        };
    }

    /// <summary>
    /// Forward only, or forward and backward with the gradients of x, gamma and beta; x is a parameter, as PyTorch's
    /// leaf that requires a gradient.
    /// </summary>
    private static Action Norm(BenchCase one, Module layer) =>
        Norm(one, layer, new Shape(BenchCase.Dimensions(one.Spec)), group: null);

    /// <summary>
    /// The same batch in equal parts, on as many threads; a part's gradients of gamma and beta are not added up.
    /// </summary>
    private static Action Members(BenchCase one, int members)
    {
        int[] sizes = BenchCase.Dimensions(one.Spec);
        sizes[0] /= members;
        var group = new InProcessCollective(members);
        Action[] parts =
            [.. group.Members.Select(member => Norm(one, new SyncBatchNorm(sizes[1]), new Shape(sizes), member))];
        Action<ICollective> work = member => parts[member.Rank]();
        return () => group.Run(work);
    }

    private static Action Norm(BenchCase one, Module layer, Shape shape, ICollective? group)
    {
        var random = new Philox(0);
        var x = new Parameter(Tensor.RandomNormal(shape, random));
        if (one.What != "forward-backward")
        {
            // A layer norm has no mode; a batch norm's is in the name of the case.
            var forward = new Tape(one.What == "eval-forward" ? Mode.Eval : Mode.Train, recordGradients: false);
            return () =>
            {
                forward.Reset();
                layer.Forward(forward.Watch(x));
            };
        }

        var tape = new Tape(Mode.Train) { Collective = group };
        Tensor cotangent = Tensor.RandomNormal(shape, random);
        return () =>
        {
            tape.Reset();
            layer.Forward(tape.Watch(x)).Backward(cotangent);
            x.ZeroGrad();
            layer.ZeroGrad();
        };
    }

    /// <summary>Forward and backward of a layer without parameters whose output has another size.</summary>
    private static Action Resized(int[] input, Module layer)
    {
        var random = new Philox(0);
        var x = new Parameter(Tensor.RandomNormal(new Shape(input), random));
        var tape = new Tape(Mode.Train);
        Tensor cotangent = Tensor.RandomNormal(layer.Forward(x.Value).Shape, random);
        return () =>
        {
            tape.Reset();
            layer.Forward(tape.Watch(x)).Backward(cotangent);
            x.ZeroGrad();
        };
    }

    private static Action Pool(BenchCase one, Func<PoolSpec, Module> create)
    {
        var spec = PoolSpec.Parse(one.Spec);
        return Resized(spec.Input, create(spec));
    }

    /// <summary>Forward only, or forward and backward with the gradients of x, weight and bias.</summary>
    private static Action Convolution(BenchCase one, Func<ConvolutionSpec, Philox, Module> create)
    {
        var random = new Philox(0);
        var spec = ConvolutionSpec.Parse(one.Spec);
        Module layer = create(spec, random);
        var x = new Parameter(Tensor.RandomNormal(new Shape(spec.Input), random));
        var tape = new Tape(Mode.Train, recordGradients: one.What == "forward-backward");
        Tensor cotangent = Tensor.RandomNormal(layer.Forward(x.Value).Shape, random);
        return () =>
        {
            tape.Reset();
            Tensor y = layer.Forward(tape.Watch(x));
            if (!tape.RecordGradients) return;
            y.Backward(cotangent);
            x.ZeroGrad();
            layer.ZeroGrad();
        };
    }

    private static Action Product(int[] sizes)
    {
        (int m, int n, int k) = (sizes[0], sizes[1], sizes[2]);
        var random = new Philox(0);
        var a = new Parameter(Tensor.RandomNormal([m, k], random));
        var b = new Parameter(Tensor.RandomNormal([k, n], random));
        var tape = new Tape(Mode.Eval);
        return () =>
        {
            tape.Reset();
            tape.Watch(a).MatMul(b);
        };
    }

    /// <summary>
    /// Forward, cross-entropy, backward and Adam on the lessons' six-layer net: <c>fcn-NORM-BATCH</c>.
    /// </summary>
    private static Action FullyConnectedStep(string[] words)
    {
        int batch = int.Parse(words[2], CultureInfo.InvariantCulture), width = 3072;
        var random = new Philox(0);
        var model = new Sequential();
        for (int layer = 0; layer < 5; layer++)
        {
            model.Add(new Linear(width, 100, random: random));
            if (words[1] == "batchnorm") model.Add(new BatchNorm1d(100));
            model.Add(new ReLU());
            width = 100;
        }

        model.Add(new Linear(width, 10, random: random));
        return Step(model, new Adam(model.Parameters(), 1e-3), Tensor.RandomNormal([batch, 3072], random), random);
    }

    /// <summary>
    /// Forward, cross-entropy, backward and SGD on the lessons' LeNets: <c>lenet-ACTIVATION-NORM-BATCH</c>.
    /// </summary>
    private static Action LeNetStep(string[] words)
    {
        int batch = int.Parse(words[3], CultureInfo.InvariantCulture);
        var random = new Philox(0);
        NormKind norm = words[2] == "batchnorm" ? NormKind.BatchNorm : NormKind.None;
        bool sigmoid = words[1] == "sigmoid";
        LeNet model = sigmoid ? LeNet.Gray(norm: norm, random: random) : LeNet.Color(norm: norm, random: random);
        var optimizer = new SGD(model.Parameters(), 0.01, momentum: sigmoid ? 0 : 0.9);
        return Step(model, optimizer,
            Tensor.RandomNormal(sigmoid ? [batch, 1, 28, 28] : [batch, 3, 32, 32], random), random);
    }

    /// <summary>
    /// The lesson's LeNet in Eval: <c>lenet-relu-NORM-BATCH</c>, or with its norms folded,
    /// <c>lenet-relu-batchnorm-folded-BATCH</c>.
    /// </summary>
    private static Action LeNetInference(string[] words)
    {
        int batch = int.Parse(words[^1], CultureInfo.InvariantCulture);
        var random = new Philox(0);
        Module model = LeNet.Color(norm: words[2] == "batchnorm" ? NormKind.BatchNorm : NormKind.None, random: random);
        Tensor images = Tensor.RandomNormal([batch, 3, 32, 32], random);
        if (words.Contains("folded")) model = model.Fold(images).Model;
        var tape = new Tape(Mode.Eval);
        return () =>
        {
            tape.Reset();
            model.Forward(tape.Input(images));
        };
    }

    /// <summary>A step on labels 0 and 1, as the peers have them.</summary>
    private static Action Step(Module model, Optimizer optimizer, Tensor images, Philox random)
    {
        var tape = new Tape(Mode.Train);
        int[] classes = new int[images.Shape[0]];
        for (int i = 0; i < classes.Length; i++) classes[i] = random.NextInt(2);
        Tensor labels = Tensor.Labels(classes);
        return () =>
        {
            tape.Reset();
            Tensor loss = model.Forward(tape.Input(images)).CrossEntropy(labels);
            optimizer.ZeroGrad();
            loss.Backward();
            optimizer.Step();
        };
    }
}
