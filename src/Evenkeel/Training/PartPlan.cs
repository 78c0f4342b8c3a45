namespace Evenkeel.Training;

/// <summary>Who owns which parts of a batch, and who adds what.</summary>
internal sealed class PartPlan
{
    private readonly int[][] _sums;

    /// <summary>Plans a batch.</summary>
    /// <param name="parts">The parts that the batch has.</param>
    /// <param name="share">Parts per process.</param>
    /// <param name="rank">The number of this process.</param>
    /// <param name="processes">The number of processes.</param>
    public PartPlan(int parts, int share, int rank, int processes)
    {
        Parts = parts;
        int first = Math.Min(parts, rank * share), end = Math.Min(parts, first + share);
        OwnParts = end - first;
        PartTree.Pair[] pairs = PartTree.Pairs(parts);
        OwnPairs = [.. pairs.Where(pair => pair.LiesIn(first, end))
            .Select(pair => new PartTree.Pair(pair.Into - first, pair.From - first, pair.End - first))];
        SharedPairs = [.. pairs.Where(pair =>
        {
            int owner = pair.Into / share;
            return !pair.LiesIn(owner * share, Math.Min(parts, (owner + 1) * share));
        })];
        _sums = new int[processes][];
        for (int process = 0; process < processes; process++)
        {
            _sums[process] = PartTree.Sums(
                pairs, Math.Min(parts, process * share), Math.Min(parts, (process + 1) * share));
        }

        OwnSums = Array.ConvertAll(_sums[rank], sum => sum - first);
        HasFollowers = parts <= (processes - 1) * share;
    }

    /// <summary>The parts of the batch.</summary>
    public int Parts { get; }

    /// <summary>How many of them this process has. It has none if the batch has fewer samples than parts.</summary>
    public int OwnParts { get; }

    /// <summary>The additions that this process makes before anything travels, by numbers of its own parts.</summary>
    public PartTree.Pair[] OwnPairs { get; }

    /// <summary>The additions of what has travelled.</summary>
    public PartTree.Pair[] SharedPairs { get; }

    /// <summary>The own parts at which its sums stand.</summary>
    public int[] OwnSums { get; }

    /// <summary>Whether some process has no part.</summary>
    public bool HasFollowers { get; }

    /// <summary>The parts with which the sums of a process begin.</summary>
    public int[] SumsOf(int process) => _sums[process];
}
