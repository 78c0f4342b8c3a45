using Evenkeel.Random;

namespace Evenkeel.Examination;

/// <summary>EK209: dropout before a norm, whose statistics are then those of training alone.</summary>
internal sealed class DropoutBeforeNorm : DataRule
{
    public override string Id => "EK209";

    public override string Title => "dropout before a norm";

    public override double Bound => 1.25;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms)
        {
            findings.NotChecked(DataExamination.NoRunningNorms);
            return;
        }

        DropoutShift[] found = [.. examination.Dropout.Where(shift => shift.IsBeyond(findings.Bound))];
        if (found.Length == 0) return;
        DropoutShift worst = found.MaxBy(static shift => Math.Abs(ScalarMath.Log(shift.Ratio)))!;
        string others = found.Length == 1 ? "" : $" ({Statistic.Of(found.Length, "norm")} in all)";
        string layers = worst.Dropout.Count == 0 ? "Dropout" : Ratios.Listed(worst.Dropout);
        findings.Add(FindingLevel.Warning, worst.Norm, [], Math.Max(worst.Ratio, 1 / worst.Ratio),
            $"Without dropout the inputs of {worst.Norm} have {Statistic.Number(worst.Ratio)} of the variance that "
            + $"they have with it{others}. The running variance is that of training, so in use the norm scales by "
            + $"{Statistic.Number(Math.Sqrt(worst.Ratio))} of what it should.",
            $"Move dropout ({layers}) behind the last norm, or recalibrate: evenkeel recalibrate FILE --data ...");
    }
}
