namespace Evenkeel.Nn;

/// <summary>
/// What adaptive poolings share, such as <see cref="AdaptiveAvgPool2d"/> and <see cref="AdaptiveMaxPool3d"/>: the sizes
/// of their output.
/// </summary>
public abstract class AdaptivePoolNd : Module
{
    private readonly int _spatial;
    private readonly bool _isOneNumber;

    private protected AdaptivePoolNd(
        string name, int spatial, (int? Depth, int? Height, int? Width) sizes, bool isOneNumber)
    {
        PoolSettings.CheckAdaptive(name, spatial, sizes);
        (LayerName, _spatial, Sizes, _isOneNumber) = (name, spatial, sizes, isOneNumber);
    }

    private protected string LayerName { get; }

    private protected (int? Depth, int? Height, int? Width) Sizes { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString()
    {
        int?[] sizes = [Sizes.Depth, Sizes.Height, Sizes.Width];
        string text = string.Join(", ", sizes[(3 - _spatial)..].Select(static size => size?.ToString() ?? "None"));
        return $"{LayerName}(output_size={(_isOneNumber ? $"{Sizes.Width}" : $"({text})")})";
    }
}
