using System.Globalization;

namespace Evenkeel;

/// <summary>
/// What is added around an input: an <c>int</c> for all sides, a tuple <c>(1, 2)</c> for top and bottom, left and
/// right, a tuple <c>(1, 2, 3)</c> with front and back before them; each side by itself with <see cref="Sides"/>; or
/// <see cref="Same"/> or <see cref="Valid"/>.
/// </summary>
/// <remarks>Default: nothing.</remarks>
public readonly record struct Padding
{
    private enum Kind
    {
        Numbers,
        Same,
        Valid,
    }

    private readonly Kind _kind;

    private Padding(Kind kind) => _kind = kind;

    private Padding(Size2 before, Size2 after, int? front, int? back) =>
        (Top, Left, Bottom, Right, Front, Back) =
            (before.Height, before.Width, after.Height, after.Width, front, back);

    /// <summary>
    /// The padding that makes the output as large as the input. If the number of values is odd, the extra one is at the
    /// end: below, on the right, behind. The stride of a convolution must be 1; a pooling has ⌈size/stride⌉ results.
    /// Source: torch.nn.Conv2d, <c>padding="same"</c>; for poolings ONNX, <c>SAME_UPPER</c>.
    /// </summary>
    public static Padding Same { get; } = new(Kind.Same);

    /// <summary>No padding. Source: torch.nn.Conv2d, <c>padding="valid"</c>.</summary>
    public static Padding Valid { get; } = new(Kind.Valid);

    /// <summary>Columns on the left.</summary>
    public int Left { get; }

    /// <summary>Columns on the right.</summary>
    public int Right { get; }

    /// <summary>Rows above.</summary>
    public int Top { get; }

    /// <summary>Rows below.</summary>
    public int Bottom { get; }

    /// <summary>Planes in front; null if only the other sides were given.</summary>
    public int? Front { get; }

    /// <summary>Planes behind; null if only the other sides were given.</summary>
    public int? Back { get; }

    /// <summary>True for <see cref="Same"/>.</summary>
    public bool IsSame => _kind == Kind.Same;

    /// <summary>True for <see cref="Valid"/>.</summary>
    public bool IsValid => _kind == Kind.Valid;

    /// <summary>True if opposite sides are equal, and for <see cref="Same"/> and <see cref="Valid"/>.</summary>
    public bool IsSymmetric => Left == Right && Top == Bottom && Front == Back;

    /// <summary>
    /// Each side by itself, in the order of <c>torch.nn.functional.pad</c>: the innermost dimension first. A
    /// convolution over rows has left and right only, one over planes top and bottom too.
    /// </summary>
    /// <param name="left">Columns on the left.</param>
    /// <param name="right">Columns on the right.</param>
    /// <param name="top">Rows above.</param>
    /// <param name="bottom">Rows below.</param>
    /// <param name="front">Planes in front; null without a depth.</param>
    /// <param name="back">Planes behind; null without a depth.</param>
    public static Padding Sides(
        int left, int right, int top = 0, int bottom = 0, int? front = null, int? back = null) =>
        new((top, left), (bottom, right), front ?? (back is null ? null : 0), back ?? (front is null ? null : 0));

    /// <summary>The same on all sides.</summary>
    public static implicit operator Padding(int all) => new(all, all, null, null);

    /// <summary>Top and bottom, then left and right.</summary>
    public static implicit operator Padding((int Height, int Width) size) => new(size, size, null, null);

    /// <summary>Top and bottom, then left and right.</summary>
    public static implicit operator Padding(Size2 size) => new(size, size, null, null);

    /// <summary>Front and back, then top and bottom, then left and right.</summary>
    public static implicit operator Padding((int Depth, int Height, int Width) size) => (Size3)size;

    /// <summary>Front and back, then top and bottom, then left and right.</summary>
    public static implicit operator Padding(Size3 size) =>
        new((size.Height, size.Width), (size.Height, size.Width), size.Depth, size.Depth);

    /// <summary>
    /// The text that Python prints: (1, 2), or same, or valid; sides(left, right, top, bottom) if they differ.
    /// </summary>
    public override string ToString() => this switch
    {
        { IsSame: true } => "same",
        { IsValid: true } => "valid",
        { IsSymmetric: false } => string.Create(CultureInfo.InvariantCulture,
            $"sides({Left}, {Right}, {Top}, {Bottom}{(Front is null ? "" : $", {Front}, {Back}")})"),
        { Front: { } depth } => new Size3(depth, Top, Left).ToString(),
        _ => new Size2(Top, Left).ToString(),
    };

    /// <summary>Values that are added along a dimension, for numbers.</summary>
    /// <param name="axis">0 for the depth, 1 for the height, 2 for the width.</param>
    internal (int Before, int After) Along(int axis) => axis switch
    {
        0 => (Front ?? Top, Back ?? Top),
        1 => (Top, Bottom),
        _ => (Left, Right),
    };

    /// <summary>Checks that the numbers are those of an input with so many dimensions.</summary>
    /// <param name="name">What errors begin with.</param>
    /// <param name="spatial">1 for rows, 2 for planes, 3 for volumes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
    /// <exception cref="ArgumentException">There are numbers of dimensions that the input does not have.</exception>
    internal void Check(string name, int spatial)
    {
        if (Math.Min(Math.Min(Left, Right), Math.Min(Top, Bottom)) < 0 || Front < 0 || Back < 0)
        {
            throw new ArgumentOutOfRangeException(null, $"{name}: expected a padding of 0 or more, got "
                + $"{(spatial == 1 && IsSymmetric ? $"{Left}" : $"{this}")}. Cut the input with Slice.");
        }

        bool isFlat = Front is null or 0 && Back is null or 0;
        bool isEven = Top == Bottom && Left == Right && Top == Left;
        if (spatial == 1 && !(isFlat && ((Top == 0 && Bottom == 0) || (Top == Left && Bottom == Right))))
        {
            throw new ArgumentException($"{name}: expected one padding for both ends, got {this}. "
                + "Padding.Sides(left, right) sets each end.", (string?)null);
        }

        if (spatial == 2 && !isFlat)
        {
            throw new ArgumentException(
                $"{name}: expected a padding of one number, or of a height and a width, got {this}.", (string?)null);
        }

        if (spatial == 3 && Front is null && !isEven)
        {
            throw new ArgumentException($"{name}: expected a padding of one number, or of a depth, a height and a "
                + $"width, got {this}.", (string?)null);
        }
    }
}
