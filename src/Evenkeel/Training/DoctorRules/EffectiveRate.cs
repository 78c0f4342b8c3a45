using Evenkeel.Examination;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// The effective learning rate η/|w|² (η/|w| for optimizers that scale the gradient) of weights whose scale does not
/// count, at a constant η, against its value in the first look. Source: van Laarhoven, "L2 regularization versus batch
/// and weight normalization", 1706.05350.
/// </summary>
internal sealed class EffectiveRate : TrainingRule
{
    public override string Id => "EK303";

    public override string Title => "effective learning rate";

    public override double Bound => 10;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        double[] starts = training.Memory("start", training.Weights.Count);
        bool isPlain = training.Trainer.Optimizer is SGD;
        for (int i = 0; i < starts.Length; i++)
        {
            TrainedWeight weight = training.Weights[i];
            if (starts[i] == 0) starts[i] = weight.Rms;
            if (!weight.IsScaleFree || !(weight.Rms > 0) || !(starts[i] > 0)) continue;
            double shrunk = starts[i] / weight.Rms, factor = isPlain ? shrunk * shrunk : shrunk;
            if (factor <= findings.Bound && factor >= 1 / findings.Bound) continue;
            bool grows = factor > 1;
            findings.Add(FindingLevel.Note, weight.Layer, [], factor, grows ? findings.Bound : 1 / findings.Bound,
                $"The scale of {weight.Name} does not count, and it has {(grows ? "shrunk" : "grown")} by a factor of "
                + $"{(grows ? shrunk : 1 / shrunk):G3}: the same learning rate now acts like {factor:G2} times the one "
                + "at the start.",
                grows
                    ? "Lower the weight decay or the learning rate, if the training becomes restless."
                    : "Raise the weight decay a little, or let a schedule raise the rate, if the training slows down.");
        }
    }
}
