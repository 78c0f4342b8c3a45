namespace Evenkeel.Kernels;

/// <summary>
/// The sizes of memory that loops are cut by, in bytes: those of an ordinary server core. They decide the speed; the results do not depend on them.
/// </summary>
internal static class CacheSizes
{
    /// <summary>A page of memory.</summary>
    public const int Page = 4 << 10;

    /// <summary>The first-level cache of a core.</summary>
    public const int FirstLevel = 32 << 10;

    /// <summary>What one pass over a group may read, if the next pass is to find it in the second-level cache.</summary>
    public const int SecondLevel = 512 << 10;

    /// <summary>The same if two arrays are read.</summary>
    public const int SecondLevelOfTwo = 384 << 10;

    /// <summary>A matrix beyond this outgrows the second-level cache of every core.</summary>
    public const int BeyondSecondLevel = 4 << 20;

    /// <summary>An output beyond this is taken not to fit the last-level cache: it is stored past the caches.</summary>
    public const int LastLevel = 16_000_000;
}
