using System.Globalization;

namespace Evenkeel.Cli.Bench;

/// <summary>What a case is measured in.</summary>
internal enum BenchUnit
{
    /// <summary>Bytes that have to move, counted once: the share is of the measured copy bandwidth.</summary>
    Bytes,

    /// <summary>Floating-point operations: the share is of the measured FMA peak.</summary>
    Flops,
}

/// <summary>
/// A convolution over planes or volumes, or a transposed one, written <c>256x1x28x28-6k5s1p2</c>: input, then
/// out-channels, kernel, stride, padding.
/// </summary>
internal readonly record struct ConvolutionSpec(int[] Input, int OutChannels, int Kernel, int Stride, int Padding)
{
    public static ConvolutionSpec Parse(string text)
    {
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        int[] numbers =
            [.. text[(dash + 1)..].Split('k', 's', 'p').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        return new ConvolutionSpec(BenchCase.Dimensions(text[..dash]), numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    /// <summary>Operations of one direction: forward, or the gradient of the input, or that of the weights.</summary>
    public double Flops
    {
        get
        {
            double flops = 2.0 * Input[0] * Input[1] * OutChannels;
            foreach (int size in Input[2..]) flops *= Kernel * (((size + (2 * Padding) - Kernel) / Stride) + 1);
            return flops;
        }
    }

    /// <summary>The same of a transposed convolution, in which each value of the input meets the window.</summary>
    public double TransposedFlops
    {
        get
        {
            double flops = 2.0 * Input[0] * Input[1] * OutChannels;
            foreach (int size in Input[2..]) flops *= Kernel * size;
            return flops;
        }
    }
}

/// <summary>
/// A pooling, written <c>32x64x112x112-k3s2p1</c>: input, then kernel, stride, padding; <c>64x256x13x13-6</c> is an
/// adaptive one with the size of its output.
/// </summary>
internal readonly record struct PoolSpec(int[] Input, int Kernel, int Stride, int Padding)
{
    public static PoolSpec Parse(string text)
    {
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        int[] numbers = [.. text[(dash + 1)..].Split('k', 's', 'p').Where(part => part.Length > 0)
            .Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        int[] input = BenchCase.Dimensions(text[..dash]);
        return numbers.Length == 1
            ? new PoolSpec(input, numbers[0], 0, 0)
            : new PoolSpec(input, numbers[0], numbers[1], numbers[2]);
    }

    /// <summary>Bytes of one direction: all inputs and all outputs.</summary>
    public double Bytes
    {
        get
        {
            double inputs = 4, outputs = 4.0 * Input[0] * Input[1];
            foreach (int size in Input) inputs *= size;
            foreach (int size in Input[2..])
                outputs *= Stride == 0 ? Kernel : ((size + (2 * Padding) - Kernel) / Stride) + 1;
            return inputs + outputs;
        }
    }
}

/// <summary>
/// One case of the benchmark's vocabulary, which peers share: <c>layer/what/shape</c>, <c>matmul/MxNxK</c>,
/// <c>step/net</c>; <c>infer/net</c> is our own.
/// </summary>
internal sealed record BenchCase(string Name)
{
    /// <summary>All cases, in the order they are printed. Shapes are NC, NCL, NCHW or NCDHW; float32.</summary>
    public static IReadOnlyList<BenchCase> All { get; } =
    [
        .. Cases("batchnorm/train-forward", "5x100", "50x100", "256x1024", "1000x5000", "256x6x28x28", "32x64x56x56",
            "16x256x14x14", "64x512x7x7", "8x32x16x32x32"),
        .. Cases("batchnorm/forward-backward", "5x100", "50x100", "256x1024", "1000x5000", "256x6x28x28", "32x64x56x56",
            "16x256x14x14", "64x512x7x7", "8x32x16x32x32"),
        .. Cases("batchnorm/eval-forward", "256x1024", "32x64x56x56"),
        .. Cases("batchnorm-relu/forward-backward", "32x64x56x56"),
        .. Cases("syncbatchnorm2/forward-backward", "32x64x56x56", "16x256x14x14"),
        .. Cases("layernorm/forward", "512x768", "4096x1024"),
        .. Cases("layernorm/forward-backward", "50x100", "512x768", "4096x1024"),
        .. Cases("groupnorm8/forward-backward", "16x256x14x14"),
        .. Cases("instancenorm/forward-backward", "256x6x28x28", "32x64x56x56", "16x256x14x14", "64x512x7x7"),
        .. Cases("rmsnorm/forward", "512x768", "4096x1024"),
        .. Cases("rmsnorm/forward-backward", "512x768", "4096x1024"),
        .. Cases("silu/forward-backward", "256x1024", "32x64x56x56"),
        .. Cases("gelu/forward-backward", "256x1024", "32x64x56x56"),
        .. Cases("upsample-bilinear2/forward-backward", "16x256x14x14", "16x64x56x56"),
        .. Cases("maxpool2d/forward-backward", "32x64x112x112-k3s2p1", "256x6x28x28-k2s2p0", "16x256x28x28-k3s1p1"),
        .. Cases("maxpool3d/forward-backward", "4x32x16x56x56-k3s2p1", "8x64x8x28x28-k2s2p0"),
        .. Cases("avgpool2d/forward-backward", "32x64x56x56-k3s2p1", "16x256x28x28-k3s1p1", "256x6x28x28-k2s2p0"),
        .. Cases("avgpool3d/forward-backward", "4x32x16x56x56-k3s2p1", "8x64x8x28x28-k2s2p0"),
        .. Cases("adaptive-maxpool2d/forward-backward", "64x512x7x7-1", "64x256x13x13-6"),
        .. Cases("adaptive-avgpool2d/forward-backward", "64x512x7x7-1", "64x256x13x13-6"),
        .. Cases("matmul", "2048x2048x2048", "512x512x512", "50x100x3072", "3072x100x50", "256x120x400"),
        .. Cases("conv2d/forward-backward", "256x1x28x28-6k5s1p2", "256x6x14x14-16k5s1p0", "32x64x56x56-64k3s1p1",
            "32x3x32x32-32k3s1p1"),
        .. Cases("convtranspose2d/forward-backward", "32x64x16x16-32k4s2p1", "16x128x14x14-64k2s2p0",
            "32x16x28x28-16k3s1p1", "64x100x1x1-256k4s1p0"),
        .. Cases("conv3d/forward-backward", "4x16x16x32x32-32k3s1p1", "8x1x16x32x32-8k3s1p1", "4x32x8x28x28-64k3s2p1"),
        .. Cases("infer", "lenet-relu-none-256", "lenet-relu-batchnorm-256", "lenet-relu-batchnorm-folded-256",
            "resnet18-1", "resnet18-8", "mobilenetv3-1"),
        .. Cases("step", "fcn-batchnorm-50", "fcn-none-50", "fcn-batchnorm-5", "lenet-sigmoid-batchnorm-256",
            "lenet-sigmoid-none-256", "lenet-relu-batchnorm-16"),
    ];

    private readonly string[] _parts = Name.Split('/');

    /// <summary>
    /// batchnorm, batchnorm-relu, syncbatchnorm2 (two members, half a batch each), layernorm, groupnorm8, instancenorm,
    /// rmsnorm, silu, gelu, upsample-bilinear2 (twice as many rows and columns), maxpool2d, maxpool3d, avgpool2d,
    /// avgpool3d, adaptive-maxpool2d, adaptive-avgpool2d, matmul, conv2d, convtranspose2d, conv3d, infer or step.
    /// </summary>
    public string Kind => _parts[0];

    /// <summary>train-forward, eval-forward, forward or forward-backward; empty for matmul, infer and step.</summary>
    public string What => _parts.Length == 3 ? _parts[1] : "";

    /// <summary>The last part: a shape, or the name of a net.</summary>
    public string Spec => _parts[^1];

    public BenchUnit Unit => Kind is "matmul" or "conv2d" or "convtranspose2d" or "conv3d" or "infer" or "step"
        ? BenchUnit.Flops : BenchUnit.Bytes;

    /// <summary>
    /// The work no implementation can avoid. A norm's forward pass reads x and writes y, its backward pass reads x and
    /// dy and writes dx; activations between
    /// fused layers do not count. A product of m x k and k x n takes 2mnk operations; a training step takes the
    /// products of its layers, forward, for the weights and
    /// for the inputs; inference the forward ones alone.
    /// </summary>
    public double Work => Kind switch
    {
        "matmul" => Dimensions(Spec) is [int m, int n, int k] ? 2.0 * m * n * k : 0,
        "conv2d" or "conv3d" => (What == "forward-backward" ? 3 : 1) * ConvolutionSpec.Parse(Spec).Flops,
        "convtranspose2d" => (What == "forward-backward" ? 3 : 1) * ConvolutionSpec.Parse(Spec).TransposedFlops,
        "maxpool2d" or "maxpool3d" or "avgpool2d" or "avgpool3d" or "adaptive-maxpool2d" or "adaptive-avgpool2d" =>
            (What == "forward-backward" ? 2 : 1) * PoolSpec.Parse(Spec).Bytes,
        "infer" => InferenceFlops(Spec),
        "step" => StepFlops(Spec),
        // x and dx, and y and dy, which are four times as large.
        "upsample-bilinear2" => Dimensions(Spec).Aggregate(4.0, (bytes, size) => bytes * size) * 10,
        _ => Dimensions(Spec).Aggregate(4.0, (bytes, size) => bytes * size) * (What == "forward-backward" ? 5 : 2),
    };

    public static int[] Dimensions(string text) =>
        [.. text.Split('x').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];

    private static double StepFlops(string net)
    {
        string[] words = net.Split('-');
        int batch = int.Parse(words[^1], CultureInfo.InvariantCulture);
        if (words[0] == "fcn")
        {
            // The input needs no gradient, so its first layer has two products and every later one three.
            return 2.0 * batch * ((2 * 3072 * 100) + (3 * ((4 * 100 * 100) + (100 * 10))));
        }

        bool sigmoid = words[1] == "sigmoid";
        var first = ConvolutionSpec.Parse(sigmoid ? $"{batch}x1x28x28-6k5s1p2" : $"{batch}x3x32x32-6k5s1p0");
        var second = ConvolutionSpec.Parse($"{batch}x6x14x14-16k5s1p0");
        return (2 * first.Flops) + (3 * second.Flops)
            + (6.0 * batch * ((400 * 120) + (120 * 84) + (84 * (sigmoid ? 10 : 2))));
    }

    /// <summary>The products of a network's layers; its norms do not count, folded or not.</summary>
    private static double InferenceFlops(string net)
    {
        string[] words = net.Split('-');
        int batch = int.Parse(words[^1], CultureInfo.InvariantCulture);
        if (ImportedNetworks.Flops(words[0]) is var imported and > 0) return batch * imported;
        double convolutions = ConvolutionSpec.Parse($"{batch}x3x32x32-6k5s1p0").Flops
            + ConvolutionSpec.Parse($"{batch}x6x14x14-16k5s1p0").Flops;
        return convolutions + (2.0 * batch * ((400 * 120) + (120 * 84) + (84 * 2)));
    }

    private static IEnumerable<BenchCase> Cases(string prefix, params string[] specs) =>
        specs.Select(spec => new BenchCase($"{prefix}/{spec}"));
}
