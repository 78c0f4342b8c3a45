namespace Evenkeel.Nn;

/// <summary>Which normalization a network uses: a value to pass around, so that a model swaps it by one argument.</summary>
public sealed class NormKind
{
    private readonly Func<int, int, Module?> _create;

    private NormKind(string name, Func<int, int, Module?> create) => (Name, _create) = (name, create);

    /// <summary>No normalization.</summary>
    public static NormKind None { get; } = new("None", static (_, _) => null);

    /// <summary>Batch normalization over N and the positions, a statistic a channel.</summary>
    public static NormKind BatchNorm { get; } = new("BatchNorm", static (features, rank) => rank switch
    {
        _ => throw new NotSupportedException("NormKind.BatchNorm: the layers have not landed yet."),
    });

    /// <summary>Layer normalization of each sample.</summary>
    public static NormKind LayerNorm { get; } = new("LayerNorm", static (features, rank) =>
        throw new NotSupportedException("NormKind.LayerNorm: the layers have not landed yet."));

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
