namespace Evenkeel;

/// <summary>What stands around an input where its padding is.</summary>
public enum PaddingMode
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The values mirrored at the first and the last: c b | a b c d | c b.</summary>
    Reflect,

    /// <summary>The first and the last value again: a a | a b c d | d d.</summary>
    Replicate,

    /// <summary>The values from the other end: c d | a b c d | a b.</summary>
    Circular,
}
