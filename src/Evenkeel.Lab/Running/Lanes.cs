using System.Runtime.ExceptionServices;

namespace Evenkeel.Lab.Running;

/// <summary>Numbered pieces of work in several lanes, each of which computes on one thread.</summary>
internal static class Lanes
{
    /// <summary>Does all pieces; the first failure stops the others and is thrown.</summary>
    /// <param name="count">Pieces of work.</param>
    /// <param name="lanes">Threads that take the pieces in turn; one lane uses all threads for each piece.</param>
    /// <param name="work">Takes the number of a piece and a token that stops it.</param>
    /// <param name="cancellationToken">Stops all.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static void Run(int count, int lanes, Action<int, CancellationToken> work,
        CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int next = -1;
        ExceptionDispatchInfo? failure = null;
        Thread[] helpers = [.. Enumerable.Range(1, lanes - 1).Select(_ => new Thread(Lane) { IsBackground = true })];
        using (lanes > 1 ? Compute.UseThreads(1) : null)
        {
            foreach (Thread helper in helpers) helper.Start();
            Lane();
            foreach (Thread helper in helpers) helper.Join();
        }

        cancellationToken.ThrowIfCancellationRequested();
        failure?.Throw();

        void Lane()
        {
            try
            {
                for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    if (stop.IsCancellationRequested) return;
                    work(i, stop.Token);
                }
            }
            catch (Exception e)
            {
                // What the other lanes throw because they are stopped comes later.
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                stop.Cancel();
            }
        }
    }
}
