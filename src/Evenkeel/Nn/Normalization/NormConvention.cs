using System.Numerics;

namespace Evenkeel.Nn;

/// <summary>Whether a library can leave gamma and beta out of a batch norm.</summary>
public enum AffineChoice
{
    /// <summary>No: both are always there. Feed constants 1 and 0.</summary>
    Always,

    /// <summary>Both or neither: PyTorch's <c>affine</c>.</summary>
    Together,

    /// <summary>Each by itself: <c>scale</c> and <c>center</c> of Keras, <c>use_scale</c> and <c>use_bias</c> of Flax.</summary>
    Separately,
}

/// <summary>Which ranks of input a batch norm takes.</summary>
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
        return $"rank {string.Join(" or ", Enumerable.Range(0, Shape.MaxRank + 1).Where(rank => (ranks >> rank & 1) != 0))}";
    }
}

/// <summary>
/// What a library means by batch normalization: the running average, eps, the channel axis, the ranks, one value per channel. A layer made with it computes what that library computes.
/// </summary>
/// <remarks>
/// <para>Two kinds of rows. What changes numbers or refuses inputs is obeyed by the layer: <see cref="Average"/> (with its estimator and start values), <see cref="Eps"/>, <see cref="ChannelAxis"/>,
/// <see cref="Ranks"/> (of <see cref="BatchNormalization"/>; the layers with PyTorch's names keep their own) and <see cref="SingleValue"/>. What a library merely lacks
/// (<see cref="Affine"/>, <see cref="HasMask"/>, <see cref="HasCumulativeAverage"/>, <see cref="HasUntrackedStatistics"/>) is recorded, and not forbidden here.</para>
/// <para>All of them normalize with the biased variance of the batch. A convention is a value: <c>NormConvention.Keras with { Eps = 1e-5 }</c> is another one.</para>
/// <para>docs/conventions.md compares the libraries and works three batches through each of them.</para>
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
        Affine = AffineChoice.Together,
        HasCumulativeAverage = true,
        HasUntrackedStatistics = true,
        TrainSwitch = "module.training, set by train() and eval()",
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
        Affine = AffineChoice.Separately,
        HasMask = true,
        TrainSwitch = "the call's argument training; layer.trainable = False means inference",
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
        Affine = AffineChoice.Separately,
        HasMask = true,
        TrainSwitch = "the argument use_running_average",
        LayerNormEps = 1e-6,
        GroupNormEps = 1e-6,
        GroupNormGroups = 32,
        RMSNormEps = 1e-6,
    };

    /// <summary>ONNX: the operator BatchNormalization-15.</summary>
    public static NormConvention Onnx { get; } = new()
    {
        Name = "ONNX",
        Average = RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased },
        Eps = 1e-5,
        ChannelAxis = 1,
        Ranks = RankRule.From(1),
        SingleValue = SingleValue.Beta,
        Affine = AffineChoice.Always,
        StatisticsAreInputs = true,
        TrainSwitch = "the attribute training_mode",
        LayerNormEps = 1e-5,
        GroupNormEps = 1e-5,
        RMSNormEps = 1e-5,
    };

    /// <summary>The notebook of CS231n: <c>batchnorm_forward</c>.</summary>
    public static NormConvention Cs231n { get; } = new()
    {
        Name = "CS231n",
        Average = RunningAverage.Cs231n,
        Eps = 1e-5,
        ChannelAxis = 1,
        Ranks = RankRule.Of(2),
        SingleValue = SingleValue.Beta,
        Affine = AffineChoice.Always,
        TrainSwitch = "bn_param['mode']",
        LayerNormEps = 1e-5,
        GroupNormEps = 1e-5,
    };

    /// <summary>
    /// "Dive into Deep Learning", from scratch; its second English edition computes the same and calls the 0.9 a 0.1. Some copies of the code start the running variance at 0:
    /// <c>D2l with { Average = RunningAverage.Cs231n }</c>.
    /// </summary>
    public static NormConvention D2l { get; } = new()
    {
        Name = "D2L",
        Average = RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased },
        Eps = 1e-5,
        ChannelAxis = 1,
        Ranks = RankRule.Of(2, 4),
        SingleValue = SingleValue.Beta,
        Affine = AffineChoice.Always,
        TrainSwitch = "torch.is_grad_enabled()",
        LayerNormEps = 1e-5,
        GroupNormEps = 1e-5,
    };

    /// <summary>The six presets.</summary>
    public static IReadOnlyList<NormConvention> All { get; } = [Torch, Keras, Flax, Onnx, Cs231n, D2l];

    /// <summary>The library's name.</summary>
    public required string Name { get; init; }

    /// <summary>How running statistics follow the batches: which weight, which variance, which start values.</summary>
    public required RunningAverage Average { get; init; }

    /// <summary>What is added to the variance.</summary>
    public required double Eps { get; init; }

    /// <summary>The dimension of the channels: 1 (channels first) or -1 (channels last), or any other; negative ones count from the end.</summary>
    public required int ChannelAxis { get; init; }

    /// <summary>The ranks of input that are taken.</summary>
    public required RankRule Ranks { get; init; }

    /// <summary>What one value per channel is in training.</summary>
    public required SingleValue SingleValue { get; init; }

    /// <summary>Whether gamma and beta can be left out.</summary>
    public required AffineChoice Affine { get; init; }

    /// <summary>Whether the library takes a mask of the positions that count.</summary>
    public bool HasMask { get; init; }

    /// <summary>Whether the library can average all batches with the same weight (<c>momentum=None</c>).</summary>
    public bool HasCumulativeAverage { get; init; }

    /// <summary>Whether the library can do without running statistics (<c>track_running_stats=False</c>).</summary>
    public bool HasUntrackedStatistics { get; init; }

    /// <summary>
    /// Whether the running statistics are inputs of the operation (ONNX), which therefore has no start values: write
    /// them into <see cref="BatchNorm.Running"/>.
    /// </summary>
    public bool StatisticsAreInputs { get; init; }

    /// <summary>What tells the library that it is training. Here it is the tape's <see cref="Mode"/>.</summary>
    public required string TrainSwitch { get; init; }

    /// <summary>eps of the library's layer norm.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>eps of the library's group norm.</summary>
    public required double GroupNormEps { get; init; }

    /// <summary>Groups of the library's group norm unless said otherwise; null where they must be said.</summary>
    public int? GroupNormGroups { get; init; }

    /// <summary>eps of the library's RMS norm; null is the machine epsilon of the input's type (PyTorch).</summary>
    public double? RMSNormEps { get; init; }

    /// <summary>A layer norm with this library's eps.</summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together. Keras and Flax normalize the last one alone, whatever the rank: <c>[channels]</c> on channels-last data.</param>
    public LayerNorm LayerNorm(Shape normalizedShape) => new(normalizedShape, LayerNormEps);

    /// <summary>A group norm with this library's eps, number of groups and channel axis: (N, ..., C) in Keras and Flax.</summary>
    /// <param name="numChannels">Number of channels C.</param>
    /// <param name="numGroups">Number of groups; null is the library's own.</param>
    /// <exception cref="ArgumentException">The library has no number of its own, or the channels do not divide into the groups.</exception>
    public GroupNorm GroupNorm(int numChannels, int? numGroups = null) => new(
        numGroups ?? GroupNormGroups ?? throw new ArgumentException($"NormConvention.GroupNorm: expected a number of groups, for {Name} has none of its own, got null. Pass numGroups; 32 is the usual one.", nameof(numGroups)),
        numChannels, GroupNormEps, affine: true, ChannelAxis);

    /// <summary>An RMS norm with this library's eps.</summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together.</param>
    public RMSNorm RMSNorm(Shape normalizedShape) => new(normalizedShape, RMSNormEps);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
