namespace Evenkeel;

/// <summary>
/// Zeros around an input: an <c>int</c> for all four sides, a tuple <c>(1, 2)</c> for top and bottom, left and right;
/// or <see cref="Same"/>.
/// </summary>
/// <remarks>Default: no zeros.</remarks>
public readonly record struct Padding
{
    private Padding(Size2 size, bool isSame) => (Size, IsSame) = (size, isSame);

    /// <summary>
    /// The padding that makes the output as large as the input. If the number of zeros is odd, the extra row is at the
    /// bottom and the extra column at the right. The stride must be 1. Source: torch.nn.Conv2d, <c>padding="same"</c>.
    /// </summary>
    public static Padding Same { get; } = new(0, isSame: true);

    /// <summary>Zeros on each side; (0, 0) if <see cref="IsSame"/>.</summary>
    public Size2 Size { get; }

    /// <summary>True for <see cref="Same"/>.</summary>
    public bool IsSame { get; }

    /// <summary>The same number of zeros on all four sides.</summary>
    public static implicit operator Padding(int all) => new(all, isSame: false);

    /// <summary>Zeros at top and bottom, then at left and right.</summary>
    public static implicit operator Padding((int Height, int Width) size) => new(size, isSame: false);

    /// <summary>Zeros at top and bottom, then at left and right.</summary>
    public static implicit operator Padding(Size2 size) => new(size, isSame: false);

    /// <summary>The text that Python prints: (1, 2), or same.</summary>
    public override string ToString() => IsSame ? "same" : Size.ToString();
}
