namespace Evenkeel.Tables;

/// <summary>
/// Reads a text in blocks on all cores. What the blocks give is put together in the order of the text, so that neither
/// results nor errors depend on the number of threads.
/// </summary>
internal static class TableReader
{
    /// <summary>Reads all rows that are data.</summary>
    /// <param name="head">What the text is like.</param>
    /// <param name="read">Reads the rows of a block, on any thread.</param>
    /// <param name="merge">Gets what the blocks gave, in the order of the text.</param>
    /// <param name="progress">Told the share of the text that has been read, from 0 to 1.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static void Read<T>(
        TableHead head, Func<RowReader, T> read, Action<T> merge, Action<double>? progress,
        CancellationToken cancellationToken)
    {
        int threads = Compute.Threads;
        var running = new Queue<Task<T>>();
        using var blocks = new BlockReader(head.Text);
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // An error of a later block must not hide one of an earlier block.
                Block? next = null;
                Exception? failed = null;
                try
                {
                    next = blocks.Next();
                }
                catch (InvalidDataException error)
                {
                    failed = error;
                }

                if (next is not { } block)
                {
                    while (running.Count > 0) merge(running.Dequeue().GetAwaiter().GetResult());
                    if (failed is not null) throw failed;
                    progress?.Invoke(1);
                    return;
                }

                running.Enqueue(threads == 1
                    ? Task.FromResult(TextBlock.Read(block, head, read))
                    : Task.Run(() => TextBlock.Read(block, head, read), CancellationToken.None));
                while (running.Count > (threads == 1 ? 0 : threads + 1))
                    merge(running.Dequeue().GetAwaiter().GetResult());
                progress?.Invoke((double)blocks.Read / Math.Max(1, head.Text.Length));
            }
        }
        finally
        {
            // Nothing runs on when this has returned.
            Task.WhenAll(running).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default).Wait(CancellationToken.None);
        }
    }
}
