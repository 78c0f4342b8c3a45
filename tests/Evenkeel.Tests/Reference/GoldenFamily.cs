using System.Text.Json;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Reference;

/// <summary>
/// The golden values of one family of layers, and the comparison of our layers with them. What the files hold, where
/// the inputs come from and what each number means: tests/golden/generate.py.
/// </summary>
/// <remarks>
/// A value may differ from PyTorch's float64 result by
/// <para>tolerance·scale, scale being the largest term that it is a sum or difference of (tolerance 1e-12 in float64,
/// 2e-6 in float32); there is no allowance for |mean| ≫ std:
/// x - pivot is one rounding of the deviation itself, however large the mean;</para>
/// <para>plus, where running statistics normalize (renormalization among them), one rounding of the running mean per
/// update so far: it is a number of the element type, and an error of ε·|mean| in it moves the output by
/// ε·|mean|·rstd·gamma;</para>
/// <para>plus what PyTorch's float64 result is itself off by, which the generator has measured in 80-bit arithmetic: it
/// holds the mean as one double, so that result has only digits up to std/|mean|.</para>
/// </remarks>
internal sealed class GoldenFamily
{
    private const double Float64Tolerance = 1e-12;
    private const double Float32Tolerance = 2e-6;

    private readonly Dictionary<string, GoldenCase> _cases = new(StringComparer.Ordinal);
    private readonly double[] _numbers;
    private readonly Func<GoldenCase, Module> _create;

    /// <summary>Reads the files of a family.</summary>
    /// <param name="name">The files' name.</param>
    /// <param name="create">Makes the layer of a case.</param>
    public GoldenFamily(string name, Func<GoldenCase, Module> create)
    {
        _create = create;
        using var document = JsonDocument.Parse(GoldenFiles.Open(name + ".json"));
        foreach (GoldenCase one in
            document.RootElement.GetProperty("cases").Deserialize<GoldenCase[]>(JsonSerializerOptions.Web)!)
        {
            _cases.Add(one.Name, one);
        }

        _numbers = Npy.Read(GoldenFiles.Open(name + ".npy"), name).ToArray<double>();
    }

    public IReadOnlyCollection<GoldenCase> Cases => _cases.Values;

    public GoldenCase this[string name] => _cases[name];

    /// <summary>The names of some cases, as theory data.</summary>
    public TheoryData<string> Where(Func<GoldenCase, bool> condition) =>
        [.. _cases.Values.Where(condition).Select(one => one.Name)];

    /// <summary>Runs a case and demands what its file says: numbers within their bounds, or a refusal.</summary>
    public void Check(string name)
    {
        GoldenCase one = _cases[name];
        if (one.Raises is not null)
        {
            Assert.NotEmpty(Assert.ThrowsAny<ArgumentException>(() => Passes(one, DType.Float64)).Message);
            return;
        }

        Assert.Equal(one.Keys, _create(one).StateDict().Keys);
        foreach (GoldenDeviation deviation in Deviations(one)) deviation.Check();
    }

    /// <summary>
    /// Runs a case without eps in which PyTorch divides 0 by 0: every value is finite, and a group of one constant
    /// gives beta and has no input gradient.
    /// </summary>
    public void CheckConstantGroupsGiveBeta(string name)
    {
        GoldenCase one = _cases[name];
        foreach (DType type in new[] { DType.Float64, DType.Float32 })
        {
            Module layer = _create(one);
            foreach (OrderedDictionary<string, double[]> pass in Passes(one, type, layer))
            {
                foreach ((string quantity, double[] values) in pass)
                    Assert.All(values, value => Assert.True(double.IsFinite(value), $"{type} {quantity}"));
                if (one.Passes[0].Kind != "constant") continue;
                Parameter? bias = layer.NamedParameters().FirstOrDefault(p => p.Name == "bias").Parameter;
                double[] beta = bias is null ? [0] : NaiveOps.Doubles(bias.Value);
                // Row norms have a beta per place in the row, the others one per channel.
                int inner = one.Normalized is null ? one.Passes[0].Inner : 1;
                for (int i = 0; i < pass["y"].Length; i++) Assert.Equal(beta[i / inner % beta.Length], pass["y"][i]);
                Assert.All(pass["dx"], value => Assert.Equal(0, value));
            }
        }
    }

    /// <summary>Every quantity of a case beside PyTorch's, in each of its types.</summary>
    public IEnumerable<GoldenDeviation> Deviations(GoldenCase one)
    {
        foreach (DType type in new[] { DType.Float64, DType.Float32 })
        {
            if (!one.Has(type)) continue;
            int at = one.At, updates = 0;
            List<OrderedDictionary<string, double[]>> passes = Passes(one, type);
            for (int p = 0; p < passes.Count; p++)
            {
                if (one.Passes[p].Mode == "train")
                    updates += one.Virtual == 0 ? 1 : (one.Passes[p].Shape[0] + one.Virtual - 1) / one.Virtual;
                OrderedDictionary<string, double[]> pass = passes[p];
                double[] variance = pass.GetValueOrDefault("running_var", []);
                foreach ((string quantity, double[] values) in pass)
                {
                    double[] expected = _numbers[at..(at + values.Length)];
                    at += values.Length;
                    if (quantity == "num_batches_tracked")
                    {
                        // An instance norm counts its batches; PyTorch's leaves the number at 0.
                        Assert.Equal(
                            one.Layer.StartsWith("InstanceNorm", StringComparison.Ordinal) ? updates : expected[0],
                            values[0]);
                        continue;
                    }

                    double scale = _numbers[at], condition = _numbers[at + 1], error64 = _numbers[at + 2],
                        error32 = _numbers[at + 3];
                    at += 4;
                    double tolerance = type == DType.Float64 ? Float64Tolerance : Float32Tolerance;
                    double rounding =
                        (type == DType.Float64 ? double.BitIncrement(1) - 1 : float.BitIncrement(1) - 1) / 2;
                    for (int i = 0; i < values.Length; i++)
                    {
                        double size = quantity switch
                        {
                            "running_mean" => Math.Abs(expected[i]) + Math.Sqrt(variance[i]),
                            "running_var" => Math.Abs(expected[i]),
                            _ => scale,
                        };
                        double allowed = tolerance * size + updates * rounding * condition + error64;
                        yield return new GoldenDeviation($"{one.Name}, {type}, pass {p + 1}: {quantity}[{i}]",
                            values[i], expected[i], allowed, size, condition, error32, type);
                    }
                }
            }
        }
    }

    /// <summary>The results of our layer, pass by pass, in the order of the golden file.</summary>
    public List<OrderedDictionary<string, double[]>> Passes(GoldenCase one, DType type) =>
        Passes(one, type, _create(one));

    private static List<OrderedDictionary<string, double[]>> Passes(GoldenCase one, DType type, Module layer)
    {
        layer.To(type);
        Dictionary<string, Parameter> parameters = layer.NamedParameters()
            .ToDictionary(p => p.Name, p => p.Parameter, StringComparer.Ordinal);
        Dictionary<string, StateBuffer> buffers = layer.NamedBuffers()
            .ToDictionary(b => b.Name, b => b.Buffer, StringComparer.Ordinal);
        var random = new NumPyRandomState(one.Seed);
        int count = one.ParameterShape.Count;
        // As in PyTorch's layers, gamma and beta come together; an RMS norm has no beta.
        if (one.Affine) Set(parameters["weight"].Value, Uniform(random, count, 3, -1));
        if (one.Affine && parameters.TryGetValue("bias", out Parameter? bias))
            Set(bias.Value, Uniform(random, count, 2, -1));
        if (one.Given)
        {
            Set(buffers["running_mean"].Value, Uniform(random, count, 2, -1));
            Set(buffers["running_var"].Value, Uniform(random, count, 2, 0.25));
        }

        var results = new List<OrderedDictionary<string, double[]>>();
        var training = new Tape(Mode.Train);
        var evaluation = new Tape(Mode.Eval, recordGradients: true);
        foreach (GoldenPass pass in one.Passes)
        {
            var shape = new Shape(pass.Shape);
            double[] uniform = new double[shape.Count];
            random.Fill(uniform);
            double[] input = pass.Input(uniform), cotangent = Uniform(random, shape.Count, 2, -1);
            if (!one.Wide) Round(input);
            Tape tape = pass.Mode == "train" ? training : evaluation;
            tape.Reset();
            layer.ZeroGrad();
            Tensor x = tape.Input(Tensor.From(input, shape).To(type), requiresGradient: true);
            Tensor y = layer.Forward(x);
            Assert.Equal(shape, y.Shape);
            y.Backward(Tensor.From(cotangent, shape).To(type));
            var result = new OrderedDictionary<string, double[]>
            {
                ["y"] = NaiveOps.Doubles(y),
                ["dx"] = NaiveOps.Doubles(x.Gradient!),
            };
            foreach ((string key, string gradient) in new[] { ("weight", "dgamma"), ("bias", "dbeta") })
            {
                if (parameters.TryGetValue(key, out Parameter? parameter))
                    result.Add(gradient, NaiveOps.Doubles(parameter.Gradient!));
            }

            foreach (string key in new[] { "running_mean", "running_var" })
            {
                if (buffers.TryGetValue(key, out StateBuffer? buffer)) result.Add(key, NaiveOps.Doubles(buffer.Value));
            }

            if (buffers.TryGetValue("num_batches_tracked", out StateBuffer? batches))
                result.Add("num_batches_tracked", [batches.Value.AsSpan<long>()[0]]);
            results.Add(result);
        }

        return results;
    }

    private static double[] Uniform(NumPyRandomState random, int count, double scale, double offset)
    {
        double[] values = new double[count];
        random.Fill(values);
        for (int i = 0; i < count; i++) values[i] = scale * values[i] + offset;
        Round(values);
        return values;
    }

    private static void Round(double[] values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = (float)values[i];
    }

    private static void Set(Tensor tensor, double[] values) =>
        tensor.CopyFrom(Tensor.From(values, tensor.Shape).To(tensor.DType));
}

/// <summary>One value beside PyTorch's float64 one.</summary>
/// <param name="What">Case, type, pass, quantity and index.</param>
/// <param name="Actual">Ours.</param>
/// <param name="Expected">PyTorch's.</param>
/// <param name="Allowed">How far they may be apart.</param>
/// <param name="Size">What errors of this quantity are measured by.</param>
/// <param name="Condition">How much a relative error of the running mean moves the value.</param>
/// <param name="TorchFloat32Error">The largest error of PyTorch's float32 result of this quantity.</param>
/// <param name="Type">The element type of ours.</param>
internal readonly record struct GoldenDeviation(
    string What, double Actual, double Expected, double Allowed, double Size, double Condition,
    double TorchFloat32Error, DType Type)
{
    public double Error => Math.Abs(Actual - Expected);

    public void Check()
    {
        // Written so that a NaN fails too.
        if (!(Error <= Allowed))
        {
            Assert.Fail($"{What}: expected {Expected:R}, got {Actual:R}, off by {Error:G3}; "
                + $"allowed {Allowed:G3} at size {Size:G3}");
        }
    }
}
