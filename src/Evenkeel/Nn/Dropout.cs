namespace Evenkeel.Nn;

/// <summary>
/// In Train sets each element to 0 with probability p and scales the others by 1/(1-p), so that the expectation
/// stays; in Eval y = x. The draw is a function of the tape's seed, the step and the op's place. Source: Srivastava
/// et al. 2014; torch.nn.Dropout.
/// </summary>
public sealed class Dropout : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="p">Probability of an element to be dropped, from 0 to 1; at 1 all is 0 in Train.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not from 0 to 1.</exception>
    public Dropout(double p = 0.5)
    {
        if (!(p is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(p),
                $"Dropout: expected the probability of a dropped element from 0 to 1, got {p}. "
                + $"(PyTorch's p: what is dropped, not what is kept.)");
        }

        P = p;
    }

    /// <summary>Probability of an element to be dropped.</summary>
    public double P { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => P > 0 && x.Tape is { Mode: Mode.Train } ? x.Dropout(P) : x;

    /// <inheritdoc/>
    public override string ToString() => $"Dropout(p={PythonNumber.Format(P)}, inplace=False)";
}
