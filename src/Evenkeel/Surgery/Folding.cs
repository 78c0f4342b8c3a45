using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>Makes norms part of the layers next to them, for inference.</summary>
public static class Folding
{
    /// <summary>
    /// A new network without the norms that are fixed maps in Eval: each is multiplied into the linear layer or
    /// convolution before it, or into the one after it if that is exact. The outputs are the same up to rounding, with
    /// less work.
    /// </summary>
    /// <remarks>
    /// <para>With running statistics a batch norm is y = (x - mean)·s + beta, s = gamma/sqrt(var + eps). After y = W·x
    /// + b it goes into W' = W·s (along the outputs) and b' = (b - mean)·s + beta; a layer without a bias gets one.
    /// Before W·y + b it goes into W' = W·s (along the inputs) and b' = b + Σ W·(beta - mean·s), which is exact if no
    /// zeros are padded between the two, also through a flattening. Everything is computed in double and rounded once.
    /// An <see cref="Identity"/> replaces the norm. Weight standardization is baked in as well.</para>
    /// <para>The data flow of one pass over the inputs shows which layers are neighbours, not the order in which
    /// modules were registered. A norm is kept, and the report says why, if it has no running statistics or depends on
    /// the sample, if its input or the layer is used elsewhere too, if a module runs twice or shares its weights, if it
    /// has a hook, or if no linear layer is next to it.</para>
    /// <para>The result is for inference. If it is trained, it is a network without those norms: no statistics are
    /// taken, and the scale and the direction of a filter are one weight again.</para>
    /// <para>Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    /// Inference", 2018, section 3.2.</para>
    /// </remarks>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="inputs">A batch of inputs for the trace and for the proof, outside any tape.</param>
    /// <param name="bound">
    /// The largest difference of outputs that passes, as a share of the largest output. Null: 1e-4 in Float32, 1e-9 in
    /// Float64.
    /// </param>
    /// <returns>
    /// The new network, what became of each norm, and by how much outputs differ, in the network's type and in Float64.
    /// </returns>
    /// <exception cref="ArgumentException">The inputs are empty.</exception>
    /// <exception cref="InvalidOperationException">
    /// No output is a number other than 0, so nothing can be compared. The outputs differ by more than
    /// <paramref name="bound"/>, or by more than 1e-9 of the largest in Float64: a module looks at values past the
    /// operations of the tape, or the network is not deterministic in Eval. Or a copy converted to Float64 cannot run:
    /// a module has a constant tensor that is not a buffer, or reads values as float.
    /// </exception>
    public static FoldResult Fold(this Module model, Tensor inputs, double? bound = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        return Fold(model, new FoldInputs(inputs, null), bound);
    }

    /// <summary>The same for a network of two inputs; the new one is of the same type.</summary>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="inputs">A batch of first inputs for the trace and for the proof, outside any tape.</param>
    /// <param name="second">The batch of second inputs.</param>
    /// <param name="bound">
    /// The largest difference of outputs that passes, as a share of the largest output. Null: 1e-4 in Float32, 1e-9 in
    /// Float64.
    /// </param>
    /// <inheritdoc cref="Fold(Module, Tensor, double?)" path="/remarks|/returns|/exception"/>
    public static FoldResult Fold(this TwoInputModule model, Tensor inputs, Tensor second, double? bound = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(second);
        return Fold(model, new FoldInputs(inputs, second), bound);
    }

    /// <summary>The same without a bound: what the difference means is up to the caller.</summary>
    internal static FoldResult FoldUnbounded(Module model, Tensor inputs) =>
        Fold(model, new FoldInputs(inputs, null), double.PositiveInfinity, double.PositiveInfinity);

    private static FoldResult Fold(
        Module model, FoldInputs inputs, double? bound, double float64Bound = OutputProof.Float64Bound)
    {
        DType dtype = inputs.First.DType;
        if (inputs.First.Count == 0)
        {
            throw new ArgumentException(
                $"{model.TypeName}.Fold: expected inputs with samples, got shape {inputs.First.Shape}; there is "
                + "nothing to compare the two networks on. Pass some real inputs.", nameof(inputs));
        }

        FoldPlan plan = PlanFor(model, inputs);
        Module folded = model.Clone(module => plan.Substitute(module, dtype));
        (FoldProof proof, FoldProof wideProof) = new OutputProof("Fold", "folded", model, inputs).Of(
            folded, () => model.Clone(module => plan.Substitute(module, DType.Float64)), plan.Folded.Count > 0, bound,
            float64Bound);
        return new FoldResult(folded, plan.Layers, proof, wideProof);
    }

    /// <summary>A plan whose substitutes fit the fields of the network.</summary>
    private static FoldPlan PlanFor(Module model, FoldInputs inputs)
    {
        var plan = new FoldPlan(model, inputs, new Dictionary<Module, string>());
        var held = new Dictionary<Module, string>(ReferenceEqualityComparer.Instance);
        foreach (Module norm in plan.Folded)
        {
            try
            {
                new ModuleCopier(
                    (module, _) => ReferenceEquals(module, norm) ? new Identity() : null, sharesWeights: true)
                    .Copy(model);
            }
            catch (InvalidOperationException refused)
            {
                held.Add(norm, refused.Message);
            }
        }

        return held.Count == 0 ? plan : new FoldPlan(model, inputs, held);
    }
}
