using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>EK207: a batch of the planned size has few values per channel at a norm.</summary>
internal sealed class FewValuesPerChannel : DataRule
{
    public override string Id => "EK207";

    public override string Title => "few values per channel";

    public override double Bound => 16;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (findings.Options.BatchSize is not { } batchSize)
        {
            findings.NotChecked("no batch size (DoctorOptions.BatchSize, --batch-size)");
            return;
        }

        foreach ((string name, string type, double perSample, BatchNorm norm) in examination.BatchNorms)
        {
            int together = norm.VirtualBatchSize > 0 ? Math.Min(norm.VirtualBatchSize, batchSize) : batchSize;
            double values = together * perSample;
            if (!(values < findings.Bound)) continue;
            bool isOne = values <= 1;
            string consequence = isOne
                ? "one value is its own mean, so the output is beta whatever the input is, and training refuses it."
                : $"the variance of a batch is off by {Statistic.Share(Math.Sqrt(2 / (values - 1)))} "
                    + "(√(2/(m - 1))), which training gets as noise.";
            findings.Add(isOne ? FindingLevel.Error : FindingLevel.Warning, name, [], values,
                $"A batch of {Statistic.Of(batchSize, "sample")} has {Statistic.Of((long)values, "value")} per channel "
                + $"at {name} ({type}): {consequence}",
                $"Batches of {Math.Ceiling(findings.Bound / perSample)} samples or more, statistics over several "
                + "processes (SyncBatchNorm), or GroupNorm, which does not depend on the batch");
        }
    }
}
