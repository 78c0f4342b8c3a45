using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Softmax cross-entropy of class scores (logits) of shape (N, C): a scalar, the mean over the batch of -ln
    /// softmax(x[n])[label[n]].
    /// </summary>
    /// <param name="labels">N class numbers from 0 to C - 1, of type Int64; they are copied.</param>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, or a label is out of range.
    /// </exception>
    public Tensor CrossEntropy(Tensor labels) => CrossEntropyOp.Apply(this, labels);
}

/// <summary>
/// L = -(1/N)·Σ_n ln p[n, label], with p = softmax(x) along the classes.
/// </summary>
/// <remarks>
/// With s = Σ_j exp(x_j - max): -ln p_c = ln s - (x_c - max). As ∂(ln s)/∂x_j = p_j,
/// dx[n,j] = dL·(p[n,j] - [j = label])/N. The forward pass keeps p.
/// </remarks>
internal sealed unsafe class CrossEntropyOp : Op
{
    private Tensor _x = null!;
    private Tensor _labels = null!;
    private Tensor _probabilities = null!;
    private Tensor _losses = null!;

    /// <inheritdoc/>
    public override string Name => "CrossEntropy";

    public static Tensor Apply(Tensor x, Tensor labels)
    {
        Tape? tape = Join("CrossEntropy", ref x);
        ClassLabels.Check("CrossEntropy", x, labels);
        CrossEntropyOp op = Rent<CrossEntropyOp>(tape);
        op._x = x;

        // A copy: the caller may overwrite its labels before the backward pass, and nobody would check them.
        op._labels = op.NewTensor(labels.Shape, DType.Int64);
        op._labels.CopyFrom(labels);
        op._probabilities = op.NewTensor(x.Shape, x.DType);
        op._losses = op.NewTensor([x.Shape[0]], DType.Float64);
        op.Bind([], x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _labels = _probabilities = _losses = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        int samples = _x.Shape[0], classes = _x.Shape[1];
        SoftmaxRows.CrossEntropy(_x.Pointer<T>(),
            _labels.Pointer<long>(), _probabilities.Pointer<T>(), _losses.Pointer<double>(), samples, classes);
        double total = 0;
        foreach (double loss in _losses.AsSpan<double>()) total += loss;
        *Output.Pointer<T>() = T.CreateTruncating(total / samples);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        int samples = _x.Shape[0], classes = _x.Shape[1];
        T scale = T.CreateTruncating(Dy.Item() / samples);
        T* p = _probabilities.Pointer<T>(), dx = opened.Pointer<T>();
        long* labels = _labels.Pointer<long>();
        Map.Run(p, p, p, dx, opened.Count, new Scaled<T>(scale));
        for (int n = 0; n < samples; n++)
        {
            long i = ((long)n * classes) + labels[n];
            dx[i] = (p[i] - T.One) * scale;
        }

        Close<T>(_x, opened);
    }

    private readonly struct Scaled<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * _scale;
    }
}
