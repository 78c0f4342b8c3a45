using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>Runs the making of samples: on all workers where the training waits for it, alone on a loader's own thread, for the workers are training meanwhile.</summary>
internal static class SampleJobs
{
    [ThreadStatic]
    private static bool t_isLoader;

    /// <summary>Says that this thread makes batches in the background.</summary>
    public static void MarkLoaderThread() => t_isLoader = true;

    public static void Run<TJob>(int chunks, TJob job) where TJob : struct, IJob, allows ref struct
    {
        if (!t_isLoader)
        {
            Workers.Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }
}
