namespace Evenkeel.Nn;

/// <summary>
/// Zeros around planes, on each side as many as wanted. Input: (N, C, H, W) or (C, H, W); output: the same with H + top
/// + bottom rows and W + left + right columns. Source: torch.nn.ZeroPad2d.
/// </summary>
public sealed class ZeroPad2d : Module
{
    /// <summary>Creates the layer with the same number of zeros on all four sides.</summary>
    /// <param name="padding">Rows and columns of zeros; below 0 they are cut off.</param>
    public ZeroPad2d(int padding) : this(padding, padding, padding, padding)
    {
    }

    /// <summary>Creates the layer, with the sides in PyTorch's order.</summary>
    /// <param name="left">Columns of zeros before the first; below 0 columns are cut off.</param>
    /// <param name="right">Columns behind the last.</param>
    /// <param name="top">Rows above the first.</param>
    /// <param name="bottom">Rows below the last.</param>
    public ZeroPad2d(int left, int right, int top, int bottom) =>
        (Left, Right, Top, Bottom) = (left, right, top, bottom);

    /// <summary>Columns of zeros before the first; below 0 columns are cut off.</summary>
    public int Left { get; }

    /// <summary>Columns behind the last.</summary>
    public int Right { get; }

    /// <summary>Rows above the first.</summary>
    public int Top { get; }

    /// <summary>Rows below the last.</summary>
    public int Bottom { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ZeroPad2d(Left, Right, Top, Bottom);

    /// <inheritdoc/>
    public override string ToString() => $"ZeroPad2d(({Left}, {Right}, {Top}, {Bottom}))";
}
