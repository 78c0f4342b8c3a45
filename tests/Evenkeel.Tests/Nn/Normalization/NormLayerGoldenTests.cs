using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Weight norm, spectral norm, norms to unit length and norms of papers beside PyTorch.
/// tests/golden/generate_norm_layers.py has PyTorch's side of each name, and says what the numbers are.
/// </summary>
public sealed class NormLayerGoldenTests
{
    private static readonly GoldenVectors s_golden = new("norm-layers");

    public static TheoryData<string> Names => [.. s_golden.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Outputs_gradients_and_buffers_match_PyTorch(string name)
    {
        s_golden.Compare(name, DType.Float64, Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, Run(name, DType.Float32));
    }

    private static double[] Run(string name, DType dtype)
    {
        string[] words = name.Split(' ');
        return words[0] switch
        {
            "weight_norm" => Weighted(words[1], words[^1] == "None" ? null : Integer(words[^1]), dtype),
            "spectral_norm" => Spectral(words, dtype),
            "normalize" => Pass(new LpNormalization(double.Parse(words[2], CultureInfo.InvariantCulture),
                Integer(words[4]), words.Length > 5 ? Integer(words[6]) : 1e-12), [3, 4, 5], dtype),
            "frn" => Response(name, dtype),
            "dynamic" => Dynamic(name, dtype),
            _ => Conditional(name, dtype),
        };
    }

    private static (Module Layer, int[] Shape) Layer(string name) => name switch
    {
        "linear" => (new Linear(6, 4), [5, 6]),
        "conv1d" => (new Conv1d(3, 4, 2, stride: 2), [2, 3, 7]),
        _ => (new Conv2d(4, 6, (2, 3), padding: 1, groups: 2), [2, 4, 4, 5]),
    };

    private static double[] Weighted(string name, int? dim, DType dtype)
    {
        (Module layer, int[] shape) = Layer(name);
        Fill(layer.OwnParameters["weight"].Value, 1);
        Fill(layer.OwnParameters["bias"].Value, 2);
        layer.AddWeightNorm(dim);
        layer.To(DType.Float64);
        Parameter length = layer.Parameters()[1];
        // The lengths of the generator, in Float64.
        Tensor v = layer.Parameters()[2].Value.Detach();
        int[] axes = [.. Enumerable.Range(0, v.Shape.Rank).Where(axis => axis != dim)];
        length.Value.CopyFrom((v.Square().Sum(axes, keepDims: dim is not null).Sqrt() * 1.5) + 0.25);
        return Pass(layer, shape, dtype);
    }

    private static double[] Spectral(string[] words, DType dtype)
    {
        (Module layer, int[] shape) = Layer(words[1]);
        Fill(layer.OwnParameters["weight"].Value, 1);
        Fill(layer.OwnParameters["bias"].Value, 2);
        bool isEval = words[^1] == "eval";
        layer.AddSpectralNorm(words[^1] == "iterations" ? 3 : 1, dim: words[2] == "dim" ? Integer(words[3]) : 0);
        layer.To(DType.Float64);
        foreach ((string name, StateBuffer buffer) in layer.NamedBuffers())
        {
            Fill(buffer.Value, name.EndsWith("_u", StringComparison.Ordinal) ? 4 : 5);
            buffer.Value.CopyFrom(buffer.Value.Normalize([0]));
        }

        return Pass(layer, shape, dtype, passes: words[2] == "dim" ? 3 : 2, isEval ? Mode.Eval : Mode.Train);
    }

    private static double[] Response(string name, DType dtype)
    {
        int[] shape = name.EndsWith("images", StringComparison.Ordinal) ? [3, 4, 5, 7]
            : name.EndsWith("rows", StringComparison.Ordinal) ? [2, 3, 19] : [4, 3];
        var layer = new FilterResponseNorm(shape[1], shape.Length == 3 ? 1e-2 : 1e-6,
            applyAct: name.Contains("tlu", StringComparison.Ordinal));
        Fill(layer.Weight.Value, 1);
        Fill(layer.Bias.Value, 2);
        if (layer.Tau is not null) Fill(layer.Tau.Value, 6);
        return Pass(layer, shape, dtype);
    }

    private static double[] Dynamic(string name, DType dtype)
    {
        bool isLast = !name.EndsWith("first", StringComparison.Ordinal);
        int[] shape = isLast ? [4, 3, 9] : [2, 3, 4, 5];
        Shape features = new(isLast ? 9 : 3);
        Module layer = name.Contains("tanh", StringComparison.Ordinal)
            ? new DynamicTanh(features, isLast, 0.75)
            : new DynamicErf(features, isLast, 0.75, -0.125);
        Fill(layer.OwnParameters["weight"].Value, 1);
        Fill(layer.OwnParameters["bias"].Value, 2);
        return Pass(layer, shape, dtype);
    }

    private static double[] Conditional(string name, DType dtype)
    {
        int[] shape = name.EndsWith("rows", StringComparison.Ordinal) ? [6, 3] : [5, 3, 4, 2];
        var layer = new ConditionalBatchNorm(3, 4);
        Fill(layer.Weight.Value, 1);
        Fill(layer.Bias.Value, 2);
        Tensor condition = name.EndsWith("vectors", StringComparison.Ordinal)
            ? Values(6, [shape[0], 4])
            : Tensor.Labels([.. Enumerable.Range(0, shape[0]).Select(static n => ((3 * n) + 1) % 4)]);
        return Pass(layer, shape, dtype, passes: 2, second: condition.DType == DType.Int64
            ? condition
            : condition.To(dtype));
    }

    private static double[] Pass(
        Module layer, int[] shape, DType dtype, int passes = 1, Mode mode = Mode.Train, Tensor? second = null)
    {
        layer.To(dtype);
        var result = new List<double>();
        var tape = new Tape(mode, recordGradients: true);
        for (int pass = 0; pass < passes; pass++)
        {
            tape.Reset();
            layer.ZeroGrad();
            Tensor x = tape.Input(Values(3, shape).To(dtype), requiresGradient: true);
            Tensor y = second is null ? layer.Forward(x) : ((ITwoInputs)layer).Forward(x, second);
            y.Backward(Values(99, y.Shape.ToArray()).To(dtype));
            result.AddRange(NaiveOps.Doubles(y));
            result.AddRange(NaiveOps.Doubles(x.Gradient!));
            foreach (Parameter parameter in layer.Parameters())
                result.AddRange(NaiveOps.Doubles(parameter.Gradient!));
        }

        foreach ((_, StateBuffer buffer) in layer.NamedBuffers())
            if (buffer.Value.DType.IsFloatingPoint()) result.AddRange(NaiveOps.Doubles(buffer.Value));
        return [.. result];
    }

    private static Tensor Values(int k, int[] shape)
    {
        int count = shape.Aggregate(1, static (a, b) => a * b);
        return Tensor.From(Enumerable.Range(0, count).Select(i => ((((i * 37) + (k * 11)) % 23) - 11.25) / 8).ToArray(),
            new Shape(shape));
    }

    private static void Fill(Tensor tensor, int k) =>
        tensor.CopyFrom(Values(k, tensor.Shape.ToArray()).To(tensor.DType));

    private static int Integer(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
