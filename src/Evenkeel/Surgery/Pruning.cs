using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>Which channels are removed.</summary>
public sealed record PruneOptions
{
    /// <summary>
    /// The largest spread (maximum minus minimum over all inputs) of a channel that counts as constant, as a share of
    /// the median spread of its layer. Default: 1e-6, which is rounding in Float32.
    /// </summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>
    /// The largest difference of outputs that passes, as a share of the largest output. Null: 1e-4 in Float32, 1e-9 in
    /// Float64. Default: null.
    /// </summary>
    public double? Bound { get; init; }

    /// <summary>Samples computed at a time, which limits the memory. Default: 64.</summary>
    public int BatchSize { get; init; } = 64;

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(PruneOptions), PrintMembers);
}

/// <summary>Removes channels that carry nothing, for a smaller network with the same outputs.</summary>
public static class Pruning
{
    /// <summary>
    /// A new network without the channels that are constant: their filters, their places in the norm behind, and the
    /// weights that the next layer has for them. What they gave is in the next layer's bias.
    /// </summary>
    /// <remarks>
    /// <para>A channel c between a layer, its batch norm and the next layer W·a + b is removed if two things hold. It
    /// is measured: the next layer gets one value k of it, in all inputs and at all places. And the weights say so:
    /// gamma is below a hundredth of the layer's median, or the variance of the filter's outputs is below eps (then eps
    /// decides), or behind ReLU the channel is active with a probability below 1 % (Gaussian estimate:
    /// Φ(beta/|gamma|)). So a channel that these inputs happen not to reach stays.</para>
    /// <para>The next layer becomes b' = b + Σ W[:, c]·k, computed in double, which is exact. If it pads with zeros
    /// only channels with k = 0 are removed, because the padding would have to be k. One channel of a layer always
    /// stays.</para>
    /// <para>The data flow of one pass shows which layers are neighbours. Between the norm and the next layer there may
    /// be activations, pooling and a flattening. Nothing is removed, and the report says why, if a channel goes several
    /// ways (residual networks), if a layer has groups, is shared, runs twice or has a hook.</para>
    /// <para>Source: Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", ICCV 2017.
    /// </para>
    /// </remarks>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="inputs">
    /// Inputs like those in use, outside any tape, the more the better: a channel is constant if it is constant over
    /// all of them.
    /// </param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <returns>The new network, what became of each norm, and by how much outputs differ.</returns>
    /// <exception cref="ArgumentException">The inputs are empty.</exception>
    /// <exception cref="InvalidOperationException">
    /// The outputs differ by more than the bound, or nothing can be compared: as in
    /// <see cref="Folding.Fold(Module, Tensor, double?)"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static PruneResult Prune(
        this Module model, Tensor inputs, PruneOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        options ??= new PruneOptions();
        if (inputs.Shape.Rank == 0 || inputs.Count == 0)
        {
            throw new ArgumentException(
                $"{model.TypeName}.Prune: expected inputs with samples, got shape {inputs.Shape}; nothing can be "
                + "measured. Pass some real inputs.", nameof(inputs));
        }

        var plan = new PrunePlan(model, inputs, options, cancellationToken);
        Module pruned = model.Clone(module => plan.Substitute(module, inputs.DType));
        (FoldProof proof, FoldProof wide) = new OutputProof("Prune", "pruned", model, plan.Compared).Of(
            pruned, () => model.Clone(module => plan.Substitute(module, DType.Float64)), plan.Removed > 0,
            options.Bound, Math.Max(OutputProof.Float64Bound, options.Bound ?? OutputProof.Float32Bound));
        return new PruneResult(pruned, plan.Layers, plan.OperationsBefore, plan.OperationsAfter, proof, wide);
    }

    /// <summary>
    /// A new network in which no layer before a batch norm has a bias: the norm takes it away again, so it is moved
    /// into the running mean.
    /// </summary>
    /// <remarks>
    /// W·x + b - mean = W·x - (mean - b), in use as in training, where the mean of the batch has b in it. Instance norm
    /// does the same; layer, group and RMS norm do not, and their biases stay.
    /// </remarks>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="inputs">A batch of inputs for the trace and for the proof, outside any tape.</param>
    /// <returns>The new network, the layers whose bias was removed, and by how much outputs differ.</returns>
    /// <exception cref="ArgumentException">The inputs are empty.</exception>
    /// <exception cref="InvalidOperationException">
    /// The outputs differ by more than rounding: as in <see cref="Folding.Fold(Module, Tensor, double?)"/>.
    /// </exception>
    public static BiasResult RemoveRedundantBiases(this Module model, Tensor inputs)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Shape.Rank == 0 || inputs.Count == 0)
        {
            throw new ArgumentException(
                $"{model.TypeName}.RemoveRedundantBiases: expected inputs with samples, got shape {inputs.Shape}; "
                + "there is nothing to compare the two networks on. Pass some real inputs.", nameof(inputs));
        }

        var compared = new FoldInputs(inputs, null);
        var plan = new BiasPlan(model, compared);
        Module changed = plan.Apply(model, inputs.DType);
        (FoldProof proof, FoldProof wide) = new OutputProof("RemoveRedundantBiases", "changed", model, compared).Of(
            changed, () => plan.Apply(model, DType.Float64), plan.Layers.Count > 0);
        return new BiasResult(changed, plan.Layers, proof, wide);
    }
}
