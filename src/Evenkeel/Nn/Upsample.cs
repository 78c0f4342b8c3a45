namespace Evenkeel.Nn;

/// <summary>
/// Planes in another size: the nearest value, or a blend of two by two values.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W); output: (N, C, H', W'), where (H', W') is the size, or (floor(H·scale), floor(W·scale)).
/// Output o reads the input at (o + ½)/scale - ½, or at o·(in - 1)/(out - 1) if corners are aligned.</para>
/// <para>Source: torch.nn.Upsample.</para>
/// </remarks>
public sealed class Upsample : Module
{
    private readonly UpsampleSettings _settings;

    /// <summary>Creates the layer with PyTorch's arguments. Give the size or the factor.</summary>
    /// <param name="size">Rows and columns of the output.</param>
    /// <param name="scaleFactor">The size of the output per size of the input, rounded down.</param>
    /// <param name="mode">The nearest value, or a blend.</param>
    /// <param name="alignCorners">
    /// Whether the values in the corners stay there; only for <see cref="UpsampleMode.Bilinear"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Size and factor are both given, or none; or corners are aligned for the nearest value.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A size or a factor is not above 0.</exception>
    public Upsample(
        Size2? size = null, Scale2? scaleFactor = null, UpsampleMode mode = UpsampleMode.Nearest,
        bool alignCorners = false) =>
        _settings = UpsampleSettings.Of(size, scaleFactor, mode, alignCorners);

    /// <summary>Rows and columns of the output; null if the factor says them.</summary>
    public Size2? Size => _settings.Size;

    /// <summary>The size of the output per size of the input; null if the size was given.</summary>
    public Scale2? ScaleFactor => _settings.Scale;

    /// <summary>The nearest value, or a blend.</summary>
    public UpsampleMode Mode => _settings.Mode;

    /// <summary>Whether the values in the corners stay there.</summary>
    public bool AlignCorners => _settings.AlignCorners;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => UpsampleOp.Apply(x, _settings);

    /// <inheritdoc/>
    public override string ToString()
    {
        string size = Size is { } given ? $"size={PoolText.Format(given)}" : $"scale_factor={Text(ScaleFactor!.Value)}";
        return $"Upsample({size}, mode='{(Mode == UpsampleMode.Nearest ? "nearest" : "bilinear")}')";
    }

    private static string Text(Scale2 scale) => scale.Height == scale.Width
        ? PythonNumber.Format(scale.Width)
        : $"({PythonNumber.Format(scale.Height)}, {PythonNumber.Format(scale.Width)})";
}
