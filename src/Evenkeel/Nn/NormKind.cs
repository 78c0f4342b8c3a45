namespace Evenkeel.Nn;

/// <summary>Which normalization a network uses: a value to pass around, so that a model swaps it by one argument.</summary>
public sealed class NormKind
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

    /// <summary>The name, as tables and settings show it.</summary>
    public string Name { get; }

    /// <summary>A layer of this kind; null for <see cref="None"/>.</summary>
    /// <param name="sample">The shape of one sample where the layer stands: (C), (C, L), (C, H, W) or (C, D, H, W).</param>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public Module? Create(Shape sample) => sample.Rank is >= 1 and <= 4
        ? _create(sample)
        : throw new ArgumentException($"NormKind.{Name}: expected the shape of a sample, (C), (C, L), (C, H, W) or (C, D, H, W), got {sample}.", nameof(sample));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
