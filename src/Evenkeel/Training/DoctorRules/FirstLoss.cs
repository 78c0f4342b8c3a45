using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// The loss of the first step against the loss of one answer for all samples: ln C for C classes, the variance for the
/// squared error. A start that is worse than knowing nothing costs the first epochs.
/// </summary>
/// <remarks>The bound is widened by 1/√n, because the loss of n samples scatters.</remarks>
internal sealed class FirstLoss : TrainingRule
{
    public override string Id => "EK301";

    public override string Title => "first loss";

    public override double Bound => 2;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        if (training.Iteration != 1) return;
        double baseline = training.BaselineLoss;
        if (!(baseline > 0))
        {
            findings.NotChecked("the loss of one answer for all samples is not known for this loss or these batches");
            return;
        }

        double ratio = training.Loss / baseline;
        if (ratio <= findings.Bound * (1 + (1 / Math.Sqrt(training.Samples)))) return;
        findings.Add(FindingLevel.Warning, "", [], ratio,
            $"The first loss is {training.Loss:G3}; one answer for all samples has {baseline:G3}. The start values are "
            + $"{ratio:G2} times worse than knowing nothing, and the first steps only take that back.",
            training.Trainer.Loss.Targets == Losses.TargetKind.Numbers
                ? "Standardize the targets, or set the bias of the last layer to their mean."
                : "Start the last layer smaller, for example with a tenth of its weights and a bias of 0.");
    }
}
