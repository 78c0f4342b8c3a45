using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// The default streams of start values: the k-th layer made in the process draws from the k-th child of one Philox
/// stream. A program that makes its layers in the same order has the same values each time;
/// <see cref="Module.Initialize(Init, ulong)"/> gives values that depend on the seed and the layer's place only.
/// </summary>
internal static class DefaultStreams
{
    private static long s_made;

    public static Philox Next() => new Philox(0, "default").Split((ulong)Interlocked.Increment(ref s_made));
}
