using Evenkeel.Examination;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// How far a step turns weights whose scale does not count, and how far it moves others against their length.
/// </summary>
/// <remarks>
/// <para>Too far: more than <see cref="DoctorRule.Bound"/> radians, or as much of the length, in five looks in a row.
/// In equilibrium weights before a norm turn by √(2·η·λ) per step (Wan et al., "Spherical motion dynamics",
/// 2006.08419): 0.03 at η = 1, λ = 5e-4.</para>
/// <para>Too little: less than 1e-5 radians, or 1e-5 of the length, in ten looks in a row, though the learning rate is
/// at least half of its largest, and the loss at least half of the first. TFCheck (1909.02562) takes 1e-4 to 1e-1 of
/// the length; trainings that succeed reach 2e-5 and 0.25 (docs/doctor/EK302.md).</para>
/// </remarks>
internal sealed class TurnPerStep : TrainingRule
{
    private const double Slowest = 1e-5;
    private const int LooksTooFast = 5, LooksTooSlow = 10, Counters = 2;

    public override string Id => "EK302";

    public override string Title => "turn per step";

    public override double Bound => 0.3;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        double[] counts = training.Memory("looks", Counters * training.Weights.Count);
        double[] past = training.Memory("past", 2);
        double rate = training.Trainer.Optimizer.LearningRate;
        if (training.Iteration == 1 || past[0] == 0) past[0] = training.Loss;
        past[1] = Math.Max(past[1], rate);
        bool shouldMove = rate > 0 && rate >= past[1] / 2 && training.Loss >= past[0] / 2;
        for (int i = 0; i < training.Weights.Count; i++)
        {
            TrainedWeight weight = training.Weights[i];
            if (!weight.HasGradient) continue;
            bool turns = weight.IsScaleFree;
            double moved = turns ? weight.Turn : weight.Update, most = findings.Bound;
            if (TrainingRules.HasHeld(ref counts[Counters * i], moved > most, LooksTooFast))
            {
                findings.Add(FindingLevel.Warning, weight.Layer, [], moved, most,
                    turns
                        ? $"A step turns {weight.Name} by {moved:G2} radians: after a few steps nothing is left of "
                        + "what it has learned. The norm behind it hides this from the loss."
                        : $"A step moves {weight.Name} by {moved:P0} of its length: it jumps about rather than "
                        + "descends.",
                    Slower(training, moved / most));
            }

            bool isStill = shouldMove && weight.GradientRms > 0 && moved < Slowest;
            if (TrainingRules.HasHeld(ref counts[(Counters * i) + 1], isStill, LooksTooSlow))
            {
                findings.Add(FindingLevel.Warning, weight.Layer, [], moved, Slowest,
                    $"A step {(turns ? "turns" : "moves")} {weight.Name} by {moved:G2} "
                    + $"{(turns ? "radians" : "of its length")}: at this pace it takes "
                    + $"{1 / Math.Max(moved, 1e-12):G2} steps to become something else.",
                    $"Raise the learning rate ({rate:G3}) for this layer, or look for what shrinks its gradient "
                    + "(EK304); FindLearningRate suggests a rate.");
            }
        }
    }

    private static string Slower(TrainingView training, double factor)
    {
        double rate = training.Trainer.Optimizer.LearningRate;
        string remedy = $"Lower the learning rate from {rate:G3} to about {rate / Math.Max(2, factor):G2}";
        return training.Trainer.Optimizer is SGD
            ? $"{remedy}, or clip the gradients (MaxGradientNorm)."
            : $"{remedy}, or begin with a warm-up (CosineWithWarmup).";
    }
}
