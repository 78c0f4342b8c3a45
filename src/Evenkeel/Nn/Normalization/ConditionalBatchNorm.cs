using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization whose scale and shift come from a second input: y = gamma(c)·xhat + beta(c), xhat = (x -
/// mean)/sqrt(var + eps), with (gamma, beta) = V·c + b for each sample.
/// </summary>
/// <remarks>
/// <para>First input: (N, C, ...); output: the same shape. Second input: the classes of the samples, integers (N), or
/// vectors (N, K), one for each sample. A class is the vector with a one at its place, so it picks a column of V.
/// </para>
/// <para>At first V is 0 and b is (1, ..., 1, 0, ..., 0): the layer is a batch norm without gamma and beta, and learns
/// what the condition changes.</para>
/// <para>State-dict keys: <c>weight</c> (V, 2C rows of K: gamma's, then beta's), <c>bias</c> (b, 2C), and those of the
/// norm under <c>bn.</c> PyTorch has no such layer. Code with <c>nn.Embedding(K, 2C)</c> as <c>embed</c> has V
/// transposed in <c>embed.weight</c> and no b.</para>
/// <para>Modes and running statistics: see <see cref="BatchNorm"/>. Source: de Vries, Strub, Mary, Larochelle, Pietquin
/// and Courville, "Modulating early visual processing by language", NeurIPS 2017.</para>
/// </remarks>
public sealed class ConditionalBatchNorm : TwoInputModule, IInitializable
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="numConditions">Number of classes, or length of the vectors: K, 1 or more.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="momentum">
    /// Weight of the new value in the running statistics, in [0, 1]; null for the mean over all batches.
    /// </param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept; without them the batch's own are used in every mode.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public ConditionalBatchNorm(int numFeatures, int numConditions, double eps = 1e-5, double? momentum = 0.1,
        bool trackRunningStats = true)
    {
        if (numConditions < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(numConditions),
                $"ConditionalBatchNorm: expected at least one condition, got {numConditions}. Pass the number of "
                + "classes, or the length of the vectors.");
        }

        NormConvention convention = NormConvention.Torch with
        {
            Eps = eps,
            Average = momentum is { } weight ? RunningAverage.Torch(weight) : RunningAverage.Cumulative,
        };
        (NumFeatures, NumConditions, Momentum) = (numFeatures, numConditions, momentum);
        Weight = Register("weight", Tensor.Zeros([2 * numFeatures, numConditions]), ParameterRole.Other);
        Bias = Register("bias", Tensor.Zeros([2 * numFeatures]), ParameterRole.Other);
        Norm = Register("bn",
            new BatchNormalization(numFeatures, convention, useScale: false, useBias: false, trackRunningStats));
        SetStartValues();
    }

    /// <summary>Number of channels C.</summary>
    public int NumFeatures { get; }

    /// <summary>Number of classes, or length of the vectors: K.</summary>
    public int NumConditions { get; }

    /// <summary>Weight of the new value in the running statistics; null for the mean over all batches.</summary>
    public double? Momentum { get; }

    /// <summary>V, of shape (2C, K), 0 at first.</summary>
    public Parameter Weight { get; }

    /// <summary>b, of shape (2C): 1 for gamma and 0 for beta at first.</summary>
    public Parameter Bias { get; }

    /// <summary>The norm before scale and shift.</summary>
    public BatchNorm Norm { get; }

    /// <inheritdoc/>
    public override string ToString() => $"ConditionalBatchNorm({NumFeatures}, {NumConditions}, "
        + $"eps={PythonNumber.Format(Norm.Eps)}, "
        + $"momentum={(Momentum is { } momentum ? PythonNumber.Format(momentum) : "None")}, "
        + $"track_running_stats={PythonNumber.Format(Norm.TrackRunningStats)})";

    /// <summary>Whatever the scheme is, V becomes 0, gamma 1 and beta 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random) => SetStartValues();

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x, Tensor second)
    {
        NormChecks.Batch("ConditionalBatchNorm", x);
        Tensor condition = second.DType == DType.Int64 ? Classes(x, second) : Vectors(x, second);
        Tensor affine = condition.Linear(Weight, Bias);
        Tensor gamma = affine.Slice(1, 0, NumFeatures), beta = affine.Slice(1, NumFeatures, NumFeatures);
        return PlaneAffineOp.Apply("ConditionalBatchNorm", Norm.Forward(x), gamma, beta);
    }

    /// <summary>The classes as vectors with a one.</summary>
    private Tensor Classes(Tensor x, Tensor classes)
    {
        int samples = x.Shape[0];
        if (classes.Shape.Rank != 1 || classes.Shape[0] != samples) throw Unfit(x, classes);
        Tensor vectors = x.Tape is { } tape
            ? tape.NewTensor([samples, NumConditions], x.DType)
            : Tensor.Empty([samples, NumConditions], x.DType);
        vectors.Fill(0);
        for (int n = 0; n < samples; n++)
        {
            long one = classes.AsSpan<long>()[n];
            if (one < 0 || one >= NumConditions)
            {
                throw new ArgumentException($"ConditionalBatchNorm: expected classes from 0 to {NumConditions - 1}, "
                    + $"got {one} for sample {n}. Create the layer with as many conditions as there are classes.",
                    nameof(classes));
            }

            int at = (n * NumConditions) + (int)one;
            if (x.DType == DType.Float64) vectors.AsSpan<double>()[at] = 1;
            else vectors.AsSpan<float>()[at] = 1;
        }

        x.Tape?.Trace?.Note("OneHot", TypeName, vectors, classes);

        return vectors;
    }

    private Tensor Vectors(Tensor x, Tensor vectors) =>
        vectors.Shape.Rank == 2 && vectors.Shape[0] == x.Shape[0] && vectors.Shape[1] == NumConditions
            ? x.Tape is { } tape && vectors.Tape is null ? tape.Input(vectors) : vectors
            : throw Unfit(x, vectors);

    private ArgumentException Unfit(Tensor x, Tensor second) => new(
        $"ConditionalBatchNorm: expected classes of shape ({x.Shape[0]}) or vectors of shape ({x.Shape[0]}, "
        + $"{NumConditions}) for an input of shape {x.Shape}, got {second.DType} of shape {second.Shape}. There is one "
        + "condition for each sample.", nameof(second));

    private void SetStartValues()
    {
        Weight.Value.Fill(0);
        Bias.Value.Fill(0);
        if (Bias.DType == DType.Float64) Bias.Value.AsSpan<double>()[..NumFeatures].Fill(1);
        else Bias.Value.AsSpan<float>()[..NumFeatures].Fill(1);
    }
}
