using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Softmax cross-entropy of class scores (logits) x of shape (N, C), or (N, C, d1, ...) with the classes along axis
    /// 1: a scalar. With p = softmax(x) along the classes and ε = <paramref name="labelSmoothing"/>:
    /// <para>For class labels y of shape (N) or (N, d1, ...) it is the weighted mean Σ_n l_n / Σ_n w[y_n] over the
    /// labels that count, with l_n = -(1-ε)·w[y_n]·ln p[n,y_n] - (ε/C)·Σ_c w[c]·ln p[n,c].</para>
    /// <para>For probabilities t of the scores' shape it is the mean over all samples and places of
    /// -Σ_c w[c]·((1-ε)·t[n,c] + ε/C)·ln p[n,c]. They need not add up to 1.</para>
    /// Semantics of PyTorch's <c>cross_entropy</c> with the reduction "mean".
    /// </summary>
    /// <param name="target">
    /// Class numbers from 0 to C - 1 of type Int64 (they are copied), or probabilities of the scores' shape and type.
    /// It gets no gradient.
    /// </param>
    /// <param name="weight">C weights w of the classes, finite and not negative. Default: null, all are 1.</param>
    /// <param name="ignoreIndex">
    /// Labels with this number do not count and get no gradient. Default: -100, which is the number of no class.
    /// </param>
    /// <param name="labelSmoothing">
    /// The share ε, from 0 to 1, of the target that is spread evenly over all classes (Szegedy et al. 2016).
    /// Default: 0.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, a label is out of range, a target requires a gradient, a weight is
    /// negative or not finite, or no label counts.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The smoothing is not from 0 to 1.</exception>
    public Tensor CrossEntropy(
        Tensor target, Tensor? weight = null, long ignoreIndex = -100, double labelSmoothing = 0) =>
        CrossEntropyOp.Apply(this, target, weight, ignoreIndex, labelSmoothing);
}

/// <summary>
/// L = -(1/N)·Σ_n ln p[n, label], with p = softmax(x) along the classes.
/// </summary>
/// <remarks>
/// With s = Σ_j exp(x_j - max): -ln p_c = ln s - (x_c - max). As ∂(ln s)/∂x_j = p_j,
/// dx[n,j] = dL·(p[n,j] - [j = label])/N. The forward pass keeps p. This is the plain case;
/// <see cref="WeightedCrossEntropyOp"/> has the options.
/// </remarks>
internal sealed unsafe class CrossEntropyOp : Op
{
    private Tensor _x = null!;
    private Tensor _labels = null!;
    private Tensor _probabilities = null!;
    private Tensor _losses = null!;

    /// <inheritdoc/>
    public override string Name => "CrossEntropy";

    public static Tensor Apply(Tensor x, Tensor target, Tensor? weight, long ignoreIndex, double labelSmoothing)
    {
        ArgumentNullException.ThrowIfNull(target);
        Tape? tape = Join("CrossEntropy", ref x);
        if (target.DType.IsFloatingPoint() && target.Shape == x.Shape && x.Shape.Rank >= 2)
            return WeightedCrossEntropyOp.OfProbabilities(x, target, weight, labelSmoothing);
        int counted = ClassLabels.Check("CrossEntropy", x, target, ignoreIndex);
        return x.Shape.Rank == 2 && counted == target.Count && weight is null && labelSmoothing == 0
            ? Plain(tape, x, target)
            : WeightedCrossEntropyOp.OfLabels(x, target, weight, ignoreIndex, labelSmoothing, counted);
    }

    private static Tensor Plain(Tape? tape, Tensor x, Tensor labels)
    {
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
