namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization over the batches of a whole group: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over every dimension but the second, of all members' batches together.
/// </summary>
/// <remarks>
/// <para>Input: (N, C) or (N, C, ...) of any rank; output: the same shape. The group is <see cref="Tape.Collective"/>; without one, or in a group of one, the layer is batch norm, bit for bit.
/// Batches of members may have different numbers of samples, one or none among them, and different spatial sizes: every value counts once.</para>
/// <para>Members pool count, mean and Σ(x-mean)² in the forward pass and Σdy and Σdy·xhat in the backward pass, in the order of their ranks, so that all have the same bits; R members give the bits
/// of one process that does the same batch in the same R parts. The running statistics follow the pooled ones, with the pooled count in n/(n-1): they stay alike on all members.
/// The gradients of gamma and beta are a member's own share; summed over the members they are the whole gradient. A batch that is not finite on one member is skipped by all.</para>
/// <para>In <see cref="Mode.Eval"/> nothing is gathered: a layer without running statistics takes those of the member's own batch there, as in PyTorch. A plain batch norm does the same in training on a tape with <see cref="Tape.PoolsBatchStatistics"/>.</para>
/// <para><see cref="ConvertFrom"/> synchronizes the batch norms of a network, and <see cref="ConvertBack"/> makes them what they were.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.</para>
/// <para>Source: semantics of PyTorch's <c>torch.nn.SyncBatchNorm</c>; the moments are pooled after Chan, Golub and LeVeque, 1979.</para>
/// </remarks>
public sealed class SyncBatchNorm : BatchNorm
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <inheritdoc cref="BatchNorm1d(int, double, double?, bool, bool)"/>
    public SyncBatchNorm(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base(dimensions: null, numFeatures, OfAnyRank(eps, FromMomentum(momentum)), affine, affine,
            trackRunningStats, new BatchForm { SpansGroup = true })
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <inheritdoc cref="BatchNorm1d(int, RunningAverage, double, bool)"/>
    public SyncBatchNorm(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(dimensions: null, numFeatures, OfAnyRank(eps, average), affine, affine, trackRunningStats: true,
            new BatchForm { SpansGroup = true })
    {
    }

    internal SyncBatchNorm(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = true }, copier)
    {
    }

    /// <summary>A copy of a network in which every batch norm is synchronized, with the same values and settings; PyTorch's <c>convert_sync_batchnorm</c>.</summary>
    /// <param name="model">The network; it stays as it is. As in <see cref="Module.Clone"/>, what is shared stays shared, and hooks are not copied.</param>
    /// <param name="keep">True for a module that is to be copied as it is, with all in it. Null: none.</param>
    /// <remarks>
    /// <para>Converted are <see cref="BatchNorm1d"/>, 2d and 3d, <see cref="BatchNormalization"/> of any convention and
    /// channel axis, and batch renormalization, whose r and d are then those of the group; each keeps its parameters,
    /// statistics, element type, and what of it is frozen, and <see cref="ConvertBack"/> makes it again. Norms that
    /// treat each sample by itself (layer, group, instance and RMS norm) have nothing to gather and are copied.</para>
    /// <para>A ghost batch norm (<see cref="BatchNorm.VirtualBatchSize"/>) is refused: its statistics are those of
    /// virtual batches, which are each member's own.</para>
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// The network holds a ghost batch norm that is not kept; or a field of the network holds a batch norm by its own type, so that no other can stand there. The text names it.
    /// </exception>
    public static Module ConvertFrom(Module model, Func<Module, bool>? keep = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        HashSet<Module> kept = Kept(model, keep);
        var names = new Dictionary<Module, string>(ReferenceEqualityComparer.Instance);
        foreach ((string name, Module module) in model.NamedModules()) names.TryAdd(module, name.Length == 0 ? module.TypeName : $"{name} ({module.TypeName})");
        return new ModuleCopier((module, copier) => kept.Contains(module) ? null : Synchronized(module, copier, names), sharesWeights: false).Copy(model);
    }

    /// <summary>A copy of a network in which no batch norm is synchronized: the way back from <see cref="ConvertFrom"/>, with the same values and settings (<c>revert_sync_batchnorm</c> elsewhere).</summary>
    /// <param name="model">The network; it stays as it is. As in <see cref="Module.Clone"/>, what is shared stays shared, and hooks are not copied.</param>
    /// <remarks>A converted layer becomes what it was. One that was made as a <see cref="SyncBatchNorm"/> becomes a <see cref="BatchNormalization"/> of its convention, which takes the same inputs.</remarks>
    /// <exception cref="InvalidOperationException">A field of the network holds a <see cref="SyncBatchNorm"/> by its own type, so that no other can stand there; the text names it.</exception>
    public static Module ConvertBack(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new ModuleCopier(static (module, copier) => module is SyncBatchNorm sync ? Alone(sync, copier) : null, sharesWeights: false).Copy(model);
    }

    /// <summary>The layer with a mask; the statistics are those of the ones of all members. See <see cref="BatchNormalization.Forward(Tensor, Tensor)"/>.</summary>
    /// <param name="x">The input.</param>
    /// <param name="mask">0 or 1 for each position: the input's shape without the channel axis. A member's mask may have no 1 if another's has.</param>
    /// <exception cref="ArgumentException">The mask has another shape or other values; or all members' together have no 1, or just one where one value per channel is an error.</exception>
    public Tensor Forward(Tensor x, Tensor mask) => ForwardUnder(mask, x);

    private static NormConvention OfAnyRank(double eps, RunningAverage average) =>
        NormConvention.Torch with { Eps = eps, Average = average, Ranks = RankRule.From(2) };

    /// <summary>
    /// The layer that stands for a module in the converted network; null if the module has no statistics of a batch.
    /// </summary>
    private static SyncBatchNorm? Synchronized(
        Module module, ModuleCopier copier, Dictionary<Module, string> names) => module switch
        {
            (not BatchNorm) or SyncBatchNorm => null,
            BatchNorm { VirtualBatchSize: var size and > 0 } => throw new InvalidOperationException(
                "SyncBatchNorm.ConvertFrom: expected batch norms whose statistics are those of a batch, got "
                + $"{names[module]}, whose are those of virtual batches of {size} samples; they are each member's own, "
                + "and a group has nothing to pool. Pass keep: module => module is BatchNorm { VirtualBatchSize: > 0 } to "
                + "leave it as it is, or put a BatchNorm layer in its place."),
            BatchNorm norm => new SyncBatchNorm(norm, copier),
        };

    /// <summary>The layer that a synchronized one was before, or is alone.</summary>
    private static BatchNorm Alone(SyncBatchNorm sync, ModuleCopier copier) => (sync.Dimensions, sync.Limits) switch
    {
        (1, null) => new BatchNorm1d(sync, copier),
        (2, null) => new BatchNorm2d(sync, copier),
        (3, null) => new BatchNorm3d(sync, copier),
        (1, _) => new BatchRenorm1d(sync, copier),
        (2, _) => new BatchRenorm2d(sync, copier),
        (3, _) => new BatchRenorm3d(sync, copier),
        _ => new BatchNormalization(sync, copier),
    };

    /// <summary>The modules that are not looked at: those that are kept, and all in them.</summary>
    private static HashSet<Module> Kept(Module model, Func<Module, bool>? keep)
    {
        var kept = new HashSet<Module>(ReferenceEqualityComparer.Instance);
        if (keep is null) return kept;
        foreach ((_, Module module) in model.NamedModules())
        {
            if (!keep(module)) continue;
            foreach ((_, Module inner) in module.NamedModules()) kept.Add(inner);
        }

        return kept;
    }
}
