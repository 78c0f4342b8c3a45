namespace Evenkeel.Nn;

/// <summary>
/// Which normalization a network uses: a value to pass around, so that a model swaps it by one argument. Two are equal
/// if their names are.
/// </summary>
public sealed class NormKind : IEquatable<NormKind>
{
    private NormKind(NormFamily family, int groups = 0, double? eps = null, double? momentum = null)
    {
        (Family, Groups, Eps, Momentum) = (family, groups, eps, momentum);
        string[] settings =
            [.. eps is null ? [] : new[] { $"eps={eps}" }, .. momentum is null ? [] : new[] { $"momentum={momentum}" }];
        Name = (groups == 0 ? $"{family}" : $"{family}{groups}")
            + (settings.Length == 0 ? "" : $"({string.Join(", ", settings)})");
    }

    /// <summary>No normalization.</summary>
    public static NormKind None { get; } = new(NormFamily.None);

    /// <summary><see cref="BatchNorm1d"/>, 2d or 3d over the channels, as the rank asks for.</summary>
    public static NormKind BatchNorm { get; } = new(NormFamily.BatchNorm);

    /// <summary><see cref="Nn.LayerNorm"/> over all values of a sample.</summary>
    public static NormKind LayerNorm { get; } = new(NormFamily.LayerNorm);

    /// <summary><see cref="Nn.RMSNorm"/> over all values of a sample.</summary>
    public static NormKind RMSNorm { get; } = new(NormFamily.RMSNorm);

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
    public static NormKind InstanceNorm { get; } = new(NormFamily.InstanceNorm);

    /// <summary>The name with the settings that are not the defaults, as tables and errors show it.</summary>
    public string Name { get; }

    /// <summary>The value that is added to the variance; null for the layer's own default.</summary>
    public double? Eps { get; }

    /// <summary>
    /// The weight of the new value in running statistics; null for the layer's default, and for the kinds without
    /// running statistics.
    /// </summary>
    public double? Momentum { get; }

    /// <summary>Which layers are made.</summary>
    internal NormFamily Family { get; }

    /// <summary>The largest number of groups of a group norm; 0 in the other kinds.</summary>
    internal int Groups { get; }

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

        return new NormKind(NormFamily.GroupNorm, groups);
    }

    /// <summary>The same layers with other constants: <c>NormKind.BatchNorm.With(eps: 1e-3)</c>.</summary>
    /// <param name="eps">Added to the variance; 0 or more. Null keeps it.</param>
    /// <param name="momentum">
    /// Weight of the new value in the running statistics, in [0, 1]; batch norm alone has them. Null keeps it.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ArgumentException">The kind has no such constant.</exception>
    public NormKind With(double? eps = null, double? momentum = null)
    {
        if (eps is not null && Family == NormFamily.None)
            throw new ArgumentException("NormKind.None: expected no eps, got one. Choose a norm.", nameof(eps));
        if (momentum is not null && Family != NormFamily.BatchNorm)
        {
            throw new ArgumentException(
                $"NormKind.{Name}: expected no momentum, got {momentum}. Batch norm alone keeps running statistics "
                + "here.",
                nameof(momentum));
        }

        if (eps is { } added) NormChecks.Eps($"NormKind.{Name}", added);
        if (momentum is { } weight) _ = RunningAverage.Torch(weight);
        // A default that is said is no other kind; RMS norm has none in numbers.
        if (eps == 1e-5 && Family != NormFamily.RMSNorm) eps = null;
        else eps ??= Eps;
        if (momentum == 0.1) momentum = null;
        else momentum ??= Momentum;
        return new NormKind(Family, Groups, eps, momentum);
    }

    /// <summary>
    /// A layer of this kind; null for <see cref="None"/>, and for <see cref="InstanceNorm"/> if there is nothing to
    /// normalize.
    /// </summary>
    /// <param name="sample">
    /// The shape of one sample where the layer stands: (C), (C, L), (C, H, W) or (C, D, H, W).
    /// </param>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public Module? Create(Shape sample)
    {
        if (sample.Rank is < 1 or > 4)
        {
            throw new ArgumentException(
                $"NormKind.{Name}: expected the shape of a sample, (C), (C, L), (C, H, W) or (C, D, H, W), got "
                + $"{sample}.", nameof(sample));
        }

        int channels = sample[0];
        double eps = Eps ?? 1e-5, momentum = Momentum ?? 0.1;
        return (Family, sample.Rank) switch
        {
            (NormFamily.BatchNorm, 1 or 2) => new BatchNorm1d(channels, eps, momentum),
            (NormFamily.BatchNorm, 3) => new BatchNorm2d(channels, eps, momentum),
            (NormFamily.BatchNorm, _) => new BatchNorm3d(channels, eps, momentum),
            (NormFamily.LayerNorm, _) => new LayerNorm(sample, eps),
            (NormFamily.RMSNorm, _) => new RMSNorm(sample, Eps),
            (NormFamily.GroupNorm, _) => new GroupNorm(GroupsOf(sample), channels, eps),
            (NormFamily.InstanceNorm, _) when sample.Count == channels => null,
            (NormFamily.InstanceNorm, 2) => new InstanceNorm1d(channels, eps, affine: true),
            (NormFamily.InstanceNorm, 3) => new InstanceNorm2d(channels, eps, affine: true),
            (NormFamily.InstanceNorm, _) => new InstanceNorm3d(channels, eps, affine: true),
            _ => null,
        };
    }

    /// <inheritdoc/>
    public bool Equals(NormKind? other) => other is not null && other.Name == Name;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NormKind);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private int GroupsOf(Shape sample)
    {
        int channels = sample[0], groups = Math.Min(Groups, channels);
        while (groups > 1 && (channels % groups != 0 || sample.Count == groups)) groups--;
        return groups;
    }
}

/// <summary>The layers of a <see cref="NormKind"/>, by the beginning of their names.</summary>
internal enum NormFamily
{
    None,
    BatchNorm,
    LayerNorm,
    RMSNorm,
    InstanceNorm,
    GroupNorm,
}
