namespace Evenkeel.Training;

/// <summary>A training whose loss has become NaN or infinite.</summary>
public sealed class DivergedException : Exception
{
    /// <summary>Says where.</summary>
    /// <param name="step">The iteration, counted from 1.</param>
    /// <param name="layer">The first layer whose output was not finite, with its key; or <c>the inputs</c>, or <c>the loss</c>.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="detail">What else is known.</param>
    public DivergedException(long step, string layer, double loss, string detail = "")
        : base($"Trainer: expected a finite loss, got {loss} at iteration {step}; the first values that are not finite come from {layer}{detail}. Lower the learning rate, clip the gradients (MaxGradientNorm), or check the data.")
    {
        Step = step;
        Layer = layer;
        Loss = loss;
    }

    /// <summary>The iteration, counted from 1.</summary>
    public long Step { get; }

    /// <summary>The first layer whose output was not finite, with its key; or <c>the inputs</c>, or <c>the loss</c>.</summary>
    public string Layer { get; }

    /// <summary>The loss.</summary>
    public double Loss { get; }
}
