namespace Evenkeel.Examination;

/// <summary>EK202: the network answers worse in use than by the statistics of batches, on the same data.</summary>
internal sealed class TrainEvalGap : DataRule
{
    /// <summary>Points of the score from which on it is an error.</summary>
    private const double Large = 0.05;

    public override string Id => "EK202";

    public override string Title => "worse in use than in training, on the same data";

    public override double Bound => 0.01;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms)
        {
            findings.NotChecked(DataExamination.NoRunningNorms);
            return;
        }

        if (examination.ScoresObstacle is { } obstacle)
        {
            findings.NotChecked(obstacle);
            return;
        }

        if (LevelOf(examination, findings.Bound) is not { } found) return;
        (FindingLevel level, string because) = examination.LevelOf(found, DataExamination.KnownSymptoms.None);
        (SampleScores use, SampleScores batch) = (examination.Scores!, examination.BatchScores!);
        (double gain, double error) = batch.Over(use);
        string recalibrated = "";
        bool isOfSamples = false;
        if (because.Length == 0
            && examination.Recalibrated(examination.Data.Samples, examination.Order) is { Scores: { } after })
        {
            recalibrated = $" Recalibrated, it is {after.Text}.";
            isOfSamples = examination.TrackingNorms().Any(static entry => entry.Norm.IsPerSample)
                && batch.Over(after) is var (left, ofLeft) && left - (2 * ofLeft) > findings.Bound;
        }

        MeasuredNorm first = examination.Norms.FirstOrDefault(norm =>
            StatisticsDrift.Drift.Of(norm, new StatisticsDrift().Bound).Level is not null)
            ?? examination.Norms.MaxBy(static norm => norm.Drift)!;
        findings.Add(level, first.Name, [], gain, findings.Bound + (2 * error),
            $"On the same {Statistic.Of(examination.Samples, "sample")} the {use.Name} is {use.Text} by running "
            + $"statistics and {batch.Text} by those of batches of {examination.ComparedBatch}{because}: that cannot "
            + $"be overfitting. The running statistics of {first.Name} are off by "
            + $"{Statistic.Number(first.TypicalShift)} standard deviations (median).{recalibrated}",
            isOfSamples
                ? "Train the instance norms with trackRunningStats: false: in training they normalize each sample by "
                    + "its own statistics, which running ones cannot stand for"
                : "evenkeel recalibrate FILE --data ...; in code model.Recalibrate(data). If training goes on, train "
                    + "it in larger batches, or with a smaller learning rate at the end");
    }

    /// <summary>The level of the gap; null if there is none beyond the bound and two standard errors.</summary>
    internal static FindingLevel? LevelOf(DataExamination examination, double bound)
    {
        if (!examination.CanCompareScores || examination is not { Scores: { } use, BatchScores: { } batch })
            return null;
        (double gain, double error) = batch.Over(use);
        double sure = gain - (2 * error);
        return sure > Large ? FindingLevel.Error : sure > bound ? FindingLevel.Warning : null;
    }
}
