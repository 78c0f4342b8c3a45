namespace Evenkeel;

/// <summary>
/// Zeros around an input: an <c>int</c> for all four sides, a tuple <c>(1, 2)</c> for top and bottom, left and right; or <see cref="Same"/>.
/// </summary>
/// <remarks>The default is none.</remarks>
public readonly record struct Padding
{
    private Padding(Size2 size, bool isSame) => (Size, IsSame) = (size, isSame);

    /// <summary>
    /// As much as makes the output as large as the input; where that is an odd number, the extra row is at the bottom, the extra column at the right. The stride must be 1. Source: torch.nn.Conv2d, <c>padding="same"</c>.
    /// </summary>
    public static Padding Same { get; } = new(0, isSame: true);

    /// <summary>Zeros on each side; (0, 0) where <see cref="IsSame"/>.</summary>
    public Size2 Size { get; }

    /// <summary>True for <see cref="Same"/>.</summary>
    public bool IsSame { get; }

    /// <summary>The same on all four sides.</summary>
    public static implicit operator Padding(int all) => new(all, isSame: false);

    /// <summary>Top and bottom, then left and right.</summary>
    public static implicit operator Padding((int Height, int Width) size) => new(size, isSame: false);

    /// <summary>Top and bottom, then left and right.</summary>
    public static implicit operator Padding(Size2 size) => new(size, isSame: false);

    /// <summary>As Python prints it: (1, 2), or same.</summary>
    public override string ToString() => IsSame ? "same" : Size.ToString();
}
