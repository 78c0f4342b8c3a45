using Evenkeel.Nn;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Linear layers, with and without a weight norm.</summary>
internal static class LinearFuzz
{
    public static FuzzCase Draw(Draw draw)
    {
        int inputs = draw.Int(1, draw.Chance(0.1) ? 150 : 12), outputs = draw.Int(1, draw.Chance(0.1) ? 70 : 12);
        int[] shape = [draw.Size(draw.Chance(0.1) ? 40 : 6), inputs];
        if (draw.Chance(0.02)) shape[^1]++;
        bool hasBias = draw.Chance(0.7);
        if (draw.Chance(0.4)) return Normed(draw, shape, inputs, outputs);
        Weight[] bias = hasBias ? [Weight.Of(draw, "bias", outputs)] : [];
        return new FuzzCase($"Linear {inputs} to {outputs} bias {hasBias} input {Sizes.Text(shape)}", shape,
            () => new Linear(inputs, outputs, hasBias), (x, w) => F.linear(x, w[0], hasBias ? w[1] : null!))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = [Weight.Of(draw, "weight", outputs, inputs), .. bias],
        };
    }

    /// <summary>
    /// W = g·v̂ with v̂ = v/‖v‖. y and dx are linear in W. dg = Σ dW·v̂ and dv = g/‖v‖·(dW - v̂·Σ dW·v̂), with
    /// dW = dyᵀ·x.
    /// </summary>
    private static FuzzCase Normed(Draw draw, int[] shape, int inputs, int outputs)
    {
        int? dim = draw.Pick<int?>(0, 0, 1, null);
        int lengths = dim switch { 0 => outputs, 1 => inputs, _ => 1 };
        int[] form = dim switch { 0 => [outputs, 1], 1 => [1, inputs], _ => [] };
        Weight v = Weight.Of(draw, "parametrizations.weight.original1", outputs, inputs);
        // A direction of length 0 gives 0, in PyTorch NaN: docs/layers.md.
        for (int i = 0; i < v.Values.Length; i++) v.Values[i] += v.Values[i] == 0 ? 0.125 : 0;
        return new FuzzCase($"Linear {inputs} to {outputs} weight norm {dim} input {Sizes.Text(shape)}", shape,
            () => new Linear(inputs, outputs, bias: false).AddWeightNorm(dim), (x, w) =>
            {
                Torch squares = w[1] * w[1], length = dim is { } axis
                    ? squares.sum(1 - axis, keepdim: true).sqrt() : squares.sum().sqrt();
                return F.linear(x, w[0] * w[1] / length);
            })
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = [Weight.Of(draw, "parametrizations.weight.original0", form), v],
            Bound = n =>
            {
                int rows = n.X.Length / inputs;
                int LengthOf(int o, int i) => dim switch { 0 => o, 1 => i, _ => 0 };
                double[] norms = new double[lengths], dg = new double[lengths], dw = new double[outputs * inputs],
                    y = new double[n.Dy.Length], dx = new double[n.X.Length], dv = new double[dw.Length];
                Each((o, i, at, k) => norms[k] += n.Weights[1][at] * n.Weights[1][at]);
                for (int k = 0; k < lengths; k++) norms[k] = Math.Sqrt(norms[k]);
                Each((o, i, at, k) =>
                {
                    double unit = Math.Abs(n.Weights[1][at]) / norms[k], w = unit * Math.Abs(n.Weights[0][k]);
                    for (int row = 0; row < rows; row++)
                    {
                        double x = Math.Abs(n.X[(row * inputs) + i]), dy = Math.Abs(n.Dy[(row * outputs) + o]);
                        y[(row * outputs) + o] += w * x;
                        dx[(row * inputs) + i] += w * dy;
                        dw[at] += x * dy;
                    }

                    dg[k] += unit * dw[at];
                });
                Each((o, i, at, k) => dv[at] = Math.Abs(n.Weights[0][k]) / norms[k]
                    * (dw[at] + (Math.Abs(n.Weights[1][at]) / norms[k] * dg[k])));
                int each = dw.Length / lengths;
                return
                [
                    new(y, inputs + each + 8), new(dx, outputs + each + 8), new(dg, rows + (2 * each) + 8),
                    new(dv, rows + (3 * each) + 16),
                ];

                void Each(Action<int, int, int, int> action)
                {
                    for (int o = 0; o < outputs; o++)
                    {
                        for (int i = 0; i < inputs; i++) action(o, i, (o * inputs) + i, LengthOf(o, i));
                    }
                }
            },
        };
    }
}
