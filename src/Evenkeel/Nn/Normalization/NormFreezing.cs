namespace Evenkeel.Nn;

/// <summary>Holds the norms of a network, or one of them, as they are while the rest is trained.</summary>
public static class NormFreezing
{
    extension(ITrackingNorm norm)
    {
        /// <summary>
        /// Makes the whole layer constant: it normalizes with its running statistics in every mode, and statistics,
        /// gamma and beta stay as they are whatever the optimizer and its weight decay do.
        /// </summary>
        /// <remarks>
        /// gamma and beta want no gradient from now on, and their gradients are marked empty. A gamma or beta that is
        /// tied to another layer is constant there too.
        /// </remarks>
        /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
        public void Freeze() => norm.Set(NormState.Frozen, nameof(Freeze));

        /// <summary>
        /// Makes the running statistics constant: they are used in every mode and not updated. gamma and beta learn,
        /// also if they were frozen before.
        /// </summary>
        /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
        public void FreezeStatistics() => norm.Set(NormState.FrozenStatistics, nameof(FreezeStatistics));

        /// <summary>
        /// Back to <see cref="NormState.Active"/>: statistics follow the batches, gamma and beta learn.
        /// </summary>
        public void Unfreeze() => norm.Set(NormState.Active, nameof(Unfreeze));

        /// <summary>gamma as a pass uses it.</summary>
        internal Tensor? Gamma => norm.Constant(norm.Weight);

        /// <summary>beta as a pass uses it.</summary>
        internal Tensor? Beta => norm.Constant(norm.Bias);

        /// <summary>
        /// The text that a layer's printout adds to its settings: the state, unless it is
        /// <see cref="NormState.Active"/>.
        /// </summary>
        internal string StateText => norm.State == NormState.Active ? "" : $", state={norm.State}";

        internal void Set(NormState state, string method)
        {
            if (norm.Running is null && state != NormState.Active)
            {
                throw new InvalidOperationException(
                    $"{((Module)norm).TypeName}.{method}: expected a layer with running statistics, got one without "
                    + "(trackRunningStats: false); it normalizes with the batch's own in every mode, so there is "
                    + "nothing that could be held. Create it with trackRunningStats: true.");
            }

            if (state == NormState.Frozen || norm.State == NormState.Frozen)
            {
                foreach (Parameter? parameter in (ReadOnlySpan<Parameter?>)[norm.Weight, norm.Bias])
                {
                    parameter?.RequiresGradient = state != NormState.Frozen;
                    if (state == NormState.Frozen) parameter?.ZeroGrad();
                }
            }

            norm.Running?.IsFrozen = state != NormState.Active;
            norm.Keep(state);
        }

        /// <summary>
        /// Whatever the scheme is, gamma becomes 1, beta 0, and running statistics their start values.
        /// </summary>
        internal void SetStartValues()
        {
            norm.Weight?.Value.Fill(1);
            norm.Bias?.Value.Fill(0);
            norm.Running?.Reset();
        }

        /// <summary>A loop that sets all parameters of a model to learn does not unfreeze a frozen layer.</summary>
        private Tensor? Constant(Parameter? parameter) =>
            norm.State == NormState.Frozen && parameter is { RequiresGradient: true }
                ? parameter.Value.Detach()
                : parameter;
    }

    /// <summary>
    /// Freezes every norm of the network that keeps running statistics (see <see cref="Freeze"/>). Fine-tuning of a
    /// trained network on small batches needs this.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <returns>
    /// The number of layers. Norms that treat each sample by itself and keep no statistics (layer norm, group norm)
    /// stay as they are.
    /// </returns>
    /// <exception cref="InvalidOperationException">
    /// A batch norm keeps no running statistics, so its output would depend on the batch all the same; nothing was
    /// changed.
    /// </exception>
    public static int FreezeNorms(this Module model) => SetAll(model, NormState.Frozen, nameof(FreezeNorms));

    /// <summary>
    /// Freezes the running statistics of every norm that keeps them; gamma and beta learn. See
    /// <see cref="FreezeStatistics"/>.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <returns>The number of layers.</returns>
    /// <exception cref="InvalidOperationException">
    /// A batch norm keeps no running statistics, so its output would depend on the batch all the same; nothing was
    /// changed.
    /// </exception>
    public static int FreezeNormStatistics(this Module model) =>
        SetAll(model, NormState.FrozenStatistics, nameof(FreezeNormStatistics));

    /// <summary>
    /// Lets the statistics of every norm follow the batches again, and its gamma and beta learn. See
    /// <see cref="Unfreeze"/>.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <returns>How many layers keep running statistics.</returns>
    public static int UnfreezeNorms(this Module model) => SetAll(model, NormState.Active, nameof(UnfreezeNorms));

    private static int SetAll(Module model, NormState state, string method)
    {
        ArgumentNullException.ThrowIfNull(model);
        IReadOnlyList<(string Name, Module Module)> modules = model.NamedModules();
        foreach ((string name, Module module) in modules)
        {
            if (state == NormState.Active || module is not INormalization { MixesSamples: true }) continue;
            throw new InvalidOperationException(
                $"{model.TypeName}.{method}: expected batch norms with running statistics, got {module.Label(name)} "
                + "without (trackRunningStats: false): it normalizes with the batch's own in every mode. Create it "
                + "with trackRunningStats: true, or freeze the other layers one by one.");
        }

        int count = 0;
        foreach ((_, Module module) in modules)
        {
            if (module is not ITrackingNorm { TrackRunningStats: true } norm) continue;
            norm.Set(state, method);
            count++;
        }

        return count;
    }
}
