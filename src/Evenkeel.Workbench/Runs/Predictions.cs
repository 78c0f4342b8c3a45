using System.Runtime.InteropServices;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Workbench.Data;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// What a network says of the samples of a set: probabilities of the classes, or numbers in their units.
/// </summary>
internal sealed class Predictions
{
    private const int BatchSize = 256;

    private readonly double[] _values;
    private readonly double[] _targets;
    private readonly int _outputs;

    private Predictions(int outputs, double[] values, long[] labels, double[] targets) =>
        (_outputs, _values, Labels, _targets) = (outputs, values, labels, targets);

    /// <summary>The classes of the samples; empty if they have none.</summary>
    public long[] Labels { get; }

    /// <summary>The probabilities of all classes, or the numbers of all targets.</summary>
    public ReadOnlySpan<double> Row(int sample) => _values.AsSpan(sample * _outputs, _outputs);

    /// <summary>The most probable class.</summary>
    public int ClassOf(int sample)
    {
        ReadOnlySpan<double> row = Row(sample);
        int best = 0;
        for (int c = 1; c < row.Length; c++)
        {
            if (row[c] > row[best]) best = c;
        }

        return best;
    }

    public double TargetOf(int sample, int output) => _targets[(sample * _outputs) + output];

    /// <summary>Prediction minus target.</summary>
    public double ErrorOf(int sample, int output) => Row(sample)[output] - TargetOf(sample, output);

    /// <summary>Asks a network.</summary>
    /// <param name="model">The network.</param>
    /// <param name="set">The samples.</param>
    /// <param name="preparation">What the outputs mean.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="WorkbenchException">
    /// A sample cannot be read, or the answer to it is not finite; it is named.
    /// </exception>
    public static Predictions Of(
        Module model, SampleSet set, Preparation preparation, CancellationToken cancellation)
    {
        try
        {
            return Ask(model, set, preparation, cancellation);
        }
        catch (Exception failure) when (failure is InvalidOperationException || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private static Predictions Ask(
        Module model, SampleSet set, Preparation preparation, CancellationToken cancellation)
    {
        int outputs = preparation.Outputs;
        var values = new List<double>(set.Count * outputs);
        var labels = new List<long>();
        var targets = new List<double>();
        using var loader = new DataLoader(set.Samples, BatchSize, lastBatch: LastBatch.Keep, workers: 0);
        foreach (Batch batch in loader)
        {
            Tensor output = model.Predict(batch.Inputs, BatchSize, cancellation);
            int before = values.Count;
            values.AddRange(preparation.IsClassification
                ? Numbers(output.Softmax(-1)) : Numbers(preparation.InUnits(output)));
            int bad = CollectionsMarshal.AsSpan(values)[before..]
                .IndexOfAnyExceptInRange(double.MinValue, double.MaxValue);
            if (bad >= 0)
            {
                string sample = set.NameOf((before + bad) / outputs);
                throw new WorkbenchException(
                    $"expected a finite answer to {sample}, got {values[before + bad]}: its values lie far beyond "
                    + "those of the training. Check that sample, or leave it out.");
            }

            if (!set.HasTargets) continue;
            if (batch.Targets.DType == DType.Int64) labels.AddRange(batch.Targets.ToArray<long>());
            else targets.AddRange(Numbers(preparation.InUnits(batch.Targets)));
        }

        return new Predictions(outputs, [.. values], [.. labels], [.. targets]);
    }

    private static double[] Numbers(Tensor values) => values.To(DType.Float64).ToArray<double>();
}
