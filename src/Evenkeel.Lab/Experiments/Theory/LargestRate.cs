using System.Globalization;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// A grid of learning rates, all powers of two so that rates and steps are exact, and the largest of them that still
/// trains: the one above which none does, whatever smaller ones do.
/// </summary>
/// <param name="smallestPower">2 to this power is the smallest rate.</param>
/// <param name="largestPower">2 to this power is the largest; the grid must reach past what any net can take.</param>
/// <param name="stride">1 for every power, 2 for every second.</param>
/// <param name="trained">Accuracy from which on a net counts as trained.</param>
internal sealed class LargestRate(int smallestPower, int largestPower, int stride, double trained)
{
    /// <summary>The rates, smallest first.</summary>
    public double[] Rates { get; } =
        [.. Enumerable.Range(0, ((largestPower - smallestPower) / stride) + 1)
            .Select(i => Math.ScaleB(1, smallestPower + (i * stride)))];

    /// <summary>
    /// Whether an accuracy is that of a net that has trained; NaN, of a loss that was not finite, is not.
    /// </summary>
    public bool Trains(double accuracy) => accuracy >= trained;

    /// <summary>
    /// The largest rate that trains, from one accuracy a rate. Where none does, the rate below the smallest: it is
    /// below any that was tried, and a ratio to it stays finite.
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

    /// <summary>
    /// Adds the table of a whole grid, from the curves of the nets without and with batch norm, and the check that
    /// batch norm takes the larger rate.
    /// </summary>
    /// <param name="result">With its curves, and the figures <c>none.largestRate</c>, <c>batchnorm.largestRate</c> and
    /// <c>ratio</c>.</param>
    /// <param name="title">Of the table: what the accuracies are.</param>
    /// <param name="id">Of the check.</param>
    public void Tell(ExperimentResult result, string title, string id)
    {
        IReadOnlyList<double> none = result.Series[0].Y, norm = result.Series[1].Y;
        result.Tables.Add(new ResultTable(title, ["rate", "none", "trains", "batch norm", "trains"],
            [.. Rates.Select((rate, r) =>
                (IReadOnlyList<object?>)[rate, none[r], YesNo(none[r]), norm[r], YesNo(norm[r])])],
                    ["G6", "F3", null, "F3", null]));
        Dictionary<string, double> figures = result.Figures;
        result.Checks.Add(Check.Judge(id, "Batch norm permits a larger learning rate",
            "the largest rate that trains is larger with it",
            string.Create(CultureInfo.InvariantCulture, $"{figures["batchnorm.largestRate"]:G4} against " +
                $"{figures["none.largestRate"]:G4}: {figures["ratio"]:G4} times"), figures["ratio"] > 1));

        string YesNo(double accuracy) => Trains(accuracy) ? "yes" : "no";
    }

    /// <summary>Accuracy over the grid, without batch norm and with it.</summary>
    public static Chart ChartOf(ExperimentResult result) => new(
        "train-accuracy", "Training accuracy by learning rate", new Axis("Learning rate", IsLog: true),
        new Axis("Training accuracy", Min: 0, Max: 1),
        [Curve.Of(result, "none/train-accuracy", "without norm", Marker.Circle),
            Curve.Of(result, "batchnorm/train-accuracy", "with batch norm", Marker.Circle)],
        "A gap is a rate at which a loss was not finite; 0.3 counts as trained, guessing gives 0.1.");

    /// <summary>Both rates and how many times the one is the other.</summary>
    public static string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{figures["batchnorm.largestRate"]:G3} with, {figures["none.largestRate"]:G3} without: x " +
        $"{figures["ratio"]:G3}");
}
