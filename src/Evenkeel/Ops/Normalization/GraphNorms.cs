namespace Evenkeel;

/// <summary>
/// The norms as computational graphs of primitive ops: the backward pass walks the graph node by node, with
/// no derivation of its own.
/// The slow twins of the fused ops <see cref="Tensor.BatchNorm"/>, <see cref="Tensor.LayerNorm"/>,
/// <see cref="Tensor.GroupNorm"/>, <see cref="Tensor.InstanceNorm"/> and <see cref="Tensor.RMSNorm"/>: to read, to
/// compare with, to check against.
/// </summary>
/// <remarks>
/// The graph over a group of m values, each arrow an op with its own backward pass:
/// mean = Σx/m; c = x - mean; var = Σc²/m; std = sqrt(var + eps); y = gamma·(c/std) + beta.
/// c is used twice (in var and in c/std) and x twice (in mean and in c): there the tape adds up two gradients. Adding
/// them by hand and simplifying gives the one formula of the fused ops.
/// <para>Each op rounds to the element type, the mean too: in float32 a mean a million deviations away costs a
/// hundredth of a deviation, where the fused ops keep all digits.</para>
/// <para>Five results of the size of the input stay on the tape, where the fused ops keep their output alone.</para>
/// </remarks>
public static class GraphNorms
{
    /// <summary>Batch normalization of (N, C) or (N, C, ...) with the batch's own statistics in every mode.</summary>
    /// <param name="x">The input.</param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="eps">
    /// Added to the variance; 0 or more. With 0 a constant channel gives NaN, where the fused op gives beta.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channel counts that disagree, or not more than one value per channel.
    /// </exception>
    public static Tensor BatchNorm(Tensor x, Tensor? gamma, Tensor? beta, double eps = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(x);
        const string name = "GraphNorms.BatchNorm";
        NormChecks.Eps(name, eps);
        int rank = x.Shape.Rank;
        if (rank < 2)
        {
            throw new ArgumentException(
                $"{name}: expected a batch (N, C) or (N, C, ...), got shape {x.Shape}. "
                + $"Add the missing dimensions with Reshape.",
                nameof(x));
        }

        int channels = x.Shape[1];
        NormChecks.PerChannel(name, x, gamma, beta);
        NormChecks.MoreThanOneValue(name, x, channels, training: false);
        Span<int> axes = stackalloc int[rank - 1];
        for (int i = 1; i < axes.Length; i++) axes[i] = i + 1;
        return Affine(Normalize(x, axes, eps), PerChannel(x, gamma), PerChannel(x, beta));
    }

    /// <summary>Layer normalization over the trailing dimensions.</summary>
    /// <param name="x">The input.</param>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together; exactly the input's last ones.
    /// </param>
    /// <param name="gamma">Scale of that shape; null means 1.</param>
    /// <param name="beta">Shift of that shape; null means 0.</param>
    /// <param name="eps">
    /// Added to the variance; 0 or more. With 0 a constant row gives NaN, where the fused op gives beta.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The input's trailing dimensions are not <paramref name="normalizedShape"/>, or gamma or beta have another shape.
    /// </exception>
    public static Tensor LayerNorm(Tensor x, Shape normalizedShape, Tensor? gamma, Tensor? beta, double eps = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(x);
        const string name = "GraphNorms.LayerNorm";
        NormChecks.Eps(name, eps);
        NormChecks.TrailingShape(name, normalizedShape, x);
        NormChecks.OfShape(name, "gamma (weight)", gamma, x, normalizedShape);
        NormChecks.OfShape(name, "beta (bias)", beta, x, normalizedShape);
        return Affine(Normalize(x, Trailing(normalizedShape), eps), gamma, beta);
    }

    /// <summary>Group normalization of (N, C) or (N, C, ...).</summary>
    /// <param name="x">The input.</param>
    /// <param name="groups">Number of groups; the channels are a multiple of it.</param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="eps">
    /// Added to the variance; 0 or more. With 0 a constant group gives NaN, where the fused op gives beta.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channels that the groups do not divide, channel counts that disagree, or groups of one value.
    /// </exception>
    public static Tensor GroupNorm(Tensor x, int groups, Tensor? gamma, Tensor? beta, double eps = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(x);
        NormChecks.Groups("GraphNorms.GroupNorm", x, groups, gamma, beta, eps);
        Tensor grouped = x.Reshape([x.Shape[0], groups, x.Count / Math.Max(1, x.Shape[0] * groups)]);
        return Affine(Normalize(grouped, [2], eps).Reshape(x.Shape), PerChannel(x, gamma), PerChannel(x, beta));
    }

    /// <summary>Instance normalization of (N, C, ...) with the instances' own statistics in every mode.</summary>
    /// <param name="x">The input, with spatial dimensions.</param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="eps">
    /// Added to the variance; 0 or more. With 0 a constant instance gives NaN, where the fused op gives beta.
    /// </param>
    /// <exception cref="ArgumentException">Wrong rank, channel counts that disagree, or one spatial value.</exception>
    public static Tensor InstanceNorm(Tensor x, Tensor? gamma, Tensor? beta, double eps = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(x);
        NormChecks.Instances("GraphNorms.InstanceNorm", x, gamma, beta, running: null, eps, fromInstances: true);
        Span<int> axes = stackalloc int[x.Shape.Rank - 2];
        for (int i = 0; i < axes.Length; i++) axes[i] = i + 2;
        return Affine(Normalize(x, axes, eps), PerChannel(x, gamma), PerChannel(x, beta));
    }

    /// <summary>
    /// Root mean square normalization over the trailing dimensions: y = gamma·x/sqrt(mean(x²) + eps).
    /// </summary>
    /// <param name="x">The input.</param>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together; exactly the input's last ones.
    /// </param>
    /// <param name="gamma">Scale of that shape; null means 1.</param>
    /// <param name="eps">
    /// Added to the mean square; 0 or more, null for the machine epsilon of the input's type. With 0 a row of zeros
    /// gives NaN, where the fused op gives 0.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The input's trailing dimensions are not <paramref name="normalizedShape"/>, or gamma has another shape.
    /// </exception>
    public static Tensor RMSNorm(Tensor x, Shape normalizedShape, Tensor? gamma, double? eps = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        const string name = "GraphNorms.RMSNorm";
        double added = eps ?? NormTheorem.MachineEpsilon(x.DType);
        NormChecks.Eps(name, added);
        NormChecks.TrailingShape(name, normalizedShape, x);
        NormChecks.OfShape(name, "gamma (weight)", gamma, x, normalizedShape);
        Tensor meanSquare = (x * x).Mean(Trailing(normalizedShape), keepDims: true);
        return Affine(x / (meanSquare + added).Sqrt(), gamma, null);
    }

    private static Tensor Normalize(Tensor x, ReadOnlySpan<int> axes, double eps)
    {
        Tensor centered = x - x.Mean(axes, keepDims: true);
        Tensor variance = (centered * centered).Mean(axes, keepDims: true);
        return centered / (variance + eps).Sqrt();
    }

    private static Tensor Affine(Tensor y, Tensor? gamma, Tensor? beta)
    {
        if (gamma is not null) y *= gamma;
        return beta is null ? y : y + beta;
    }

    /// <summary>-1, -2, ...: the last axes, as many as the shape has.</summary>
    private static int[] Trailing(Shape normalizedShape)
    {
        int[] axes = new int[normalizedShape.Rank];
        for (int i = 0; i < axes.Length; i++) axes[i] = i - axes.Length;
        return axes;
    }

    /// <summary>(C) as (C, 1, ...), which broadcasts over (N, C, ...).</summary>
    private static Tensor? PerChannel(Tensor x, Tensor? values)
    {
        if (values is null || x.Shape.Rank == 2) return values;
        // A parameter joins the tape before it is reshaped: afterwards it would be a plain
        // tensor whose gradient is lost.
        if (x.Tape is { } tape && values is { Tape: null, Parameter: { } parameter }) values = tape.Watch(parameter);
        Span<int> shape = stackalloc int[x.Shape.Rank - 1];
        shape.Fill(1);
        shape[0] = values.Count;
        return values.Reshape(new Shape(shape));
    }
}
