namespace Evenkeel.Nn;

/// <summary>
/// Which normalization a network uses: a value to pass around, so that a model swaps it by one argument. Two are equal
/// if their names are.
/// </summary>
public sealed class NormKind : IEquatable<NormKind>
{
    private readonly Func<Shape, Module?> _create;

    private NormKind(string name, Func<Shape, Module?> create) => (Name, _create) = (name, create);

    /// <summary>No normalization.</summary>
    public static NormKind None { get; } = new("None", static _ => null);

    /// <summary><see cref="BatchNorm1d"/>, 2d or 3d over the channels, as the rank asks for.</summary>
    public static NormKind BatchNorm { get; } = new("BatchNorm", static sample => sample.Rank switch
    {
        1 or 2 => new BatchNorm1d(sample[0]),
        3 => new BatchNorm2d(sample[0]),
        _ => new BatchNorm3d(sample[0]),
    });

    /// <summary><see cref="Nn.LayerNorm"/> over all values of a sample.</summary>
    public static NormKind LayerNorm { get; } = new("LayerNorm", static sample => new LayerNorm(sample));

    /// <summary><see cref="Nn.RMSNorm"/> over all values of a sample.</summary>
    public static NormKind RMSNorm { get; } = new("RMSNorm", static sample => new RMSNorm(sample));

    /// <summary>
    /// <see cref="InstanceNorm1d"/>, 2d or 3d, as the rank asks for, with gamma and beta (<c>affine: true</c>) like the
    /// other kinds and without running statistics.
    /// </summary>
    /// <remarks>
    /// If a sample has no spatial dimensions, (C), or a single spatial value, an instance is one number and there is
    /// nothing to normalize. The layer is then null, as for <see cref="None"/>. So the convolutions of a network are
    /// normalized and its fully connected layers are not, and a network of fully connected layers is not normalized at
    /// all.
    /// </remarks>
    public static NormKind InstanceNorm { get; } = new("InstanceNorm", static sample => sample.Count == sample[0]
        ? null
        : sample.Rank switch
        {
            2 => new InstanceNorm1d(sample[0], affine: true),
            3 => new InstanceNorm2d(sample[0], affine: true),
            _ => new InstanceNorm3d(sample[0], affine: true),
        });

    /// <summary>The name, as tables and settings show it.</summary>
    public string Name { get; }

    /// <summary>
    /// <see cref="Nn.GroupNorm"/> with <paramref name="groups"/> groups, or with fewer if the channels require it.
    /// </summary>
    /// <param name="groups">Number of groups, at most.</param>
    /// <returns>
    /// A kind that takes, for each layer, the largest divisor of its channels up to <paramref name="groups"/> that
    /// leaves more than one value per group: with 8 groups, 16 channels of an image make 8 groups of 2, 6 channels 6
    /// groups of 1 (each has its pixels), and the 10 values of a fully connected layer 5 groups of 2.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">Less than one group.</exception>
    public static NormKind GroupNorm(int groups)
    {
        if (groups <= 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(groups), $"NormKind.GroupNorm: expected at least one group, got {groups}.");
        }

        return new NormKind($"GroupNorm{groups}", sample => new GroupNorm(Groups(groups, sample), sample[0]));
    }

    /// <summary>
    /// A layer of this kind; null for <see cref="None"/>, and for <see cref="InstanceNorm"/> if there is nothing to
    /// normalize.
    /// </summary>
    /// <param name="sample">
    /// The shape of one sample where the layer stands: (C), (C, L), (C, H, W) or (C, D, H, W).
    /// </param>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public Module? Create(Shape sample) => sample.Rank is >= 1 and <= 4
        ? _create(sample)
        : throw new ArgumentException(
            $"NormKind.{Name}: expected the shape of a sample, (C), (C, L), (C, H, W) or (C, D, H, W), got {sample}.",
            nameof(sample));

    /// <inheritdoc/>
    public bool Equals(NormKind? other) => other is not null && other.Name == Name;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NormKind);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static int Groups(int wanted, Shape sample)
    {
        int channels = sample[0], groups = Math.Min(wanted, channels);
        while (groups > 1 && (channels % groups != 0 || sample.Count == groups)) groups--;
        return groups;
    }
}
