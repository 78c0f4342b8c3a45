namespace Evenkeel.Training;

/// <summary>The loss of a training, or the gradient of a parameter, has become NaN or infinite.</summary>
public sealed class DivergedException : Exception
{
    /// <summary>Makes the error, which says where the training diverged.</summary>
    /// <param name="step">The iteration, counted from 1.</param>
    /// <param name="layer">
    /// The first layer whose output was not finite, with its key; or <c>the inputs</c>, or <c>the loss</c>.
    /// </param>
    /// <param name="loss">The loss.</param>
    /// <param name="detail">Further facts for the message.</param>
    public DivergedException(long step, string layer, double loss, string detail = "")
        : base($"Trainer: expected a finite loss, got {loss} at iteration {step}; "
            + $"the first values that are not finite come from {layer}{detail}. "
            + $"Lower the learning rate, clip the gradients (MaxGradientNorm), or check the data.")
    {
        Step = step;
        Layer = layer;
        Loss = loss;
    }

    private DivergedException(string message, long step, string parameter, double loss)
        : base(message)
    {
        Step = step;
        Layer = $"the gradient of {parameter}";
        Parameter = parameter;
        Loss = loss;
    }

    /// <summary>The iteration, counted from 1.</summary>
    public long Step { get; }

    /// <summary>
    /// The first layer whose output was not finite, with its key; or <c>the inputs</c>, or <c>the loss</c>, or <c>the
    /// gradient of PARAMETER</c>.
    /// </summary>
    public string Layer { get; }

    /// <summary>
    /// If the loss was finite: the key of the parameter nearest to the loss whose gradient was not finite. Otherwise
    /// null.
    /// </summary>
    public string? Parameter { get; }

    /// <summary>The loss.</summary>
    public double Loss { get; }

    internal static DivergedException OfGradient(long step, string parameter, double loss) => new(
        $"Trainer: expected finite gradients, got NaN or infinity in that of {parameter} at iteration {step}, "
        + $"where the loss is {loss}; the step was not taken. "
        + $"Lower the learning rate or the scale of the weights, or check the data.",
        step, parameter, loss);
}
