namespace Evenkeel.Examination;

/// <summary>EK203: inputs that are prepared otherwise than in training.</summary>
internal sealed class WrongPreprocessing : DataRule
{
    public override string Id => "EK203";

    public override string Title => "wrong preprocessing";

    public override double Bound => 3;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms)
        {
            findings.NotChecked("no norm keeps running statistics, which would know the inputs of the training");
            return;
        }

        if (examination.Samples < DataExamination.FewSamples)
        {
            findings.NotChecked($"fewer than {DataExamination.FewSamples} samples");
            return;
        }

        PreprocessingSearch search = examination.Preprocessing;
        if (search.Best is not { } best) return;
        string scores = search.Scores is ({ } before, { } after)
            ? $" The {before.Name} goes from {before.Text} to {after.Text}."
            : "";
        findings.Add(FindingLevel.Warning, search.Layer, [], search.Before / search.After,
            $"The inputs are not those of the training. The first norm with running statistics, {search.Layer}, is "
            + $"{Statistic.Number(search.Before)} standard deviations off; with the inputs {best.Text} it is "
            + $"{Statistic.Number(search.After)}, the least of {search.Tried} preparations that were tried.{scores}",
            $"Prepare the inputs as in training: {best.Code}");
    }
}
