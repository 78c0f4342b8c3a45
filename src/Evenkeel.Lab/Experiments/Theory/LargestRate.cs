namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// A grid of learning rates, all powers of two so that rates and steps are exact, and the largest of them that still trains: the one above which none does, whatever smaller ones do.
/// </summary>
/// <param name="smallestPower">2 to this power is the smallest rate.</param>
/// <param name="largestPower">2 to this power is the largest; the grid must reach past what any net can take.</param>
/// <param name="stride">1 for every power, 2 for every second.</param>
/// <param name="trained">Accuracy from which on a net counts as trained.</param>
internal sealed class LargestRate(int smallestPower, int largestPower, int stride, double trained)
{
    /// <summary>The rates, smallest first.</summary>
    public double[] Rates { get; } = [.. Enumerable.Range(0, ((largestPower - smallestPower) / stride) + 1).Select(i => Math.ScaleB(1, smallestPower + (i * stride)))];

    /// <summary>Whether an accuracy is that of a net that has trained; NaN, of a loss that was not finite, is not.</summary>
    public bool Trains(double accuracy) => accuracy >= trained;

    /// <summary>
    /// The largest rate that trains, from one accuracy a rate. Where none does, the rate below the smallest: it is below any that was tried, and a ratio to it stays finite.
    /// </summary>
    public double Of(IReadOnlyList<double> accuracies) => Search(r => accuracies[r]);

    /// <summary>The same without trying more rates than it takes: from the largest down, until one trains.</summary>
    /// <param name="accuracyAt">Trains at the rate of this number.</param>
    public double Search(Func<int, double> accuracyAt)
    {
        for (int r = Rates.Length - 1; r >= 0; r--)
        {
            if (Trains(accuracyAt(r))) return Rates[r];
        }

        return Math.ScaleB(Rates[0], -stride);
    }
}
