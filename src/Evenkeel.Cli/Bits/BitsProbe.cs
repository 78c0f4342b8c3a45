using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Cli.Bits;

/// <summary>
/// A computation of one element type whose results are hashed; its inputs come from a stream that the case's name
/// chooses.
/// </summary>
internal sealed record BitsCase(string Name, Action<BitsProbe> Run)
{
    /// <summary>The first 16 hexadecimal digits of the hash of all results.</summary>
    public string Hash(DType dtype)
    {
        using var probe = new BitsProbe(Name, dtype);
        Run(probe);
        return probe.Finish()[..16];
    }
}

/// <summary>What a case computes with: inputs, passes, and the hash of their results.</summary>
internal sealed class BitsProbe(string name, DType dtype) : IDisposable
{
    private readonly WeightsHash _hash = new();
    private readonly Philox _random = new(231, name);

    private long _added;

    public DType DType { get; } = dtype;

    /// <summary>
    /// The case's stream; Philox is integers, so the draws themselves differ nowhere unless its normals do, which have
    /// a case of their own.
    /// </summary>
    public Philox Random => _random;

    public Tensor Normal(params ReadOnlySpan<int> shape) => NormalAround(0, 1, shape);

    /// <summary>Values of this mean and standard deviation.</summary>
    public Tensor NormalAround(double mean, double std, params ReadOnlySpan<int> shape)
    {
        var values = Tensor.RandomNormal(new Shape(shape), _random, DType);
        return Map(values, std, mean);
    }

    /// <summary>Values from 1/16 up to 4, for roots, logarithms and powers.</summary>
    public Tensor Positive(params ReadOnlySpan<int> shape)
    {
        var values = Tensor.RandomUniform(new Shape(shape), _random, DType);
        return Map(values, 3.9375, 0.0625);
    }

    public Tensor Labels(int count, int classes)
    {
        int[] labels = new int[count];
        for (int i = 0; i < count; i++) labels[i] = _random.NextInt(classes);
        return Tensor.Labels(labels);
    }

    /// <summary>
    /// One pass forward and one back with a random cotangent; hashes the result and the gradients of all inputs but
    /// labels.
    /// </summary>
    public void Pass(Func<Tensor[], Tensor> op, params Tensor[] inputs) => Pass(Mode.Train, op, inputs);

    public void Pass(Mode mode, Func<Tensor[], Tensor> op, params Tensor[] inputs)
    {
        var tape = new Tape(mode, recordGradients: true) { Seed = 231 };
        Tensor[] taped =
            [.. inputs.Select(input => input.DType == DType.Int64 ? input : tape.Input(input, requiresGradient: true))];
        Tensor y = op(taped);
        Add("y", y);
        Tensor cotangent = Tensor.RandomNormal(y.Shape, _random, DType);
        y.Backward(cotangent);
        for (int i = 0; i < taped.Length; i++)
        {
            if (taped[i].DType == DType.Int64) continue;
            Add($"d{i}", taped[i].Gradient ?? throw new InvalidOperationException(
                $"bits: {name} gives no gradient to input {i}; there is nothing to compare."));
        }
    }

    /// <summary>
    /// One pass of a layer and ReLU, fused as <see cref="Sequential"/> fuses them, and one back; hashes the result and
    /// the gradients of the input and of the layer's parameters, whose values are given in their order.
    /// </summary>
    public void PassWithReLU(Mode mode, Module layer, Tensor input, params ReadOnlySpan<Tensor> parameters)
    {
        layer.To(DType);
        layer.ZeroGrad();
        IReadOnlyList<Parameter> own = layer.Parameters();
        for (int i = 0; i < own.Count; i++) own[i].CopyFrom(parameters[i]);
        var tape = new Tape(mode, recordGradients: true) { Seed = 231 };
        Tensor x = tape.Input(input, requiresGradient: true), y = new Sequential(layer, new ReLU()).Forward(x);
        Add("y", y);
        y.Backward(Tensor.RandomNormal(y.Shape, _random, DType));
        Add("d0", x.Gradient!);
        for (int i = 0; i < own.Count; i++) Add($"d{i + 1}", own[i].Gradient!);
    }

    public void Add(string what, Tensor tensor)
    {
        _added += tensor.Count;
        _hash.Add(what, tensor);
    }

    /// <summary>A number that is no tensor, with all its bits.</summary>
    public void Add(string what, double value) => Add(what, Tensor.Scalar(value, DType.Float64));

    public string Finish() => _added > 0 ? _hash.Finish() : throw new InvalidOperationException(
        $"bits: {name} hashes nothing; there is nothing to compare.");

    public void Dispose() => _hash.Dispose();

    private static Tensor Map(Tensor values, double scale, double shift)
    {
        if (values.DType == DType.Float32)
        {
            foreach (ref float value in values.AsSpan<float>()) value = (float)(value * scale + shift);
        }
        else
        {
            foreach (ref double value in values.AsSpan<double>()) value = value * scale + shift;
        }

        return values;
    }
}
