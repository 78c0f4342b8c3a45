namespace Evenkeel.Examination;

/// <summary>EK214: from which batch size on the statistics of a batch are good enough.</summary>
internal sealed class BatchSizeAdvice : DataRule
{
    private const int SamplesAtMost = 1024, LargestBatch = 256;

    public override string Id => "EK214";

    public override string Title => "batch size";

    public override double Bound => 0.01;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms || examination.BatchNorms.Count == 0)
        {
            findings.NotChecked("no norm takes statistics of a batch");
            return;
        }

        if (examination.ScoresObstacle is { } obstacle)
        {
            findings.NotChecked(obstacle);
            return;
        }

        if (examination.Cause is { } cause)
        {
            findings.NotChecked($"{cause} comes first");
            return;
        }

        int[] samples = examination.Order[..Math.Min(examination.Samples, SamplesAtMost)];
        var tried = new List<(int Size, SampleScores Scores)>();
        for (int size = 2; size <= Math.Min(LargestBatch, samples.Length / 2); size *= 2)
        {
            tried.Add((size, examination.Passes.Scores(
                "batch sizes", PassKind.BatchStatistics, examination.Data.Samples, samples, size)));
        }

        SampleScores best = tried.MaxBy(static one => one.Scores.Mean).Scores;
        (int advised, SampleScores reached) = tried.First(one => !IsBelow(one.Scores, best, findings.Bound));
        (string name, _, double perSample, _) = examination.BatchNorms.MinBy(static norm => norm.PerSample);
        double values = advised * perSample;
        string planned = "";
        if (findings.Options.BatchSize is { } batchSize && tried.LastOrDefault(one => one.Size <= batchSize) is
            { Size: > 0 } near && IsBelow(near.Scores, best, findings.Bound))
        {
            planned = $" Batches of {batchSize}, as planned, are too small: {near.Scores.Text} with "
                + $"{near.Size}.";
        }

        findings.Add(FindingLevel.Note, name, [], advised, findings.Bound,
            $"By the statistics of batches of {string.Join(", ", tried.Select(
                static one => $"{one.Size}: {one.Scores.Text}"))} {best.Name} (in use "
            + $"{examination.Scores!.Text}). From {advised} samples on ({reached.Text}) it is as good as with more: "
            + $"{Statistic.Count(values)} values per channel at {name}, whose variance is off by "
            + $"{Statistic.Share(Math.Sqrt(2 / Math.Max(1, values - 1)))} (√(2/(m - 1))).{planned}",
            $"Batches of {advised} samples or more");
    }

    private static bool IsBelow(SampleScores scores, SampleScores best, double bound)
    {
        (double gain, double error) = best.Over(scores);
        return gain > bound + (2 * error);
    }
}
