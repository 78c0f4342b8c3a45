using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Weights that are computed from what is trained: weight norm and spectral norm of linear layers, convolutions and
/// every other layer whose parameter <c>weight</c> has the role <see cref="ParameterRole.Weight"/>.
/// </summary>
/// <remarks>
/// <para>The layer's <c>Weight</c> stays the same object, computed from now on; what is trained and saved stands under
/// PyTorch's keys. Make optimizers, and tie weights, afterwards: a parameter that is computed gets no gradient.</para>
/// <para>State-dict keys are those of <c>torch.nn.utils.parametrizations</c>. <see cref="Module.LoadStateDict"/> reads
/// those of the older functions of <c>torch.nn.utils</c> too.</para>
/// <para>The weight is computed once a pass, however often the layer runs in it.</para>
/// </remarks>
public static class Parametrizations
{
    extension<T>(T layer) where T : Module
    {
        /// <summary>
        /// Weight norm: the layer computes with w = g·v/‖v‖, and g (the length) and v (the direction) are trained. The
        /// weight is the same at first.
        /// </summary>
        /// <remarks>
        /// <para>Gradients: with the unit vector e = v/‖v‖, dg = e·dw and dv = g/‖v‖·(dw - (e·dw)·e), orthogonal to v:
        /// a step turns the direction and can only lengthen v. v = 0 gives w = 0, where PyTorch has NaN.</para>
        /// <para>State-dict keys: <c>parametrizations.weight.original0</c> (g) and <c>original1</c> (v), in place of
        /// <c>weight</c>; <c>weight_g</c> and <c>weight_v</c> are read.</para>
        /// <para>Source: Salimans and Kingma, "Weight Normalization", NeurIPS 2016; semantics of PyTorch's
        /// <c>parametrizations.weight_norm</c>.</para>
        /// </remarks>
        /// <param name="dim">
        /// The dimension of the weight whose slices have a length each; the default, 0, is that of the outputs (of the
        /// inputs, in a transposed convolution). Null has one length for the whole weight.
        /// </param>
        /// <returns>The layer.</returns>
        /// <exception cref="ArgumentException">
        /// The layer has no such weight, or it is parametrized already.
        /// </exception>
        /// <exception cref="ArgumentOutOfRangeException">The weight has no such dimension.</exception>
        public T AddWeightNorm(int? dim = 0)
        {
            Parameter weight = WeightOf(layer, nameof(AddWeightNorm));
            if (dim is { } axis) CheckDim(nameof(AddWeightNorm), axis, weight);
            layer.Parametrize(new WeightNorm(weight, dim));
            return layer;
        }

        /// <summary>
        /// Spectral norm: the layer computes with w = W/sigma, sigma the largest singular value of W, so that it
        /// lengthens no vector. W is trained.
        /// </summary>
        /// <remarks>
        /// <para>sigma = uᵀ·W·v with unit vectors that power iterations turn: each pass in Train does some, Eval none.
        /// A convolution counts as the matrix (out, in·k): an estimate, not the norm of the map of images.</para>
        /// <para>dW = (dw - (Σ dw⊙w)·u·vᵀ)/sigma. u and v are buffers: averaging weights over steps, as an exponential
        /// moving average does, must not average them, for they would be no unit vectors of the averaged weight.</para>
        /// <para>State-dict keys: <c>parametrizations.weight.original</c>, <c>0._u</c> and <c>0._v</c> below it, in
        /// place of <c>weight</c>; <c>weight_orig</c>, <c>weight_u</c> and <c>weight_v</c> are read.</para>
        /// <para>Source: Miyato, Kataoka, Koyama and Yoshida, "Spectral Normalization for Generative Adversarial
        /// Networks", ICLR 2018; semantics of PyTorch's <c>parametrizations.spectral_norm</c>.</para>
        /// </remarks>
        /// <param name="nPowerIterations">Power iterations of a pass in Train, 1 or more. Default: 1.</param>
        /// <param name="eps">The smallest divisor of u and v. Default: 1e-12.</param>
        /// <param name="dim">
        /// The dimension of the weight that becomes the rows of the matrix. Null, the default, is that of the outputs:
        /// 0, of transposed convolutions 1.
        /// </param>
        /// <param name="random">
        /// The stream of the first u, then v; 15 iterations follow. Null: a stream of its own.
        /// </param>
        /// <returns>The layer.</returns>
        /// <exception cref="ArgumentException">
        /// The layer has no such weight, or it is parametrized already.
        /// </exception>
        /// <exception cref="ArgumentOutOfRangeException">
        /// No iterations, an eps that is negative or not finite, or a dimension that the weight does not have.
        /// </exception>
        public T AddSpectralNorm(
            int nPowerIterations = 1, double eps = 1e-12, int? dim = null, IRandomStream? random = null)
        {
            Parameter weight = WeightOf(layer, nameof(AddSpectralNorm));
            if (nPowerIterations < 1)
            {
                throw new ArgumentOutOfRangeException(nameof(nPowerIterations),
                    $"AddSpectralNorm: expected 1 or more power iterations, got {nPowerIterations}. The usual number "
                    + "is 1.");
            }

            NormalizeOp.CheckEps(nameof(AddSpectralNorm), eps);
            int rows = dim ?? (layer is IOutputsInDimension1 ? 1 : 0);
            CheckDim(nameof(AddSpectralNorm), rows, weight);
            layer.Parametrize(new SpectralNorm(weight, nPowerIterations, eps, rows, random ?? DefaultStreams.Next()));
            return layer;
        }

        /// <summary>
        /// Writes the computed weight of the layer, and of every layer below it, into its <c>weight</c>, which is an
        /// ordinary parameter again: the outputs in Eval stay the same, bit for bit, without the work.
        /// </summary>
        /// <returns>The layer.</returns>
        public T RemoveParametrizations()
        {
            ArgumentNullException.ThrowIfNull(layer);
            foreach ((_, Module module) in layer.NamedModules()) module.RemoveParametrization();
            return layer;
        }
    }

    private static Parameter WeightOf(Module layer, string method)
    {
        ArgumentNullException.ThrowIfNull(layer);
        if (layer.Parametrization is { } other)
        {
            throw new ArgumentException(
                $"{method}: expected an ordinary weight, got a {layer.TypeName} whose weight is computed by {other}. "
                + "Call RemoveParametrizations() first.", nameof(layer));
        }

        if (layer.OwnParameters.GetValueOrDefault("weight") is { Role: ParameterRole.Weight, Shape.Rank: >= 2 } weight)
            return weight;
        throw new ArgumentException(
            $"{method}: expected a layer with a weight of two or more dimensions, as Linear and Conv2d, got a "
            + $"{layer.TypeName} without one. Choose a layer further down: model.Children[...].", nameof(layer));
    }

    private static void CheckDim(string method, int dim, Parameter weight)
    {
        if ((uint)dim < (uint)weight.Shape.Rank) return;
        throw new ArgumentOutOfRangeException(nameof(dim),
            $"{method}: expected a dimension from 0 to {weight.Shape.Rank - 1} of a weight of shape {weight.Shape}, "
            + $"got {dim}. The outputs are dimension 0, in transposed convolutions 1.");
    }
}
