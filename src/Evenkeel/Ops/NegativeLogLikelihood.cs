namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The negative log-likelihood of log-probabilities x of shape (N, C) or (N, C, d1, ...), with the classes along
    /// axis 1: a scalar, the weighted mean -Σ_n w[y_n]·x[n,y_n] / Σ_n w[y_n] over the labels y that count. After
    /// <see cref="LogSoftmax"/> it is <see cref="CrossEntropy"/>. Semantics of PyTorch's <c>nll_loss</c> with the
    /// reduction "mean".
    /// </summary>
    /// <param name="labels">
    /// Class numbers from 0 to C - 1 of type Int64, of shape (N) or (N, d1, ...); they are copied.
    /// </param>
    /// <param name="weight">C weights w of the classes, finite and not negative. Default: null, all are 1.</param>
    /// <param name="ignoreIndex">
    /// Labels with this number do not count and get no gradient. Default: -100, which is the number of no class.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, a label is out of range, a weight is negative or not finite, or no
    /// label counts.
    /// </exception>
    public Tensor NegativeLogLikelihood(Tensor labels, Tensor? weight = null, long ignoreIndex = -100) =>
        NegativeLogLikelihoodOp.Apply(this, labels, weight, ignoreIndex);
}

/// <summary>
/// L = -(1/Z)·Σ_n w[y_n]·x[n,y_n] with Z = Σ_n w[y_n]; so dx[n,y_n] = -dL·w[y_n]/Z, and dx is 0 elsewhere.
/// </summary>
internal sealed unsafe class NegativeLogLikelihoodOp : Op
{
    private Tensor _x = null!;
    private Tensor _labels = null!;
    private Tensor _weights = null!;
    private double _divisor;
    private long _ignoreIndex;

    /// <inheritdoc/>
    public override string Name => "NegativeLogLikelihood";

    public static Tensor Apply(Tensor x, Tensor labels, Tensor? weight, long ignoreIndex)
    {
        Tape? tape = Join("NegativeLogLikelihood", ref x);
        int counted = ClassLabels.Check("NegativeLogLikelihood", x, labels, ignoreIndex), classes = x.Shape[1];
        ClassLabels.CheckWeight("NegativeLogLikelihood", classes, weight);
        double divisor = weight is null
            ? counted
            : ClassLabels.TotalWeight("NegativeLogLikelihood", labels, classes, weight, x.DType, ignoreIndex);
        NegativeLogLikelihoodOp op = Rent<NegativeLogLikelihoodOp>(tape);
        op._x = x;
        (op._divisor, op._ignoreIndex) = (divisor, ignoreIndex);

        // A copy: the caller may overwrite its labels before the backward pass, and nobody would check them.
        op._labels = op.NewTensor(labels.Shape, DType.Int64);
        op._labels.CopyFrom(labels);
        op._weights = op.NewTensor([classes], DType.Float64);
        Span<double> weights = op._weights.AsSpan<double>();
        for (int c = 0; c < classes; c++)
        {
            double w = weight?.ValueAt(c) ?? 1;
            weights[c] = x.DType == DType.Float32 ? (float)w : w;
        }

        op.Bind([], x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _labels = _weights = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>();
        double* weights = _weights.Pointer<double>();
        ReadOnlySpan<long> labels = _labels.AsSpan<long>();
        double total = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] != _ignoreIndex)
                total -= weights[labels[i]] * double.CreateTruncating(x[At(i, labels[i])]);
        }

        *Output.Pointer<T>() = T.CreateTruncating(total / _divisor);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        Span<T> dx = opened.AsSpan<T>();
        double* weights = _weights.Pointer<double>();
        ReadOnlySpan<long> labels = _labels.AsSpan<long>();
        double scale = -Dy.Item() / _divisor;
        dx.Clear();
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] != _ignoreIndex)
                dx[At(i, labels[i])] = T.CreateTruncating(weights[labels[i]] * scale);
        }

        Close<T>(_x, opened);
    }

    /// <summary>Where the score of a class stands that belongs to label i.</summary>
    private int At(int i, long label)
    {
        int places = _labels.Count / _x.Shape[0], sample = i / places;
        return (((sample * _x.Shape[1]) + (int)label) * places) + i - (sample * places);
    }
}
