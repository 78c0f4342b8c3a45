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

        var few = new List<(string Name, string Type, double PerSample, double Values)>();
        foreach ((string name, string type, double perSample, BatchNorm norm) in examination.BatchNorms)
        {
            int together = norm.VirtualBatchSize > 0 ? Math.Min(norm.VirtualBatchSize, batchSize) : batchSize;
            if (together * perSample < findings.Bound) few.Add((name, type, perSample, together * perSample));
        }

        if (few.Count == 0) return;
        (string layer, string kind, double ofSample, double values) = few.MinBy(static norm => norm.Values);
        bool isOne = values <= 1;
        string consequence = isOne
            ? "one value is its own mean, so the output is beta whatever the input is, and training refuses it"
            : $"the variance of a batch is off by {Statistic.Share(Math.Sqrt(2 / (values - 1)))} (√(2/(m - 1))), "
                + "which training gets as noise";
        string others = few.Count == 1
            ? ""
            : $" {Statistic.Of(few.Count, "norm")} in all have fewer than {findings.Bound}: "
                + $"{Ratios.Listed([.. few.Select(static norm => norm.Name)])}.";
        findings.Add(isOne ? FindingLevel.Error : FindingLevel.Warning, layer, [], values,
            $"A batch of {Statistic.Of(batchSize, "sample")} has {Statistic.Of((long)values, "value")} per channel at "
            + $"{layer} ({kind}): {consequence}.{others}",
            $"Batches of {Math.Ceiling(findings.Bound / ofSample)} samples or more, statistics over several processes "
            + "(SyncBatchNorm), or GroupNorm, which does not depend on the batch");
    }
}
