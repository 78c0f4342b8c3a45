using System.Globalization;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Diagnostics;

namespace Evenkeel.Surgery;

/// <summary>What <see cref="Recalibrator"/> did to a layer.</summary>
public enum RecalibrationStatus
{
    /// <summary>Its running statistics are now those of the data.</summary>
    Recalibrated,

    /// <summary>Left alone: the layer is frozen.</summary>
    Frozen,

    /// <summary>Left alone: no sample reached it.</summary>
    NotReached,

    /// <summary>
    /// A batch norm without running statistics (<c>trackRunningStats: false</c>): there is nothing to write. It
    /// normalizes by the current batch, in the recalibration and in use.
    /// </summary>
    NoStatistics,
}

/// <summary>One layer with running statistics, and how far these were from the data's.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Status">What was done.</param>
/// <param name="Count">Number of values per channel that were pooled.</param>
/// <param name="MeanShift">
/// For each channel (running mean before - mean of the data)/sqrt(variance of the data + eps), in standard deviations.
/// Empty if the layer was left alone.
/// </param>
/// <param name="VarianceRatio">
/// For each channel (running variance before + eps)/(variance of the data + eps); 1 is no change.
/// </param>
public sealed record RecalibratedLayer(
    string Name, string Type, RecalibrationStatus Status, double Count, IReadOnlyList<double> MeanShift,
    IReadOnlyList<double> VarianceRatio)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(RecalibratedLayer), PrintMembers);

    /// <summary>The largest |<see cref="MeanShift"/>| of a channel; 0 if the layer was left alone.</summary>
    public double LargestMeanShift
    {
        get
        {
            double largest = 0;
            foreach (double shift in MeanShift) largest = Math.Max(largest, Math.Abs(shift));
            return largest;
        }
    }

    /// <summary>
    /// The smallest and the largest <see cref="VarianceRatio"/> of a channel; 1 and 1 if the layer was left alone.
    /// </summary>
    public (double Smallest, double Largest) VarianceRatioRange
    {
        get
        {
            if (VarianceRatio.Count == 0) return (1, 1);
            (double smallest, double largest) = (VarianceRatio[0], VarianceRatio[0]);
            foreach (double ratio in VarianceRatio)
                (smallest, largest) = (Math.Min(smallest, ratio), Math.Max(largest, ratio));
            return (smallest, largest);
        }
    }
}

/// <summary>What a recalibration has done and found. <see cref="ToString"/> is a table.</summary>
/// <param name="Layers">
/// All layers with running statistics, in the order in which they run; those that no sample reached come behind them,
/// and last the batch norms that keep none.
/// </param>
/// <param name="Plan">How the data were cut into batches.</param>
/// <param name="AccuracyBefore">
/// Share of correct answers on <see cref="RecalibrationOptions.Check"/> with the old statistics; null if there is no
/// check.
/// </param>
/// <param name="AccuracyAfter">The same with the new statistics.</param>
public sealed record RecalibrationReport(
    IReadOnlyList<RecalibratedLayer> Layers, BatchPlan Plan, double? AccuracyBefore, double? AccuracyAfter)
{
    /// <summary>A table of the layers, and the accuracies.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(3, "Layer", "Type", "Status", "values", "mean off by (std)", "variance was x");
        foreach (RecalibratedLayer layer in Layers)
        {
            (double smallest, double largest) = layer.VarianceRatioRange;
            bool isDone = layer.Status == RecalibrationStatus.Recalibrated;
            grid.Add(
                layer.Name, layer.Type,
                layer.Status switch
                {
                    RecalibrationStatus.Frozen => "frozen, left alone",
                    RecalibrationStatus.NotReached => "not reached",
                    RecalibrationStatus.NoStatistics => "keeps no statistics",
                    _ => "recalibrated",
                },
                isDone ? layer.Count.ToString("N0", CultureInfo.InvariantCulture) : "-",
                isDone ? TextGrid.Number(layer.LargestMeanShift) : "-",
                isDone ? $"{TextGrid.Number(smallest)} to {TextGrid.Number(largest)}" : "-");
        }

        var text = new StringBuilder($"{Plan}\n");
        grid.AppendTo(text);
        if (!Layers.Any(static layer => layer.Status == RecalibrationStatus.Recalibrated))
        {
            text.Append(
                "Nothing was recalibrated: no layer that samples reach keeps running statistics and is not frozen.\n");
        }

        if (AccuracyBefore is not null)
            text.Append($"Accuracy: {TextGrid.Share(AccuracyBefore)} before, {TextGrid.Share(AccuracyAfter)} after\n");
        return text.ToString();
    }
}
