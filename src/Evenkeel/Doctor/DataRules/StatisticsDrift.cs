namespace Evenkeel.Examination;

/// <summary>EK201: running statistics that are not those of the data.</summary>
internal sealed class StatisticsDrift : DataRule
{
    /// <summary>Variances apart by this factor are a warning, by the second one an error.</summary>
    private const double Factor = 1.25, LargeFactor = 2;

    /// <summary>A channel here and there does not count.</summary>
    private const double ShareOfChannels = 0.1;

    /// <summary>A mean that is off by a whole deviation.</summary>
    private const double LargeShift = 1;

    /// <summary>The score, or the share of answers, that drift has to cost.</summary>
    private const double CostlyShare = 0.01;

    /// <summary>A recalibration with fewer samples changes answers by its own noise.</summary>
    private const int EnoughForAnswers = 128;

    public override string Id => "EK201";

    public override string Title => "drift of running statistics";

    public override double Bound => 0.1;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms)
        {
            findings.NotChecked(DataExamination.NoRunningNorms);
            return;
        }

        Drift[] drifts = [.. examination.Norms.Select(norm => Drift.Of(norm, findings.Bound)).Where(
            static drift => drift.Level is not null)];
        if (drifts.Length == 0) return;
        Drift first = drifts[0], worst = drifts.MaxBy(static drift => drift.Norm.Drift)!;
        (FindingLevel level, string because) = examination.LevelOf(
            drifts.Max(static drift => drift.Level)!.Value, DataExamination.KnownSymptoms.Gap);
        string consequence = "";
        if (because.Length == 0 && examination.Samples < EnoughForAnswers)
        {
            level = Lower(level);
            consequence = $" With {EnoughForAnswers} samples it would be told what that costs.";
        }
        else if (because.Length == 0 && examination.Recalibrated(examination.Data.Samples, examination.Order) is
            ({ } copy, var after))
        {
            double change;
            (change, consequence) = after is not null && examination.CanCompareScores
                ? GainOf(examination.Scores!, after)
                : examination.OtherAnswers(copy);
            // The drift is there, but it costs no answer.
            if (!(change > CostlyShare)) level = Lower(level);
        }

        string where = drifts.Length == 1
            ? first.Text
            : $"{Statistic.Of(drifts.Length, "norm")} of {examination.Norms.Count} are off. The first: {first.Text} "
                + (ReferenceEquals(first, worst) ? "" : $"The worst is {worst.Norm.Name}: {worst.Text} ");
        findings.Add(level, first.Norm.Name, first.Channels, first.Measured, first.Bound,
            $"The running statistics are not those of {Statistic.Of(examination.Samples, "sample")}{because}: "
            + $"{where.TrimEnd()}{consequence}",
            "evenkeel recalibrate FILE --data ... (1,000 to 10,000 samples are enough); in code "
            + "model.Recalibrate(data)");
    }

    private static FindingLevel Lower(FindingLevel level) =>
        level == FindingLevel.Error ? FindingLevel.Warning : FindingLevel.Note;

    /// <summary>What recalibration gains, less two standard errors, and a sentence.</summary>
    private static (double Gain, string Text) GainOf(SampleScores before, SampleScores after)
    {
        (double gain, double error) = after.Over(before);
        return (gain - (2 * error), $" Recalibrated, the {before.Name} goes from {before.Text} to {after.Text}.");
    }

    /// <summary>One norm.</summary>
    internal sealed record Drift(
        MeasuredNorm Norm, FindingLevel? Level, double Measured, double Bound, IReadOnlyList<int> Channels)
    {
        /// <summary>What is off.</summary>
        public string Text
        {
            get
            {
                (double low, double high) = (Norm.VarianceRatio.Min(), Norm.VarianceRatio.Max());
                return $"the means are off by {Statistic.Number(Norm.TypicalShift)} standard deviations (median), the "
                    + $"running variances are {Statistic.Number(low)} to {Statistic.Number(high)} of those of the "
                    + "data.";
            }
        }

        /// <summary>How far the running statistics are off; bounds widen by two standard errors.</summary>
        public static Drift Of(MeasuredNorm norm, double bound)
        {
            double error = 2 * Ratios.Median(norm.MeanError), shift = norm.TypicalShift;
            int[] outside = norm.ChannelsOutside(Factor), far = norm.ChannelsOutside(LargeFactor);
            int channels = norm.MeanShift.Count;
            bool isFar = shift > LargeShift + error || far.Length > ShareOfChannels * channels;
            if (shift > bound + error)
            {
                return new Drift(norm, isFar ? FindingLevel.Error : FindingLevel.Warning, shift, bound + error,
                    norm.ChannelsBeyond(bound));
            }

            double share = (double)outside.Length / channels;
            FindingLevel? level = isFar ? FindingLevel.Error : share > ShareOfChannels ? FindingLevel.Warning : null;
            return new Drift(norm, level, share, ShareOfChannels, outside);
        }
    }
}
