namespace Evenkeel.Losses;

/// <summary>A function of a prediction and its target whose one value training makes small. The mathematics is in the op of the same name.</summary>
public abstract class Loss
{
    /// <summary>
    /// True if the target is one class label (Int64) per sample, so that the share of right answers judges a model.
    /// <see cref="Training.Trainer"/> takes only such losses; false unless a loss says so.
    /// </summary>
    public virtual bool TakesClassLabels => false;

    /// <summary>The loss of a batch: a scalar on the prediction's tape.</summary>
    /// <param name="prediction">What the model gives, with samples along axis 0.</param>
    /// <param name="target">What it should give; see the loss.</param>
    public abstract Tensor Forward(Tensor prediction, Tensor target);
}
