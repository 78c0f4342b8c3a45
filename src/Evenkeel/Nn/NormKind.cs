namespace Evenkeel.Nn;

/// <summary>Which normalization a network uses: a value to pass around, so that a model swaps it by one argument.</summary>
public sealed class NormKind
{
    private readonly Func<int, int, Module?> _create;

    private NormKind(string name, Func<int, int, Module?> create) => (Name, _create) = (name, create);

    /// <summary>No normalization.</summary>
    public static NormKind None { get; } = new("None", static (_, _) => null);

    /// <summary><see cref="BatchNorm1d"/>, 2d or 3d, as the rank asks for.</summary>
    public static NormKind BatchNorm { get; } = new("BatchNorm", static (features, spatialRank) => spatialRank switch
    {
        0 or 1 => new BatchNorm1d(features),
        2 => new BatchNorm2d(features),
        _ => new BatchNorm3d(features),
    });

    /// <summary><see cref="Nn.LayerNorm"/> over the columns of (N, C).</summary>
    public static NormKind LayerNorm { get; } = new("LayerNorm", static (features, spatialRank) => spatialRank == 0
        ? new LayerNorm(features)
        : throw new ArgumentOutOfRangeException(nameof(spatialRank), $"NormKind.LayerNorm: expected (N, C), got {spatialRank} more dimensions, whose sizes this kind does not know. Create new LayerNorm([C, H, W]) yourself."));

    /// <summary>The name, as tables and settings show it.</summary>
    public string Name { get; }

    /// <summary>A layer of this kind; null for <see cref="None"/>.</summary>
    /// <param name="features">Number of channels C (of columns for (N, C)).</param>
    /// <param name="spatialRank">Number of dimensions after the channels: 0 for (N, C), 1 for sequences, 2 for images, 3 for volumes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public Module? Create(int features, int spatialRank = 0)
    {
        if (spatialRank is < 0 or > 3)
            throw new ArgumentOutOfRangeException(nameof(spatialRank), $"NormKind.{Name}: expected 0 to 3 dimensions after the channels, got {spatialRank}.");
        return _create(features, spatialRank);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
