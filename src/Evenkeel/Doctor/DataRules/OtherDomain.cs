using Evenkeel.Random;

namespace Evenkeel.Examination;

/// <summary>EK210: a second set of data that is another domain to the norms.</summary>
internal sealed class OtherDomain : DataRule
{
    public override string Id => "EK210";

    public override string Title => "another domain";

    public override double Bound => 0.1;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (examination.Data.Other is not { } other)
        {
            findings.NotChecked("no second set of data (DoctorData.Other)");
            return;
        }

        if (!examination.HasRunningNorms)
        {
            findings.NotChecked(DataExamination.NoRunningNorms);
            return;
        }

        var shifts = new List<(MeasuredNorm Norm, double Shift, double Outside, FindingLevel Level)>();
        for (int i = 0; i < examination.Norms.Count && i < examination.OtherNorms.Count; i++)
        {
            (MeasuredNorm here, MeasuredNorm there) = (examination.Norms[i], examination.OtherNorms[i]);
            if (Between(here, there, findings.Bound) is { } shift) shifts.Add(shift);
        }

        if (shifts.Count == 0) return;
        (MeasuredNorm norm, double measured, double share, FindingLevel level) = shifts[0];
        string accuracy = "";
        int[] samples = examination.Passes.Draw(other);
        if (examination.Data.IsLabelled && samples.Length >= DataExamination.FewSamples
            && examination.Recalibrated(other, samples) is { Scores: { } after })
        {
            SampleScores before = examination.OtherScores!;
            (double gain, double error) = after.Over(before);
            accuracy = $" Recalibrated on the second set, its {before.Name} goes from {before.Text} to {after.Text}.";
            if (!(gain > 2 * error)) level = FindingLevel.Note;
        }
        else if (level == FindingLevel.Error)
        {
            level = FindingLevel.Warning;
        }

        findings.Add(level, norm.Name, [], Math.Max(measured, share),
            $"The second set is another domain to {Statistic.Of(shifts.Count, "norm")} of {examination.Norms.Count}: "
            + $"at {norm.Name}, the first, the means of the two sets are {Statistic.Number(measured)} standard "
            + $"deviations apart (median), and the variances of {Statistic.Share(share)} of the channels differ by "
            + $"more than a quarter.{accuracy}",
            "evenkeel recalibrate FILE --data OTHER: statistics of the new domain, without a label (AdaBN)");
    }

    /// <summary>How far two sets are apart at a norm; null within the bound and two standard errors of both.</summary>
    private static (MeasuredNorm, double, double, FindingLevel)? Between(
        MeasuredNorm here, MeasuredNorm there, double bound)
    {
        const double factor = 1.25, large = 2, shareOfChannels = 0.1;
        int channels = here.Mean.Count, outside = 0, far = 0;
        var shift = new double[channels];
        var error = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            double of = Math.Sqrt(here.Variance[c]);
            shift[c] = of > 0 ? Math.Abs(there.Mean[c] - here.Mean[c]) / of : 0;
            error[c] = Math.Sqrt(Square(here.MeanError[c]) + Square(there.MeanError[c]));
            double width = Math.Abs(ScalarMath.Log(here.VarianceRatio[c]) - ScalarMath.Log(there.VarianceRatio[c]));
            double ofWidth = 2 * Math.Sqrt(Square(here.VarianceError[c]) + Square(there.VarianceError[c]));
            if (width > ScalarMath.Log(factor) + ofWidth) outside++;
            if (width > ScalarMath.Log(large) + ofWidth) far++;
        }

        double typical = Ratios.Median(shift), noise = 2 * Ratios.Median(error);
        double share = (double)outside / channels;
        if (!(typical > bound + noise || share > shareOfChannels)) return null;
        bool isFar = typical > 1 + noise || far > shareOfChannels * channels;
        return (here, typical, share, isFar ? FindingLevel.Error : FindingLevel.Warning);

        static double Square(double x) => x * x;
    }
}
