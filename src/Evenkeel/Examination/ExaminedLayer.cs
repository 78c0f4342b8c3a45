namespace Evenkeel.Examination;

/// <summary>A layer with weights or statistics, as the doctor sees it.</summary>
/// <param name="Name">The name, as the file or the network has it.</param>
/// <param name="Kind">What it is, for people, for example <c>BatchNorm2d</c> or <c>convolution</c>.</param>
public abstract record ExaminedLayer(string Name, string Kind)
{
    /// <summary>Tensors of the layer with values that are not finite: (name of the tensor, number of them).</summary>
    public IReadOnlyList<(string Tensor, long Count)> NotFinite { get; init; } = [];

    /// <summary>What does not fit together, for people; null if everything fits.</summary>
    public string? Misfit { get; init; }
}

/// <summary>What comes behind a norm.</summary>
public enum FollowingActivation
{
    /// <summary>It is not known.</summary>
    Unknown,

    /// <summary>No activation.</summary>
    None,

    /// <summary>ReLU, max(x, 0).</summary>
    ReLU,

    /// <summary>Another one that is 0 or nearly so for negative values, for example ReLU6 or Hardswish.</summary>
    LikeReLU,

    /// <summary>Another activation.</summary>
    Other,
}

/// <summary>The statistics that a norm uses.</summary>
public enum NormFamily
{
    /// <summary>Those of a batch, with running ones for later: batch norm.</summary>
    Batch,

    /// <summary>Those of each channel of a sample: instance norm.</summary>
    Instance,

    /// <summary>Those of groups of channels of a sample.</summary>
    Group,

    /// <summary>Those of a sample or of its last dimensions: layer norm.</summary>
    Layer,

    /// <summary>The root mean square: RMS norm.</summary>
    Rms,

    /// <summary>Another norm, or one whose family the file does not tell.</summary>
    Other,
}

/// <summary>A norm as the doctor sees it. Vectors have one value per channel, in double.</summary>
/// <param name="Name">The name, as the file or the network has it.</param>
/// <param name="Kind">What it is, for people, for example <c>BatchNorm2d</c>.</param>
/// <param name="Family">The statistics that it uses.</param>
/// <param name="Channels">The number of channels.</param>
public sealed record ExaminedNorm(string Name, string Kind, NormFamily Family, int Channels)
    : ExaminedLayer(Name, Kind)
{
    /// <summary>gamma; null if there is none. One value alone is a gamma for all channels.</summary>
    public double[]? Gamma { get; init; }

    /// <summary>beta; null if there is none.</summary>
    public double[]? Beta { get; init; }

    /// <summary>The running mean; null if there is none.</summary>
    public double[]? Mean { get; init; }

    /// <summary>The running variance; null if there is none.</summary>
    public double[]? Variance { get; init; }

    /// <summary>The number of batches in the running statistics; null if it is not stored.</summary>
    public long? Batches { get; init; }

    /// <summary>The value that is added to the variance.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether <see cref="Eps"/> was read; if not, it is PyTorch's default.</summary>
    public bool IsEpsKnown { get; init; }

    /// <summary>The share of a new batch in the running statistics, in PyTorch's sense; null for a cumulative average.
    /// </summary>
    public double? Momentum { get; init; } = 0.1;

    /// <summary>Whether <see cref="Momentum"/> was read; if not, it is PyTorch's default.</summary>
    public bool IsMomentumKnown { get; init; }

    /// <summary>The momentum as the file has it, which other conventions write as 1 minus PyTorch's; null if not
    /// stored.</summary>
    public double? StoredMomentum { get; init; }

    /// <summary>The share of their start values that is left in the running statistics; null if it is not known, and
    /// then <see cref="Batches"/> and <see cref="Momentum"/> may tell.</summary>
    public double? StartValuesLeft { get; init; }

    /// <summary>The type of the statistics in the file, as safetensors names it, for example <c>F16</c>.</summary>
    public string StoredType { get; init; } = "F32";

    /// <summary>The groups of a group norm; 1 otherwise.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>The values that a group or channel of one sample has here, if the shape is fixed; else null.</summary>
    public long? ValuesPerSample { get; init; }

    /// <summary>The layer whose outputs it normalizes; null if there is none or it is not known.</summary>
    public ExaminedLinear? Before { get; init; }

    /// <summary>The layer that takes its output (behind an activation, if any); null if there is none, if there are
    /// several, or if it is not known.</summary>
    public ExaminedLinear? After { get; init; }

    /// <summary>What activation is behind it.</summary>
    public FollowingActivation Activation { get; init; }

    /// <summary>Whether it is the last norm of a residual branch: its output is added to another one's.</summary>
    public bool EndsResidual { get; init; }

    /// <summary>Whether folding makes it part of a neighbour: null if that is not known, else empty for yes, or the
    /// reason why not.</summary>
    public string? FoldObstacle { get; init; }

    /// <summary>Whether <see cref="Before"/> and <see cref="After"/> come from a graph and not from names.</summary>
    public bool AreNeighboursCertain { get; init; }

    /// <summary>
    /// The values that a group or channel of one sample has in an input of a shape, whose unknown sizes are null; null
    /// if that is not fixed.
    /// </summary>
    internal long? ValuesIn(IReadOnlyList<long?>? shape)
    {
        if (shape is null || shape.Count < 2 || Channels == 0) return null;
        long places = 1;
        foreach (long? size in shape.Skip(2))
        {
            if (size is not { } known) return null;
            places *= known;
        }

        return Family switch
        {
            NormFamily.Batch or NormFamily.Instance => places,
            NormFamily.Group => shape[1] is { } channels ? channels / Groups * places : null,
            _ => Channels,
        };
    }

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(ExaminedNorm), PrintMembers);
}

/// <summary>A linear layer or a convolution as the doctor sees it: a summary per filter, not its weights.</summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">What it is, for people.</param>
/// <param name="Shape">The dimensions of the weight as stored.</param>
/// <param name="Outputs">The number of outputs (filters).</param>
public sealed record ExaminedLinear(string Name, string Kind, IReadOnlyList<long> Shape, int Outputs)
    : ExaminedLayer(Name, Kind)
{
    /// <summary>The Euclidean norm of each filter, over all its inputs.</summary>
    public double[] FilterNorms { get; init; } = [];

    /// <summary>A hash of the values of each filter: equal filters have equal hashes.</summary>
    public UInt128[] FilterHashes { get; init; } = [];

    /// <summary>The largest absolute value of each filter.</summary>
    public double[] FilterPeaks { get; init; } = [];

    /// <summary>The bias; null if there is none.</summary>
    public double[]? Bias { get; init; }
}

/// <summary>
/// A tensor of no kind that the doctor knows: only whether its values are numbers is looked at. Infinite ones may be
/// meant, as in a mask.
/// </summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">What it is, for people.</param>
/// <param name="Shape">The sizes of its dimensions.</param>
public sealed record ExaminedTensor(string Name, string Kind, IReadOnlyList<long> Shape) : ExaminedLayer(Name, Kind);
