namespace Evenkeel.Losses;

/// <summary>
/// A function of a prediction and its target, with one value that training makes small. The op of the same name has the
/// mathematics.
/// </summary>
public abstract class Loss
{
    /// <summary>
    /// True if the target is one class label (Int64) per sample. Then the share of correct answers judges a model.
    /// <see cref="Training.Trainer"/> accepts only such losses. Default: false.
    /// </summary>
    public virtual bool TakesClassLabels => false;

    /// <summary>The loss of a batch: a scalar on the prediction's tape.</summary>
    /// <param name="prediction">The output of the model, with samples along axis 0.</param>
    /// <param name="target">The desired output; its shape and type depend on the loss.</param>
    public abstract Tensor Forward(Tensor prediction, Tensor target);
}
