using Evenkeel.Nn;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// A classifier of somebody else as the networks of runs are: a row of numbers per sample whose softmax are the
/// probabilities. A network with one answer, yes or no, has two classes here: no and yes.
/// </summary>
internal sealed class ForeignClassifier : Module
{
    private readonly Module _network;
    private readonly ScoreKind _scores;

    /// <param name="network">The network.</param>
    /// <param name="scores">What its outputs are. Of probabilities the logarithms are returned.</param>
    public ForeignClassifier(Module network, ScoreKind scores) =>
        (_network, _scores) = (Register("network", network), scores);

    protected override Tensor ForwardCore(Tensor x)
    {
        Tensor y = _network.Forward(x);
        if (y.Shape.Rank != 2) y = y.Reshape([x.Shape[0], y.Count / x.Shape[0]]);
        return _scores switch
        {
            ScoreKind.Probabilities => y.Log(),
            ScoreKind.YesOrNo => Tensor.Concat([1 - y, y], 1).Log(),
            _ => y,
        };
    }
}
