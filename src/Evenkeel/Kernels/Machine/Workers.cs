using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Evenkeel.Kernels;

/// <summary>Work cut into chunks that do not depend on each other.</summary>
internal interface IJob
{
    /// <summary>Computes chunk number <paramref name="chunk"/>.</summary>
    void Invoke(int chunk);
}

/// <summary>
/// The worker threads: a fork-join over numbered chunks.
/// </summary>
/// <remarks>
/// <para>Threads claim chunks, so a late or preempted helper costs nothing: the caller computes the chunks that nobody
/// has claimed and waits only for helpers that have begun. Each thread first claims from its own range, which is the
/// same in every job of that size. So values that it wrote in one op are still in its cache in the next op, and threads
/// rarely share a cache line. Then it claims from the ranges of the others. If the pool is busy or the call is nested,
/// the job runs inline. Helpers spin briefly for the next job, then park.</para>
/// <para>The number of chunks of a job must depend on shapes only, never on <see cref="Compute.Threads"/>. Then a
/// result has the same bits for any number of threads.</para>
/// </remarks>
internal static unsafe class Workers
{
    /// <summary>
    /// Turns of <see cref="Thread.SpinWait"/> before a helper parks: about 75 µs, longer than the gap between two ops
    /// of a step.
    /// </summary>
    private const int SpinTurns = 1000;

    /// <summary>Iterations per turn. A new job may stay unseen for one turn, about 75 ns.</summary>
    private const int SpinIterations = 2;

    /// <summary>
    /// Up to this number of values (about 4 µs of a norm's work) a fork costs more time than it saves.
    /// </summary>
    private const int ForkValues = 1 << 13;

    // State of the pool: generation (upper 32 bits) | open (bit 16) | number of helpers inside (lower 16 bits).
    private const long OpenBit = 1 << 16;
    private const long InsideMask = OpenBit - 1;

    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Shared
    {
        [FieldOffset(64)] public long State;
        [FieldOffset(192)] public int Parked;
        [FieldOffset(256)] public void* Job;
        [FieldOffset(264)] public delegate*<void*, int, void> Invoke;
        [FieldOffset(272)] public int Chunks;
        [FieldOffset(276)] public int Helpers;
        [FieldOffset(280)] public int Threads;
    }

    /// <summary>Ints between the counters of two ranges: each counter has a cache line of its own.</summary>
    private const int ClaimStride = 16;

    private static Shared s_shared;
    private static int[] s_claims = new int[2 * ClaimStride];
    private static int s_busy;
    private static int s_started;
    private static Exception? s_failure;

    private static readonly SemaphoreSlim s_wake = new(0);

    /// <summary>
    /// Called at the start of every job; null except in tests. Tests use it to run a garbage collection after addresses
    /// are taken and before they are used.
    /// </summary>
    internal static Action? BeforeJob { get; set; }

    /// <summary>
    /// Runs chunks 0 .. <paramref name="chunks"/>-1 of a job and returns when all are done. The first failure is
    /// rethrown.
    /// </summary>
    internal static void Run<TJob>(int chunks, TJob job) where TJob : struct, IJob, allows ref struct
    {
        Debug.Assert(chunks >= 0);
        BeforeJob?.Invoke();
        int threads = Compute.Threads, helpers = Math.Min(threads, chunks) - 1;
        if (helpers <= 0 || Interlocked.CompareExchange(ref s_busy, 1, 0) != 0)
        {
            for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
            return;
        }

        try
        {
            // The job lives in this frame. The frame outlives every helper inside, because Close waits for them.
            Fork(&Invoke<TJob>, Unsafe.AsPointer(ref job), chunks, helpers, threads);
        }
        finally
        {
            Volatile.Write(ref s_busy, 0);
        }
    }

    /// <summary>
    /// Runs a job like the other overload, but on the calling thread alone if the work is so small that a fork costs
    /// more than it saves.
    /// </summary>
    /// <param name="chunks">Number of chunks.</param>
    /// <param name="job">The job.</param>
    /// <param name="values">Number of values that all chunks together read.</param>
    internal static void Run<TJob>(int chunks, TJob job, long values) where TJob : struct, IJob, allows ref struct
    {
        if (values > ForkValues)
        {
            Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }

    private static void Invoke<TJob>(void* job, int chunk) where TJob : struct, IJob, allows ref struct =>
        Unsafe.AsRef<TJob>(job).Invoke(chunk);

    private static void Fork(delegate*<void*, int, void> invoke, void* job, int chunks, int helpers, int threads)
    {
        while (s_started < helpers) StartHelper();
        s_failure = null;
        s_shared.Job = job;
        s_shared.Invoke = invoke;
        s_shared.Chunks = chunks;
        s_shared.Helpers = helpers;
        s_shared.Threads = threads;
        int ranges = helpers + 1;
        if (s_claims.Length < ranges * ClaimStride) s_claims = new int[ranges * ClaimStride];
        for (int range = 0; range < ranges; range++)
            s_claims[range * ClaimStride] = (int)((long)chunks * range / ranges);
        long opened = (((s_shared.State >> 32) + 1) << 32) | OpenBit;
        Interlocked.Exchange(ref s_shared.State, opened);
        int parked = Volatile.Read(ref s_shared.Parked);
        if (parked > 0) s_wake.Release(Math.Min(parked, helpers));

        Work(0);

        // Close the pool, then wait for the helpers that are inside.
        long state = Interlocked.Add(ref s_shared.State, -OpenBit);
        var spinner = new SpinWait();
        while ((state & InsideMask) != 0)
        {
            spinner.SpinOnce(sleep1Threshold: -1);
            state = Volatile.Read(ref s_shared.State);
        }

        s_shared.Job = null;
        if (s_failure is { } failure)
        {
            s_failure = null;
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>
    /// Claims and computes chunks until none is left: first of the thread's own range, then of the other ranges. After
    /// a failure the remaining chunks are dropped.
    /// </summary>
    private static void Work(int thread)
    {
        int chunks = s_shared.Chunks, ranges = s_shared.Helpers + 1;
        int[] claims = s_claims;
        void* job = s_shared.Job;
        delegate*<void*, int, void> invoke = s_shared.Invoke;
        try
        {
            for (int turn = 0; turn < ranges; turn++)
            {
                int range = thread + turn < ranges ? thread + turn : thread + turn - ranges;
                int end = (int)((long)chunks * (range + 1) / ranges);
                ref int next = ref claims[range * ClaimStride];
                while (Volatile.Read(ref next) < end)
                {
                    int chunk = Interlocked.Increment(ref next) - 1;
                    if (chunk < end) invoke(job, chunk);
                }
            }
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref s_failure, failure, null);
            for (int range = 0; range < ranges; range++) Volatile.Write(ref claims[range * ClaimStride], chunks);
        }
    }

    private static void StartHelper()
    {
        int number = ++s_started;
        // Helpers serve every caller, so they inherit no context from the caller that starts them.
        new Thread(() => Help(number), maxStackSize: 1 << 20) { IsBackground = true, Name = "Evenkeel worker" }
            .UnsafeStart();
    }

    /// <summary>The loop of helper number 1, 2, and so on. The caller of a job is thread 0.</summary>
    private static void Help(int number)
    {
        long lastGeneration = -1;
        int turns = 0;
        while (true)
        {
            long state = Volatile.Read(ref s_shared.State);
            long generation = state >> 32;
            if ((state & OpenBit) != 0 && generation != lastGeneration)
            {
                // Enter only while this generation is open, and only if the job asks for this helper.
                if (number <= s_shared.Helpers)
                {
                    if (Interlocked.CompareExchange(ref s_shared.State, state + 1, state) != state) continue;
                    Work(number);
                    Interlocked.Decrement(ref s_shared.State);
                }

                lastGeneration = generation;
                turns = 0;
                continue;
            }

            // With more threads than processors, a spinning helper only takes time from a working one.
            if (turns++ < SpinTurns && s_shared.Threads <= Environment.ProcessorCount)
            {
                Thread.SpinWait(SpinIterations);
                continue;
            }

            Interlocked.Increment(ref s_shared.Parked);
            state = Volatile.Read(ref s_shared.State);
            if ((state & OpenBit) == 0 || state >> 32 == lastGeneration) s_wake.Wait();
            Interlocked.Decrement(ref s_shared.Parked);
            turns = 0;
        }
    }
}
