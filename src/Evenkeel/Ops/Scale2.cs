namespace Evenkeel;

/// <summary>
/// Factors of a height and a width. A <c>double</c> sets both, a tuple <c>(2, 1.5)</c> sets each, as in PyTorch.
/// </summary>
/// <param name="Height">Along the second innermost dimension.</param>
/// <param name="Width">Along the innermost dimension.</param>
public readonly record struct Scale2(double Height, double Width)
{
    /// <summary>The same for both dimensions.</summary>
    public static implicit operator Scale2(double both) => new(both, both);

    /// <summary>Height, then width.</summary>
    public static implicit operator Scale2((double Height, double Width) scale) => new(scale.Height, scale.Width);

    /// <summary>Height, then width: (2, 1.5).</summary>
    public override string ToString() => $"({Height}, {Width})";
}
