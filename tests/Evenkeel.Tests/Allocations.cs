namespace Evenkeel.Tests;

/// <summary>How much managed memory a piece of work allocates.</summary>
internal static class Allocations
{
    private const int Attempts = 5;

    /// <summary>
    /// The fewest bytes of several attempts: a garbage collection in between gives up what is left of the thread's
    /// allocation buffer, and that is counted as allocated.
    /// </summary>
    public static long Of(Action work)
    {
        long fewest = long.MaxValue;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            fewest = Math.Min(fewest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return fewest;
    }
}
