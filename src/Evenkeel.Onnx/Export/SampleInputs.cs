using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Onnx.Export;

/// <summary>Seeded inputs of a network, for traces and for the proof.</summary>
internal sealed class SampleInputs
{
    private readonly Shape _first;
    private readonly Shape? _second;
    private readonly DType _firstType, _secondType;
    private readonly int _numbers;

    public SampleInputs(Module model, Shape first, Shape? second, OnnxExportOptions options)
    {
        IReadOnlyList<Parameter> parameters = model.Parameters();
        Type = parameters.Count == 0 ? DType.Float32 : parameters[0].DType;
        (_first, _second) = (first, second);
        (_firstType, _secondType) = (options.InputType ?? Type, options.SecondInputType ?? Type);
        Batch = options.DynamicBatch ? null : first[0];
        // Numbers that stand for rows of a table or for classes exist in all of them.
        _numbers = model.NamedModules().Select(static named => named.Module switch
        {
            Embedding table => table.NumEmbeddings,
            ConditionalBatchNorm norm => norm.NumConditions,
            _ => int.MaxValue,
        }).Min();
        if (_numbers == int.MaxValue) _numbers = 2;
    }

    /// <summary>The type of the weights.</summary>
    public DType Type { get; }

    /// <summary>The fixed number of samples; null if it is open.</summary>
    public int? Batch { get; }

    /// <summary>Inputs of so many samples.</summary>
    /// <param name="samples">Number of samples.</param>
    /// <param name="seed">Seed of the values.</param>
    public (Tensor First, Tensor? Second) Draw(int samples, ulong seed)
    {
        var random = new Philox(seed, "export");
        Tensor first = Draw(Batch is null ? _first.With(0, samples) : _first, _firstType, random);
        return _second is not { } second
            ? (first, null)
            : (first, Draw(Batch is null && second.Rank > 0 ? second.With(0, samples) : second, _secondType, random));
    }

    private Tensor Draw(Shape shape, DType type, Philox random)
    {
        if (type != DType.Int64) return Tensor.RandomNormal(shape, random, type);
        Tensor uniform = Tensor.RandomUniform(shape, random, DType.Float64), numbers = Tensor.Zeros(shape, type);
        for (int i = 0; i < numbers.Count; i++)
            numbers.AsSpan<long>()[i] = (long)(uniform.AsSpan<double>()[i] * _numbers);
        return numbers;
    }
}
