using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Makes the batch norms of a network <see cref="SyncBatchNorm"/> layers, and back:
/// <c>SyncBatchNorm.ConvertFrom(model)</c> and <c>SyncBatchNorm.ConvertBack(model)</c>.
/// </summary>
public static class SyncConversion
{
    extension(SyncBatchNorm)
    {
        /// <summary>
        /// A copy of a network in which every batch norm is synchronized, with the same values and settings; PyTorch's
        /// <c>convert_sync_batchnorm</c>.
        /// </summary>
        /// <param name="model">
        /// The network; it stays as it is. As in <see cref="Module.Clone"/>, what is shared stays shared, and hooks are
        /// not copied.
        /// </param>
        /// <param name="keep">
        /// True for a module that is copied as it is, with all modules in it. Null: no module.
        /// </param>
        /// <remarks>
        /// <para>These are converted: <see cref="BatchNorm1d"/>, 2d and 3d, <see cref="BatchNormalization"/> of any
        /// convention and channel axis, and batch renormalization, whose r and d are then those of the group. Each
        /// keeps its parameters, statistics, element type and state, and <c>ConvertBack</c> restores it. Norms that
        /// treat each sample by itself (layer, group, instance and RMS norm) have nothing to gather and are
        /// copied.</para>
        /// <para>A ghost batch norm (<see cref="BatchNorm.VirtualBatchSize"/>) is refused: its statistics are those of
        /// virtual batches, which are each member's own.</para>
        /// </remarks>
        /// <exception cref="InvalidOperationException">
        /// The network holds a ghost batch norm that is not kept; or the type of a field admits only the batch norm
        /// that it holds. The text names it.
        /// </exception>
        public static Module ConvertFrom(Module model, Func<Module, bool>? keep = null)
        {
            ArgumentNullException.ThrowIfNull(model);
            HashSet<Module> kept = Kept(model, keep);
            var names = new Dictionary<Module, string>(ReferenceEqualityComparer.Instance);
            foreach ((string name, Module module) in model.NamedModules()) names.TryAdd(module, module.Label(name));
            return new ModuleCopier(
                (module, copier) => kept.Contains(module) ? null : Synchronized(module, copier, names),
                sharesWeights: false).Copy(model);
        }

        /// <summary>
        /// A copy of a network in which no batch norm is synchronized: the way back from <c>ConvertFrom</c>, with the
        /// same values and settings (<c>revert_sync_batchnorm</c> elsewhere).
        /// </summary>
        /// <param name="model">
        /// The network; it stays as it is. As in <see cref="Module.Clone"/>, what is shared stays shared, and hooks are
        /// not copied.
        /// </param>
        /// <remarks>
        /// A converted layer becomes what it was. One that was made as a <see cref="SyncBatchNorm"/> becomes a
        /// <see cref="BatchNormalization"/> of its convention, which takes the same inputs.
        /// </remarks>
        /// <exception cref="InvalidOperationException">
        /// The type of a field admits only a <see cref="SyncBatchNorm"/>. The text names it.
        /// </exception>
        public static Module ConvertBack(Module model)
        {
            ArgumentNullException.ThrowIfNull(model);
            return new ModuleCopier(
                static (module, copier) => module is SyncBatchNorm sync ? Alone(sync, copier) : null,
                sharesWeights: false).Copy(model);
        }
    }

    /// <summary>
    /// The layer that stands for a module in the converted network; null if the module has no statistics of a batch.
    /// </summary>
    private static SyncBatchNorm? Synchronized(Module module, ModuleCopier copier, Dictionary<Module, string> names)
    {
        if (module is SyncBatchNorm || module is not BatchNorm norm) return null;
        if (norm.VirtualBatchSize == 0) return new SyncBatchNorm(norm, copier);
        throw new InvalidOperationException(
            "SyncBatchNorm.ConvertFrom: expected batch norms whose statistics are those of a batch, got "
            + $"{names[module]}, whose are those of virtual batches of {norm.VirtualBatchSize} samples; they are each "
            + "member's own, and a group has nothing to pool. Pass keep: module => module is BatchNorm { "
            + "VirtualBatchSize: > 0 } to leave it as it is, or put a BatchNorm layer in its place.");
    }

    /// <summary>The layer that a synchronized one was before, or the one that it equals without a group.</summary>
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

    /// <summary>The modules that are not converted: those that are kept, and all modules in them.</summary>
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
