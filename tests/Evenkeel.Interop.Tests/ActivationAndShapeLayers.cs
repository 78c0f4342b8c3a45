using Evenkeel.Tests.Nn;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests;

/// <summary>PyTorch's side of <see cref="ActivationAndShapeCases"/>.</summary>
internal static class ActivationAndShapeLayers
{
    private const int Dim = 6;

    private static readonly Dictionary<string, PyTorchLayer> s_torchSharp = new(StringComparer.Ordinal)
    {
        ["relu6"] = new(static (x, _) => relu6(x)),
        // TorchSharp's hardtanh leaves x as it is; these are the same functions.
        ["hardtanh"] = new(static (x, _) => (relu6((x + 1) * 3) / 3) - 1),
        ["hardtanh limits"] = new(static (x, _) => (relu6((x + 1) * 4) / 4) - 1),
        ["hardswish"] = new(static (x, _) => hardswish(x)),
        // The gradient of PyTorch's own has 1/6 in single precision, also in Float64; this is the same function.
        ["hardsigmoid"] = new(static (x, _) => relu6(x + 3) / 6),
        ["silu"] = new(static (x, _) => silu(x)),
        ["elu"] = new(static (x, _) => elu(x, 1)),
        ["elu alpha"] = new(static (x, _) => elu(x, 0.75)),
        ["selu"] = new(static (x, _) => selu(x)),
        ["celu"] = new(static (x, _) => celu(x, 1)),
        ["celu alpha"] = new(static (x, _) => celu(x, 0.75)),
        ["prelu"] = new(static (x, w) => prelu(x, w!), 1),
        ["prelu channels"] = new(static (x, w) => prelu(x, w!), 6),
        ["softplus"] = new(static (x, _) => softplus(x)),
        ["softplus settings"] = new(static (x, _) => softplus(x, 1.5, 3)),
        ["softsign"] = new(static (x, _) => softsign(x)),
        ["mish"] = new(static (x, _) => mish(x)),
        ["gelu"] = new(static (x, _) => gelu(x)),
        ["gelu tanh"] = new(static (x, _) => gelu(x, TorchSharp.Modules.GELU.Approximate.tanh)),
        ["glu"] = new(static (x, _) => glu(x)),
        ["glu dim"] = new(static (x, _) => glu(x, 1)),
        ["logsigmoid"] = new(static (x, _) => logsigmoid(x)),
        ["upsample nearest"] = Nearest(null, [2, 2]),
        ["upsample nearest size"] = Nearest([7, 11], null),
        ["upsample nearest smaller"] = Nearest([2, 3], null),
        ["upsample nearest factors"] = Nearest(null, [1.7, 2.4]),
        ["upsample bilinear"] = Bilinear(null, [2, 2], false),
        ["upsample bilinear size"] = Bilinear([7, 19], null, false),
        ["upsample bilinear smaller"] = Bilinear([1, 3], null, false),
        ["upsample bilinear factors"] = Bilinear(null, [1.7, 2.4], false),
        ["upsample aligned"] = Bilinear(null, [2, 2], true),
        ["upsample aligned size"] = Bilinear([7, 19], null, true),
        ["upsample aligned smaller"] = Bilinear([1, 3], null, true),
        ["upsample aligned factors"] = Bilinear(null, [1.7, 2.4], true),
        ["zero_pad2d"] = new(static (x, _) => pad(x, [2, 2, 2, 2])),
        ["zero_pad2d sides"] = new(static (x, _) => pad(x, [1, 2, 3, 0])),
        ["zero_pad2d negative"] = new(static (x, _) => pad(x, [-1, 2, 3, -2])),
        ["pixel_shuffle 2"] = new(static (x, _) => pixel_shuffle(x, 2)),
        ["pixel_shuffle 3"] = new(static (x, _) => pixel_shuffle(x, 3)),
        ["embedding"] = Table(null),
        ["embedding padding_idx"] = Table(1),
    };

    public static Family Family { get; } = Family.Of(
        "activation-and-shape-layers",
        s_torchSharp.ToDictionary(static one => one.Key, static one => (Func<ScalarType, double[]>)(
            dtype => Run(ActivationAndShapeCases.All[one.Key].Shape, one.Value, dtype))),
        ActivationAndShapeCases.All.Keys, ActivationAndShapeCases.Run);

    private static PyTorchLayer Nearest(long[]? size, double[]? scale) =>
        new((x, _) => interpolate(x, size, scale, InterpolationMode.Nearest));

    private static PyTorchLayer Bilinear(long[]? size, double[]? scale, bool alignCorners) =>
        new((x, _) => interpolate(x, size, scale, InterpolationMode.Bilinear, alignCorners));

    private static PyTorchLayer Table(long? padding) => new(
        (x, w) => nn.Embedding_from_pretrained(w!, freeze: false, padding_idx: padding).call(x),
        ActivationAndShapeCases.Vocabulary, Dim, takesNumbers: true);

    private static double[] Run(int[] sizes, PyTorchLayer layer, ScalarType dtype)
    {
        long[] shape = [.. sizes.Select(static size => (long)size)];
        int count = sizes.Aggregate(1, static (a, b) => a * b);
        Torch x = layer.TakesNumbers
            ? tensor(Enumerable.Range(0, count).Select(ActivationAndShapeCases.Position).ToArray()).reshape(shape)
            : Values(count, i => ActivationAndShapeCases.Input(i, sizes.Length), dtype, shape).requires_grad_();
        Torch? weight = layer.Weight.Length == 0
            ? null
            : Values((int)layer.Weight.Aggregate(1L, static (a, b) => a * b), ActivationAndShapeCases.Weight, dtype,
                layer.Weight).requires_grad_();
        Torch y = layer.Forward(x, weight);
        y.backward([Values((int)y.numel(), ActivationAndShapeCases.Cotangent, dtype, y.shape)]);
        var result = new List<double>(Doubles(y));
        if (!layer.TakesNumbers) result.AddRange(Doubles(x.grad!));
        if (weight is not null) result.AddRange(Doubles(weight.grad!));
        return [.. result];
    }

    private static Torch Values(int count, Func<int, double> value, ScalarType dtype, params long[] shape) =>
        tensor(Enumerable.Range(0, count).Select(value).ToArray(), dtype).reshape(shape);

    private static double[] Doubles(Torch values) => values.detach().to(float64).contiguous().data<double>().ToArray();

    /// <summary>A function of the input and of a weight of some shape.</summary>
    private sealed class PyTorchLayer(Func<Torch, Torch?, Torch> forward, params long[] weight)
    {
        public PyTorchLayer(Func<Torch, Torch?, Torch> forward, long rows, long width, bool takesNumbers)
            : this(forward, [rows, width]) => TakesNumbers = takesNumbers;

        public Func<Torch, Torch?, Torch> Forward { get; } = forward;

        public long[] Weight { get; } = weight;

        public bool TakesNumbers { get; }
    }
}
