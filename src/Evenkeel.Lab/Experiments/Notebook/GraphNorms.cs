namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>The norms composed from primitive operations: their backward pass walks the computational graph, node by node, as the notebook's first version does.</summary>
internal static class GraphNorms
{
    private const double Eps = 1e-5;

    /// <summary>Batch norm of (N, D) from mean, subtraction, square, square root and division.</summary>
    public static Tensor BatchNorm(Tensor x, Tensor gamma, Tensor beta) => Normalize(x, 0, gamma, beta);

    /// <summary>Layer norm of (N, D): the same graph along the other axis.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor gamma, Tensor beta) => Normalize(x, 1, gamma, beta);

    private static Tensor Normalize(Tensor x, int axis, Tensor gamma, Tensor beta)
    {
        Tensor centered = x - x.Mean([axis], keepDims: true);
        Tensor variance = (centered * centered).Mean([axis], keepDims: true);
        return (centered / (variance + Eps).Sqrt() * gamma) + beta;
    }
}
