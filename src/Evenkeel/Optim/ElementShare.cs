namespace Evenkeel.Optim;

/// <summary>
/// The elements of each parameter that one of several processes adds up and updates: consecutive ones, equally many for
/// each process but for one.
/// </summary>
/// <param name="Rank">The number of the process.</param>
/// <param name="Size">The number of processes.</param>
internal readonly record struct ElementShare(int Rank, int Size)
{
    /// <summary>The share of one process that has all elements.</summary>
    public static ElementShare Whole { get; } = new(0, 1);

    /// <summary>The share of a parameter.</summary>
    /// <param name="elements">Its elements.</param>
    public (int Start, int Count) Of(int elements)
    {
        int start = (int)((long)elements * Rank / Size);
        return (start, (int)((long)elements * (Rank + 1) / Size) - start);
    }
}
