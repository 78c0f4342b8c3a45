using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel;

/// <summary>
/// How the library uses the processor: the number of threads, for the process and for a part of a program.
/// No result depends on it; any number of threads gives the same bits.
/// </summary>
/// <remarks>
/// <para>One call computes with one pool of worker threads. If several threads call the library at the same time, one
/// of them has the pool and the others compute alone. To run two models side by side, give each a part of the
/// processor:
/// <code>
/// Parallel.ForEach(models, model =>
/// {
///     using (Compute.UseThreads(1)) model.Predict(images);
/// });
/// </code></para>
/// </remarks>
public static class Compute
{
    private static readonly AsyncLocal<Scope?> s_scope = new();
    private static int s_threads = Environment.ProcessorCount;

    /// <summary>
    /// Number of threads that compute, with the caller: from 1 to 1024. Default: the number of processors. It holds for
    /// the process. Inside a scope of <see cref="UseThreads"/> it holds for that scope only.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1 or above 1024.</exception>
    public static int Threads
    {
        get => s_scope.Value?.Threads ?? s_threads;
        set
        {
            Check(value, nameof(value));
            if (s_scope.Value is { } scope) scope.Threads = value;
            else s_threads = value;
        }
    }

    /// <summary>
    /// True if fused multiply-add is an instruction (x86 since 2013, every 64-bit ARM). If not, it is computed in
    /// software, with the same bits, many times slower.
    /// </summary>
    public static bool HasFusedMultiplyAdd => Fma.IsSupported || AdvSimd.IsSupported;

    /// <summary>
    /// Sets the number of threads for this thread, and for the tasks and threads that it starts, until the result is
    /// disposed of. Other threads of the program keep their number. Scopes may be nested.
    /// </summary>
    /// <param name="threads">Number of threads that compute, with the caller: from 1 to 1024.</param>
    /// <returns>The scope. Its end restores the previous number of threads.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1 or above 1024.</exception>
    public static IDisposable UseThreads(int threads)
    {
        Check(threads, nameof(threads));
        return s_scope.Value = new Scope(s_scope.Value, threads);
    }

    private static void Check(int threads, string name)
    {
        if (threads is < 1 or > 1024)
            throw new ArgumentOutOfRangeException(name, $"Compute: expected 1 to 1024 threads, got {threads}.");
    }

    private sealed class Scope(Scope? outer, int threads) : IDisposable
    {
        public volatile int Threads = threads;

        public void Dispose() => s_scope.Value = outer;
    }
}
