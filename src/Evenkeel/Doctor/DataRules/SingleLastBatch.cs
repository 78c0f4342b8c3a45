using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>EK208: the last batch of an epoch is a single sample.</summary>
internal sealed class SingleLastBatch : DataRule
{
    public override string Id => "EK208";

    public override string Title => "last batch of one sample";

    public override double Bound => 1;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (findings.Options.BatchSize is not { } batchSize)
        {
            findings.NotChecked("no batch size (DoctorOptions.BatchSize, --batch-size)");
            return;
        }

        int count = examination.Data.Samples.Count;
        if (batchSize < 2 || examination.BatchNorms.Count == 0
            || !new BatchPlan(count, batchSize, LastBatch.Keep).EndsWithSingle) return;
        (string name, string type, double perSample, BatchNorm _) = examination.BatchNorms.MinBy(
            static norm => norm.PerSample);
        // With planes a single sample has values enough for statistics, if poor ones.
        if (perSample > 1) return;
        findings.Add(FindingLevel.Error, name, [], 1,
            $"{Statistic.Count(count)} samples in batches of {batchSize} leave a last batch of one sample, which has "
            + $"one value per channel at {name} ({type}): training stops there, in most libraries at the end of the "
            + "first epoch.",
            "LastBatch.Merge (the default of Trainer and DataLoader) or LastBatch.DropSingle; elsewhere drop_last, or "
            + $"batches of {(batchSize > 2 ? batchSize - 1 : batchSize + 1)}");
    }
}
