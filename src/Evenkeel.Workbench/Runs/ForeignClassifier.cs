using Evenkeel.Nn;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// A classifier of somebody else as the networks of runs are: a row of numbers per sample whose softmax are the
/// probabilities.
/// </summary>
internal sealed class ForeignClassifier : Module
{
    private readonly Module _network;
    private readonly bool _endsWithSoftmax;

    /// <param name="network">The network.</param>
    /// <param name="endsWithSoftmax">Whether its outputs are probabilities already; their logarithms are returned then.
    /// </param>
    public ForeignClassifier(Module network, bool endsWithSoftmax) =>
        (_network, _endsWithSoftmax) = (Register("network", network), endsWithSoftmax);

    protected override Tensor ForwardCore(Tensor x)
    {
        Tensor y = _network.Forward(x);
        if (y.Shape.Rank != 2) y = y.Reshape([x.Shape[0], y.Count / x.Shape[0]]);
        return _endsWithSoftmax ? y.Log() : y;
    }
}
