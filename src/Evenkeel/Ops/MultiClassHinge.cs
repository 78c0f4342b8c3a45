using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The multiclass hinge (svm) loss of class scores of shape (N, C): a scalar, the mean over the batch of Σ_{j ≠
    /// label} max(0, x_j - x_label + 1) (Weston and Watkins 1999, as in CS231n). PyTorch's MultiMarginLoss divides by C
    /// as well.
    /// </summary>
    /// <param name="labels">N class numbers from 0 to C - 1, of type Int64; they are copied.</param>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, or a label is out of range.
    /// </exception>
    public Tensor MultiClassHinge(Tensor labels) => MultiClassHingeOp.Apply(this, labels);
}

/// <summary>
/// L = (1/N)·Σ_n Σ_{j ≠ label} max(0, x_j - x_label + 1).
/// </summary>
/// <remarks>
/// Each violated margin has slope 1 in x_j and -1 in x_label. So dx[n,j] = dL/N for such a j, and dx[n,label] =
/// -dL/N·(number of violated margins).
/// </remarks>
internal sealed unsafe class MultiClassHingeOp : Op
{
    private const int ChunkElements = 1 << 14;

    private Tensor _x = null!;
    private Tensor _labels = null!;
    private Tensor _losses = null!;

    /// <inheritdoc/>
    public override string Name => "MultiClassHinge";

    public static Tensor Apply(Tensor x, Tensor labels)
    {
        Tape? tape = Join("MultiClassHinge", ref x);
        ClassLabels.Check("MultiClassHinge", x, labels);
        MultiClassHingeOp op = Rent<MultiClassHingeOp>(tape);
        op._x = x;

        // A copy: the caller may overwrite its labels before the backward pass, and nobody would check them.
        op._labels = op.NewTensor(labels.Shape, DType.Int64);
        op._labels.CopyFrom(labels);
        op._losses = op.NewTensor([x.Shape[0]], DType.Float64);
        op.Bind([], x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _labels = _losses = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Run<T>(null, T.Zero);
        double total = 0;
        foreach (double loss in _losses.AsSpan<double>()) total += loss;
        *Output.Pointer<T>() = T.CreateTruncating(total / _x.Shape[0]);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Run(dx.Pointer<T>(), T.CreateTruncating(Dy.Item() / _x.Shape[0]));
        Close<T>(_x, dx);
    }

    private void Run<T>(T* dx, T scale) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int samples = _x.Shape[0], classes = _x.Shape[1];
        int perChunk = Math.Max(1, ChunkElements / classes);
        Workers.Run((samples + perChunk - 1) / perChunk, new Job<T>
        {
            X = _x.Pointer<T>(),
            Dx = dx,
            Labels = _labels.Pointer<long>(),
            Losses = _losses.Pointer<double>(),
            Scale = scale,
            Samples = samples,
            Classes = classes,
            PerChunk = perChunk,
        });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Dx;
        public long* Labels;
        public double* Losses;
        public T Scale;
        public int Samples, Classes, PerChunk;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Samples, (chunk + 1) * PerChunk);
            for (int n = chunk * PerChunk; n < end; n++)
            {
                T* x = X + ((long)n * Classes);
                T* dx = Dx is null ? null : Dx + ((long)n * Classes);
                long label = Labels[n];
                T correct = x[label];
                double loss = 0;
                int violated = 0;
                for (int j = 0; j < Classes; j++)
                {
                    T margin = x[j] - correct + T.One;
                    bool counts = j != label && !(margin <= T.Zero);
                    if (counts)
                    {
                        loss += double.CreateTruncating(margin);
                        violated++;
                    }

                    if (dx is not null) dx[j] = counts ? Scale : T.Zero;
                }

                if (dx is null) Losses[n] = loss;
                else dx[label] = -T.CreateTruncating(violated) * Scale;
            }
        }
    }
}
