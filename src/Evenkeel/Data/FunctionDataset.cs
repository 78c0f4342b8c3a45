using System.Buffers;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>Samples and targets that functions of epoch and index write.</summary>
internal sealed class FunctionDataset : IEpochDataset
{
    private readonly Action<int, int, Span<float>> _input;
    private readonly Action<int, int, Span<float>>? _target;
    private readonly Func<int, int, long>? _label;

    /// <summary>Class labels as targets.</summary>
    public FunctionDataset(
        int count, Shape sampleShape, Action<int, int, Span<float>> input, Func<int, int, long> label)
        : this(count, sampleShape, [], input)
    {
        (_label, TargetType) = (label, DType.Int64);
    }

    /// <summary>Numbers as targets.</summary>
    public FunctionDataset(
        int count, Shape sampleShape, Action<int, int, Span<float>> input, Shape targetShape,
        Action<int, int, Span<float>> target)
        : this(count, sampleShape, targetShape, input)
    {
        (_target, TargetType) = (target, DType.Float32);
    }

    private FunctionDataset(int count, Shape sampleShape, Shape targetShape, Action<int, int, Span<float>> input)
    {
        if (count < 1)
            throw new ArgumentException($"Dataset.Of: expected at least one sample, got {count}.", nameof(count));
        Check(sampleShape, nameof(sampleShape));
        Check(targetShape, nameof(targetShape));
        (Count, SampleShape, TargetShape, _input) = (count, sampleShape, targetShape, input);
    }

    public int Count { get; }

    public Shape SampleShape { get; }

    public Shape TargetShape { get; }

    public DType TargetType { get; }

    public int Epoch { get; set; }

    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => Write(_input, indices, batch, SampleShape.Count);

    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        if (_target is not null)
        {
            Write(_target, indices, targets, TargetShape.Count);
            return;
        }

        Span<long> labels = targets.AsSpan<long>();
        for (int i = 0; i < indices.Length; i++) labels[i] = _label!(Epoch, indices[i]);
    }

    private static void Check(Shape shape, string parameter)
    {
        if (shape.Count > 0) return;
        throw new ArgumentException($"Dataset.Of: expected a shape with elements, got {shape}.", parameter);
    }

    private void Write(Action<int, int, Span<float>> write, ReadOnlySpan<int> indices, Tensor batch, int size)
    {
        var job = new Job { Write = write, Epoch = Epoch, Indices = indices, Size = size };
        if (batch.DType == DType.Float32) job.Single = batch.AsSpan<float>();
        else job.Double = batch.AsSpan<double>();
        Workers.Run(indices.Length, job);
    }

    /// <summary>Makes one sample. One of the two places is empty.</summary>
    private ref struct Job : IJob
    {
        public Action<int, int, Span<float>> Write;
        public int Epoch;
        public ReadOnlySpan<int> Indices;
        public int Size;
        public Span<float> Single;
        public Span<double> Double;

        public readonly void Invoke(int sample)
        {
            if (Double.IsEmpty)
            {
                Span<float> values = Single.Slice(sample * Size, Size);
                values.Clear();
                Write(Epoch, Indices[sample], values);
                return;
            }

            float[] rented = ArrayPool<float>.Shared.Rent(Size);
            Span<float> single = rented.AsSpan(0, Size);
            single.Clear();
            Write(Epoch, Indices[sample], single);
            Span<double> wide = Double.Slice(sample * Size, Size);
            for (int i = 0; i < wide.Length; i++) wide[i] = single[i];
            ArrayPool<float>.Shared.Return(rented);
        }
    }
}
