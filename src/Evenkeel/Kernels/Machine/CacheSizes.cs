namespace Evenkeel.Kernels;

/// <summary>
/// The memory sizes, in bytes, by which loops are cut: those of an ordinary server core. They change the speed only,
/// never a result.
/// </summary>
internal static class CacheSizes
{
    /// <summary>A page of memory.</summary>
    public const int Page = 4 << 10;

    /// <summary>The first-level cache of a core.</summary>
    public const int FirstLevel = 32 << 10;

    /// <summary>
    /// The bytes that one pass over a group may read so that the next pass finds them in the second-level cache.
    /// </summary>
    public const int SecondLevel = 512 << 10;

    /// <summary>The same for a pass that reads two arrays.</summary>
    public const int SecondLevelOfTwo = 384 << 10;

    /// <summary>A matrix larger than this does not fit the second-level cache of any core.</summary>
    public const int BeyondSecondLevel = 4 << 20;

    /// <summary>
    /// An output larger than this is assumed not to fit the last-level cache, so it is stored past the caches.
    /// </summary>
    public const int LastLevel = 16_000_000;
}
