namespace Evenkeel.Data;

/// <summary>
/// Which samples of each batch one process needs: a batch is cut into consecutive parts, as equal as possible, and a
/// process owns some of them.
/// </summary>
/// <param name="Parts">
/// Into how many parts a batch is cut. A batch of fewer samples has as many parts as samples.
/// </param>
/// <param name="FirstPart">The first part of this process.</param>
/// <param name="Count">The number of its parts.</param>
public readonly record struct BatchShare(int Parts, int FirstPart, int Count)
{
    /// <summary>The share of a process if all have equally many parts.</summary>
    /// <param name="parts">Into how many parts a batch is cut, a multiple of <paramref name="processes"/>.</param>
    /// <param name="rank">The number of the process.</param>
    /// <param name="processes">The number of processes.</param>
    /// <exception cref="ArgumentException">The parts cannot be dealt equally.</exception>
    public static BatchShare Of(int parts, int rank, int processes)
    {
        if (parts < processes || parts % processes != 0)
        {
            throw new ArgumentException(
                $"BatchShare: expected a number of parts that {processes} processes can share equally, got {parts}. "
                + $"Start a number of processes that divides {parts}, or give a multiple of {processes} parts.",
                nameof(parts));
        }

        return new BatchShare(parts, rank * (parts / processes), parts / processes);
    }

    /// <summary>The rows of a part in a batch.</summary>
    /// <param name="samples">Samples of the batch.</param>
    /// <param name="parts">Parts of the batch.</param>
    /// <param name="part">The number of the part, up to <paramref name="parts"/>, which gives the end.</param>
    internal static int StartOf(int samples, int parts, int part) => (int)((long)samples * part / parts);

    /// <summary>The rows of this process in a batch.</summary>
    /// <param name="samples">Samples of the batch.</param>
    internal (int First, int Count) RowsOf(int samples)
    {
        int parts = Math.Min(Parts, samples);
        int first = StartOf(samples, parts, Math.Min(FirstPart, parts));
        return (first, StartOf(samples, parts, Math.Min(FirstPart + Count, parts)) - first);
    }
}
