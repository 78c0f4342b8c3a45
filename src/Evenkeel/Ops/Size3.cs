namespace Evenkeel;

/// <summary>
/// A depth, a height and a width: the size, stride or dilation of a window over volumes. An <c>int</c> sets all, a
/// tuple <c>(1, 3, 5)</c> sets each, as in PyTorch.
/// </summary>
/// <param name="Depth">Along the third innermost dimension.</param>
/// <param name="Height">Along the second innermost dimension.</param>
/// <param name="Width">Along the innermost dimension.</param>
public readonly record struct Size3(int Depth, int Height, int Width)
{
    /// <summary>The same for all dimensions.</summary>
    public static implicit operator Size3(int all) => new(all, all, all);

    /// <summary>Depth, then height, then width.</summary>
    public static implicit operator Size3((int Depth, int Height, int Width) size) =>
        new(size.Depth, size.Height, size.Width);

    /// <summary>The text that Python prints: (1, 3, 5).</summary>
    public override string ToString() => $"({Depth}, {Height}, {Width})";
}
