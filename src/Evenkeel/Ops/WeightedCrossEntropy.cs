using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// L = -(1/Z)·Σ_n Σ_c q[n,c]·ln p[n,c], with p = softmax(x) along the classes: the cross-entropy with smoothed labels,
/// class weights, labels that do not count, and probabilities as targets.
/// </summary>
/// <remarks>
/// <para>The target q[n,c] = a[c]·t[n,c] + s[c], with a[c] = (1-ε)·w[c] and s[c] = (ε/C)·w[c]. For labels t[n,c] is 1
/// at c = label and 0 elsewhere, and all of q is 0 for a label that does not count. Z is the sum of w[label] over the
/// labels that count, or the number of rows of probabilities.</para>
/// <para>With Q_n = Σ_c q[n,c]: as ∂(ln p_c)/∂x_j = [c = j] - p_j, dx[n,j] = (dL/Z)·(Q_n·p[n,j] - q[n,j]). The forward
/// pass keeps ln p and Q.</para>
/// </remarks>
internal sealed unsafe class WeightedCrossEntropyOp : Op
{
    private const int ChunkElements = 1 << 13;
    private const int BlockPacks = 64;

    private Tensor _x = null!;
    private Tensor? _labels;
    private Tensor? _probabilities;
    private Tensor _logarithms = null!;
    private Tensor _sharp = null!;
    private Tensor _smooth = null!;
    private Tensor _losses = null!;
    private Tensor _masses = null!;
    private double _divisor;
    private long _ignoreIndex;
    private bool _isSmoothed;

    /// <inheritdoc/>
    public override string Name => "CrossEntropy";

    /// <summary>
    /// The loss of scores (N, C, ...) for labels (N, ...) that <see cref="ClassLabels"/> has checked.
    /// </summary>
    public static Tensor OfLabels(
        Tensor x, Tensor labels, Tensor? weight, long ignoreIndex, double labelSmoothing, int counted)
    {
        int classes = x.Shape[1];
        Check(classes, weight, labelSmoothing);
        double divisor = weight is null
            ? counted
            : ClassLabels.TotalWeight("CrossEntropy", labels, classes, weight, x.DType, ignoreIndex);
        x = Rows(x);
        WeightedCrossEntropyOp op = Rent<WeightedCrossEntropyOp>(x.Tape);

        // A copy: the caller may overwrite its labels before the backward pass, and nobody would check them.
        op._labels = op.NewTensor([labels.Count], DType.Int64);
        labels.AsSpan<long>().CopyTo(op._labels.AsSpan<long>());
        op._ignoreIndex = ignoreIndex;
        return op.Execute(x, weight, labelSmoothing, divisor);
    }

    /// <summary>The loss of scores (N, C, ...) for probabilities of the same shape.</summary>
    public static Tensor OfProbabilities(Tensor x, Tensor target, Tensor? weight, double labelSmoothing)
    {
        Check(x.Shape[1], weight, labelSmoothing);
        Tape? tape = Join("CrossEntropy", ref x, ref target);
        ClassLabels.CheckNotEmpty("CrossEntropy", x);
        ClassLabels.CheckConstant("CrossEntropy", target, nameof(target));
        x = Rows(x);
        target = Rows(target);
        WeightedCrossEntropyOp op = Rent<WeightedCrossEntropyOp>(tape);
        op._probabilities = target;
        return op.Execute(x, weight, labelSmoothing, x.Shape[0]);
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _logarithms = _sharp = _smooth = _losses = _masses = null!;
        _labels = _probabilities = null;
    }

    private static void Check(int classes, Tensor? weight, double labelSmoothing)
    {
        ClassLabels.CheckWeight("CrossEntropy", classes, weight);
        if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing),
                $"CrossEntropy: expected a labelSmoothing from 0 to 1, got {labelSmoothing}. "
                + $"0.1 is a common value; 0 is none.");
        }
    }

    /// <summary>A row of classes per sample and place: (N, C, ...) becomes (N·..., C).</summary>
    private static Tensor Rows(Tensor x)
    {
        int rank = x.Shape.Rank;
        if (rank == 2) return x;
        Span<int> axes = stackalloc int[rank];
        for (int i = 1; i < rank - 1; i++) axes[i] = i + 1;
        axes[^1] = 1;
        return x.Permute(axes).Reshape(-1, x.Shape[1]);
    }

    private Tensor Execute(Tensor x, Tensor? weight, double labelSmoothing, double divisor)
    {
        int rows = x.Shape[0], classes = x.Shape[1];
        _x = x;
        _divisor = divisor;
        _isSmoothed = labelSmoothing > 0;
        _logarithms = NewTensor(x.Shape, x.DType);
        _sharp = NewTensor([classes], x.DType);
        _smooth = NewTensor([classes], x.DType);
        _losses = NewTensor([rows], DType.Float64);
        _masses = NewTensor([rows], DType.Float64);
        for (int c = 0; c < classes; c++)
        {
            double w = weight?.ValueAt(c) ?? 1;
            _sharp.SetValueAt(c, (1 - labelSmoothing) * w);
            _smooth.SetValueAt(c, labelSmoothing / classes * w);
        }

        Bind([], x.DType, x);
        return Execute();
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        SoftmaxRows.LogSoftmax(_x.Pointer<T>(), _logarithms.Pointer<T>(), _x.Shape[0], _x.Shape[1]);
        Run<T>(null, T.Zero);
        double total = 0;
        foreach (double loss in _losses.AsSpan<double>()) total += loss;
        *Output.Pointer<T>() = T.CreateTruncating(total / _divisor);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Run(dx.Pointer<T>(), T.CreateTruncating(Dy.Item() / _divisor));
        Close<T>(_x, dx);
    }

    private void Run<T>(T* dx, T scale) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rows = _x.Shape[0], classes = _x.Shape[1];
        int perChunk = Math.Max(1, ChunkElements / classes);
        Workers.Run((rows + perChunk - 1) / perChunk, new Job<T>
        {
            Logarithms = _logarithms.Pointer<T>(),
            Probabilities = _probabilities is null ? null : _probabilities.Pointer<T>(),
            Labels = _labels is null ? null : _labels.Pointer<long>(),
            Sharp = _sharp.Pointer<T>(),
            Smooth = _smooth.Pointer<T>(),
            Losses = _losses.Pointer<double>(),
            Masses = _masses.Pointer<double>(),
            Dx = dx,
            Scale = scale,
            IgnoreIndex = _ignoreIndex,
            IsSmoothed = _isSmoothed,
            Rows = rows,
            Classes = classes,
            PerChunk = perChunk,
        });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Logarithms, Probabilities, Sharp, Smooth, Dx;
        public long* Labels;
        public double* Losses, Masses;
        public T Scale;
        public long IgnoreIndex;
        public bool IsSmoothed;
        public int Rows, Classes, PerChunk;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Rows, (chunk + 1) * PerChunk);
            for (int row = chunk * PerChunk; row < end; row++)
            {
                long offset = (long)row * Classes;
                bool counts = Labels is null || Labels[row] != IgnoreIndex;
                if (Dx is null)
                {
                    Losses[row] = Masses[row] = 0;
                    if (counts) Forward(row, Logarithms + offset, Probabilities + offset);
                }
                else if (counts) Backward(row, Logarithms + offset, Probabilities + offset, Dx + offset);
                else new Span<T>(Dx + offset, Classes).Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Forward(int row, T* logarithms, T* probabilities)
        {
            int width = Vector512<T>.Count;
            double loss = 0, mass = 0;
            for (int i = 0; i < Classes && (Labels is null || IsSmoothed);)
            {
                Vector512<T> losses = default, masses = default;
                int stop = Math.Min(Classes, i + (BlockPacks * width));
                for (; i < stop; i += width)
                {
                    int count = Math.Min(width, Classes - i);
                    Vector512<T> q = Target(probabilities + i, i, count);
                    losses += q * Simd.LoadUpTo(logarithms + i, count);
                    masses += q;
                }

                loss += Simd.SumLanes(losses);
                mass += Simd.SumLanes(masses);
            }

            if (Labels is not null)
            {
                double sharp = double.CreateTruncating(Sharp[Labels[row]]);
                loss += sharp * double.CreateTruncating(logarithms[Labels[row]]);
                mass += sharp;
            }

            Losses[row] = -loss;
            Masses[row] = mass;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Backward(int row, T* logarithms, T* probabilities, T* dx)
        {
            int width = Vector512<T>.Count;
            Vector512<T> mass = Simd.Broadcast(T.CreateTruncating(Masses[row])), scale = Simd.Broadcast(Scale);
            for (int i = 0; i < Classes; i += width)
            {
                int count = Math.Min(width, Classes - i);
                Vector512<T> p = VectorMath.Exp(Simd.LoadUpTo(logarithms + i, count));
                Vector512<T> values = (mass * p - Target(probabilities + i, i, count)) * scale;
                Simd.StoreUpTo(dx + i, values, count);
            }

            if (Labels is not null) dx[Labels[row]] -= Sharp[Labels[row]] * Scale;
        }

        /// <summary>q for a pack of classes; for labels without the part of the label itself.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly Vector512<T> Target(T* probabilities, int first, int count)
        {
            Vector512<T> smooth = Simd.LoadUpTo(Smooth + first, count);
            return Labels is null
                ? Simd.LoadUpTo(Sharp + first, count) * Simd.LoadUpTo(probabilities, count) + smooth
                : smooth;
        }
    }
}
