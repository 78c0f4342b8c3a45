using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Examination;

/// <summary>A norm whose inputs vary more in training, with dropout before it, than in use.</summary>
/// <param name="Norm">The dotted name of the norm.</param>
/// <param name="Ratio">The median over the channels of (variance without dropout)/(variance with it).</param>
/// <param name="Error">The standard error of its logarithm, about.</param>
/// <param name="Dropout">The dropout layers of the network.</param>
internal sealed record DropoutShift(string Norm, double Ratio, double Error, IReadOnlyList<string> Dropout)
{
    /// <summary>
    /// The norms in order; none if training is not random. Both passes normalize by the statistics of the batch, so
    /// dropout is the only difference.
    /// </summary>
    public static IReadOnlyList<DropoutShift> Measure(DataExamination examination)
    {
        string[] layers = [.. from entry in examination.Model.NamedModules()
                              where entry.Module is Dropout { P: > 0 } or Dropout2d { P: > 0 }
                              select entry.Name];
        if (!examination.HasRunningNorms || examination.Samples < 2) return [];
        int[] samples = examination.Order[..Math.Min(examination.Samples, 1024)];
        if (layers.Length == 0 && !IsRandomInTraining(examination, samples)) return [];
        IReadOnlyList<MeasuredNorm> without = examination.MeasureNorms(
            "training without dropout", PassKind.BatchStatistics, samples);
        IReadOnlyList<MeasuredNorm> with = examination.MeasureNorms(
            "training with dropout", PassKind.Training, samples);
        var found = new List<DropoutShift>();
        for (int i = 0; i < without.Count && i < with.Count; i++)
        {
            int channels = without[i].Variance.Count;
            double ratio = Ratios.Median(Enumerable.Range(0, channels).Select(
                c => with[i].Variance[c] > 0 ? without[i].Variance[c] / with[i].Variance[c] : 1));
            // The two passes see the same samples: their errors go together, so this is an upper bound.
            double error = Ratios.Median(with[i].VarianceError) / Math.Sqrt(channels);
            found.Add(new DropoutShift(without[i].Name, ratio, error, layers));
        }

        return found;
    }

    /// <summary>Whether the ratio is beyond a factor, and two standard errors.</summary>
    public bool IsBeyond(double factor) => Math.Abs(ScalarMath.Log(Ratio)) > ScalarMath.Log(factor) + (2 * Error);

    /// <summary>Whether training changes an answer by anything but the statistics of the batch.</summary>
    private static bool IsRandomInTraining(DataExamination examination, int[] samples)
    {
        DataPasses passes = examination.Passes;
        Tensor x = passes.Read(examination.Data.Samples, samples.AsSpan(0, Math.Min(samples.Length, 16)));
        return !passes.Outputs(PassKind.BatchStatistics, x).Bytes()
            .SequenceEqual(passes.Outputs(PassKind.Training, x).Bytes());
    }
}
