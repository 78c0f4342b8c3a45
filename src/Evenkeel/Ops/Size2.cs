namespace Evenkeel;

/// <summary>
/// A height and a width: the size, stride or dilation of a window. An <c>int</c> sets both, a tuple <c>(3, 5)</c> sets
/// each, as in PyTorch.
/// </summary>
/// <param name="Height">Along the second innermost dimension.</param>
/// <param name="Width">Along the innermost dimension.</param>
public readonly record struct Size2(int Height, int Width)
{
    /// <summary>The same for both dimensions.</summary>
    public static implicit operator Size2(int both) => new(both, both);

    /// <summary>Height, then width.</summary>
    public static implicit operator Size2((int Height, int Width) size) => new(size.Height, size.Width);

    /// <summary>The text that Python prints: (3, 5).</summary>
    public override string ToString() => $"({Height}, {Width})";
}
