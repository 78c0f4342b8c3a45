using System.Numerics;

namespace Evenkeel.Nn;

/// <summary>The ranks of input that a batch norm takes.</summary>
public readonly record struct RankRule
{
    private readonly uint _ranks;

    private RankRule(uint ranks) => _ranks = ranks;

    /// <summary>Every rank from <paramref name="rank"/> on.</summary>
    public static RankRule From(int rank) => new((uint.MaxValue << rank) & ((2u << Shape.MaxRank) - 1));

    /// <summary>These ranks alone.</summary>
    public static RankRule Of(params ReadOnlySpan<int> ranks)
    {
        uint mask = 0;
        foreach (int rank in ranks) mask |= 1u << rank;
        return new RankRule(mask);
    }

    /// <summary>Whether an input of this rank is taken.</summary>
    public bool Takes(int rank) => (_ranks >> rank & 1) != 0;

    /// <summary>For example <c>rank 2 or 4</c>, <c>rank 2 or more</c>.</summary>
    public override string ToString()
    {
        int first = BitOperations.TrailingZeroCount(_ranks);
        if (this == From(first)) return $"rank {first} or more";
        uint ranks = _ranks;
        return $"rank "
            + $"{string.Join(" or ", Enumerable.Range(0, Shape.MaxRank + 1).Where(rank => (ranks >> rank & 1) != 0))}";
    }
}

/// <summary>
/// What a library means by batch normalization: the running average, eps, the channel axis, the ranks, one value per
/// channel. A layer made with it computes what that library computes.
/// </summary>
/// <remarks>
/// <para>A layer obeys what changes numbers or refuses inputs: <see cref="Average"/> (with its estimator and start
/// values), <see cref="Eps"/>, <see cref="ChannelAxis"/>, <see cref="Ranks"/> (of <see cref="BatchNormalization"/>; the
/// layers with PyTorch's names keep their own) and <see cref="SingleValue"/>.</para>
/// <para>All of them normalize with the biased variance of the batch. A convention is a value:
/// <c>NormConvention.Keras with { Eps = 1e-5 }</c> is another one.</para>
/// <para>docs/conventions.md compares the libraries, also in what they lack, and works three
/// batches through each.</para>
/// </remarks>
public sealed record NormConvention
{
    private NormConvention()
    {
    }

    /// <summary>PyTorch: <c>torch.nn.BatchNorm*d</c>.</summary>
    public static NormConvention Torch { get; } = new()
    {
        Name = "PyTorch",
        Average = RunningAverage.Torch(0.1),
        Eps = 1e-5,
        ChannelAxis = 1,
        Ranks = RankRule.Of(2, 3, 4, 5),
        SingleValue = SingleValue.Error,
        LayerNormEps = 1e-5,
        GroupNormEps = 1e-5,
    };

    /// <summary>Keras 3 (and tf.keras 2 outside its fused path): <c>keras.layers.BatchNormalization</c>.</summary>
    public static NormConvention Keras { get; } = new()
    {
        Name = "Keras",
        Average = RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased },
        Eps = 1e-3,
        ChannelAxis = -1,
        Ranks = RankRule.From(2),
        SingleValue = SingleValue.Beta,
        LayerNormEps = 1e-3,
        GroupNormEps = 1e-3,
        GroupNormGroups = 32,
        RMSNormEps = 1e-6,
    };

    /// <summary>Flax: <c>flax.linen.BatchNorm</c>.</summary>
    public static NormConvention Flax { get; } = new()
    {
        Name = "Flax",
        Average = RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased },
        Eps = 1e-5,
        ChannelAxis = -1,
        Ranks = RankRule.From(2),
        SingleValue = SingleValue.Beta,
        LayerNormEps = 1e-6,
        GroupNormEps = 1e-6,
        GroupNormGroups = 32,
        RMSNormEps = 1e-6,
    };

    /// <summary>
    /// ONNX: the operator BatchNormalization-15. Running statistics are inputs there, so it has no start values of its
    /// own: write them into <see cref="BatchNorm.Running"/>.
    /// </summary>
    public static NormConvention Onnx { get; } = new()
    {
        Name = "ONNX",
        Average = RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased },
        Eps = 1e-5,
        ChannelAxis = 1,
        Ranks = RankRule.From(1),
        SingleValue = SingleValue.Beta,
        LayerNormEps = 1e-5,
        GroupNormEps = 1e-5,
        RMSNormEps = 1e-5,
    };

    /// <summary>The presets.</summary>
    public static IReadOnlyList<NormConvention> All { get; } = [Torch, Keras, Flax, Onnx];

    /// <summary>The library's name.</summary>
    public required string Name { get; init; }

    /// <summary>How running statistics follow the batches: which weight, which variance, which start values.</summary>
    public required RunningAverage Average { get; init; }

    /// <summary>The value that is added to the variance.</summary>
    public required double Eps { get; init; }

    /// <summary>
    /// The dimension of the channels: 1 (channels first) or -1 (channels last), or any other; negative ones count from
    /// the end.
    /// </summary>
    public required int ChannelAxis { get; init; }

    /// <summary>The ranks of input that are taken.</summary>
    public required RankRule Ranks { get; init; }

    /// <summary>What one value per channel gives in training.</summary>
    public required SingleValue SingleValue { get; init; }

    /// <summary>eps of the library's layer norm.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>eps of the library's group norm.</summary>
    public required double GroupNormEps { get; init; }

    /// <summary>The default number of groups of the library's group norm; null if the number must be given.</summary>
    public int? GroupNormGroups { get; init; }

    /// <summary>eps of the library's RMS norm; null is the machine epsilon of the input's type (PyTorch).</summary>
    public double? RMSNormEps { get; init; }

    /// <summary>A layer norm with this library's eps.</summary>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together. Keras and Flax normalize the last one alone, whatever the
    /// rank: <c>[channels]</c> on channels-last data.
    /// </param>
    public LayerNorm LayerNorm(Shape normalizedShape) => new(normalizedShape, LayerNormEps);

    /// <summary>
    /// A group norm with this library's eps, number of groups and channel axis: (N, ..., C) in Keras and Flax.
    /// </summary>
    /// <param name="numChannels">Number of channels C.</param>
    /// <param name="numGroups">Number of groups; null is the library's own.</param>
    /// <exception cref="ArgumentException">
    /// The library has no number of its own, or the channels do not divide into the groups.
    /// </exception>
    public GroupNorm GroupNorm(int numChannels, int? numGroups = null) => new(
        numGroups ?? GroupNormGroups ?? throw new ArgumentException(
            $"NormConvention.GroupNorm: expected a number of groups, for {Name} has none of its own, got null. "
            + $"Pass numGroups; 32 is the usual one.",
            nameof(numGroups)),
        numChannels, GroupNormEps, affine: true, ChannelAxis);

    /// <summary>An RMS norm with this library's eps.</summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together.</param>
    public RMSNorm RMSNorm(Shape normalizedShape) => new(normalizedShape, RMSNormEps);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
