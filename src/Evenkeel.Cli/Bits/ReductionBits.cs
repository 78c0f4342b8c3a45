namespace Evenkeel.Cli.Bits;

/// <summary>Sums, means, variances, maxima over different axes; softmax and the losses.</summary>
internal static class ReductionBits
{
    /// <summary>
    /// What is reduced. The last two are long enough for several parts (32,768 elements each) and several tasks.
    /// </summary>
    private static readonly (int[] Shape, int[] Axes)[] s_sums =
    [
        ([3, 67], []), ([5, 130], [1]), ([130, 5], [0]), ([33, 65], [0]), ([4, 3, 5, 7], [0, 2, 3]),
        ([4, 3, 5, 7], [1]), ([4, 3, 5, 7], [-1, 0]),
        ([71, 1031], []), ([1031, 71], [0]),
    ];

    /// <summary>Rows of classes; the last is more than one chunk (8,192 elements).</summary>
    private static readonly int[][] s_rows = [[5, 10], [7, 67], [3, 1100], [301, 33]];

    /// <summary>Predictions and targets of losses of numbers; the last are more than one chunk (32,768).</summary>
    private static readonly int[][] s_numbers = [[3, 67], [71, 517]];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. Sums("sum", (x, axes) => x.Sum(axes)),
        .. Sums("mean", (x, axes) => x.Mean(axes, keepDims: true)),
        .. Sums("variance", (x, axes) => x.Variance(axes)),
        .. Sums("variance-biased", (x, axes) => x.Variance(axes, correction: 0)),
        .. Enumerable.Range(0, 3)
            .Select(axis =>
            new BitsCase($"max/6x35x7/axis{axis}", probe => probe.Pass(x => x[0].Max(axis), probe.Normal(6, 35, 7)))),
        new("max/67x1031", probe => probe.Pass(x => x[0].Max(), probe.Normal(67, 1031))),
        .. Enumerable.Range(0, 3)
            .Select(axis =>
            new BitsCase($"argmax/6x35x7/axis{axis}", probe => probe.Add("y", probe.Normal(6, 35, 7).ArgMax(axis)))),
        new("argmax/67x1031", probe => probe.Add("y", probe.Normal(67, 1031).ArgMax())),
        .. Rows("softmax", (x, _) => x.Softmax()),
        .. Rows("log-softmax", (x, _) => x.LogSoftmax()),
        new("softmax/6x35x7/axis1", probe => probe.Pass(x => x[0].Softmax(1), probe.Normal(6, 35, 7))),
        new("log-softmax/6x35x7/axis0", probe => probe.Pass(x => x[0].LogSoftmax(0), probe.Normal(6, 35, 7))),
        .. Rows("cross-entropy", (x, labels) => x.CrossEntropy(labels)),
        .. Rows("hinge", (x, labels) => x.MultiClassHinge(labels)),
        .. Numbers("mse", (x, target) => x.MeanSquaredError(target)),
        .. Rows("nll", (x, labels) => x.NegativeLogLikelihood(labels)),
        .. Rows("cross-entropy-smoothed", (x, labels) => x.CrossEntropy(labels, labelSmoothing: 0.1)),
        .. s_rows.Select(shape => new BitsCase($"cross-entropy-weighted/{ShapeName.Of(shape)}", probe =>
        {
            Tensor weight = probe.Positive(shape[1]);
            probe.Pass(x => x[0].CrossEntropy(x[1], weight, ignoreIndex: 0, labelSmoothing: 0.2),
                probe.NormalAround(0, 3, shape), probe.Labels(shape[0], shape[1]));
        })),
        .. s_rows.Select(shape => new BitsCase($"cross-entropy-soft/{ShapeName.Of(shape)}", probe =>
        {
            Tensor target = probe.Positive(shape);
            probe.Pass(x => x[0].CrossEntropy(target), probe.NormalAround(0, 3, shape));
        })),
        new("cross-entropy-soft/3x5x2x7", probe =>
        {
            Tensor target = probe.Positive(3, 5, 2, 7);
            probe.Pass(x => x[0].CrossEntropy(target, labelSmoothing: 0.1), probe.NormalAround(0, 3, 3, 5, 2, 7));
        }),
        .. Numbers("mae", (x, target) => x.MeanAbsoluteError(target)),
        .. Numbers("huber", (x, target) => x.Huber(target, 0.7)),
        .. Numbers("smooth-l1", (x, target) => x.SmoothL1(target, 0.7)),
        .. Numbers("binary-hinge", (x, target) => x.Hinge(target)),
        .. Numbers("bce", (x, target) => x.BinaryCrossEntropyWithLogits(target)),
        .. s_numbers.Select(shape => new BitsCase($"bce-weighted/{ShapeName.Of(shape)}", probe =>
        {
            Tensor weight = probe.Positive(shape[0], 1), posWeight = probe.Positive(shape[1]);
            probe.Pass(x => x[0].BinaryCrossEntropyWithLogits(x[1], weight, posWeight),
                probe.NormalAround(0, 3, shape), probe.Normal(shape));
        })),
    ];

    private static IEnumerable<BitsCase> Sums(string name, Func<Tensor, int[], Tensor> op) =>
        s_sums.Select(sum => new BitsCase(
        $"{name}/{ShapeName.Of(sum.Shape)}/{(sum.Axes.Length == 0 ? "all" : "axis" + string.Join(',', sum.Axes))}",
        probe => probe.Pass(x => op(x[0], sum.Axes), probe.NormalAround(3, 1, sum.Shape))));

    private static IEnumerable<BitsCase> Rows(string name, Func<Tensor, Tensor, Tensor> op) =>
        s_rows.Select(shape => new BitsCase(
        $"{name}/{ShapeName.Of(shape)}", probe =>
            probe.Pass(x => op(x[0], x[1]), probe.NormalAround(0, 3, shape), probe.Labels(shape[0], shape[1]))));

    private static IEnumerable<BitsCase> Numbers(string name, Func<Tensor, Tensor, Tensor> op) =>
        s_numbers.Select(shape => new BitsCase($"{name}/{ShapeName.Of(shape)}", probe =>
            probe.Pass(x => op(x[0], x[1]), probe.Normal(shape), probe.Normal(shape))));
}
