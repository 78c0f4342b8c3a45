namespace Evenkeel.Nn;

/// <summary>
/// In Train sets each whole channel of a sample to 0 with probability p and scales the others by 1/(1-p), so that the
/// expectation stays; in Eval y = x. Input: (N, C, H, W) or (N, C, L).
/// The draw is a function of the tape's seed, the step and the op's place. Source: Tompson et al.
/// 2015; torch.nn.Dropout2d.
/// </summary>
public sealed class Dropout2d : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="p">Probability of a channel to be dropped, from 0 to 1; at 1 all is 0 in Train.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not from 0 to 1.</exception>
    public Dropout2d(double p = 0.5)
    {
        if (!(p is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(p),
                $"Dropout2d: expected the probability of a dropped channel from 0 to 1, got {p}. "
                + $"(PyTorch's p: what is dropped, not what is kept.)");
        }

        P = p;
    }

    /// <summary>Probability of a channel to be dropped.</summary>
    public double P { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Dropout2d(P);

    /// <inheritdoc/>
    public override string ToString() => $"Dropout2d(p={PythonNumber.Format(P)}, inplace=False)";
}
