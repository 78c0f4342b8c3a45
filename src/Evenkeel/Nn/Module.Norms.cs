namespace Evenkeel.Nn;

public abstract partial class Module
{
    /// <summary>Freezes every norm of the network that keeps running statistics (see <see cref="TrackingNorm.Freeze"/>): what fine-tuning a trained network on small batches asks for.</summary>
    /// <returns>How many layers it was. Norms that treat each sample by itself and keep no statistics (layer norm, group norm) stay as they are.</returns>
    /// <exception cref="InvalidOperationException">A batch norm keeps no running statistics, so its output would depend on the batch all the same; nothing was changed.</exception>
    public int FreezeNorms() => SetNorms(NormState.Frozen, nameof(FreezeNorms));

    /// <summary>Freezes the running statistics of every norm that keeps them; gamma and beta learn. See <see cref="TrackingNorm.FreezeStatistics"/>.</summary>
    /// <inheritdoc cref="FreezeNorms"/>
    public int FreezeNormStatistics() => SetNorms(NormState.FrozenStatistics, nameof(FreezeNormStatistics));

    /// <summary>Lets the statistics of every norm follow the batches again, and its gamma and beta learn. See <see cref="TrackingNorm.Unfreeze"/>.</summary>
    /// <returns>How many layers keep running statistics.</returns>
    public int UnfreezeNorms() => SetNorms(NormState.Active, nameof(UnfreezeNorms));

    private int SetNorms(NormState state, string method)
    {
        IReadOnlyList<(string Name, Module Module)> modules = NamedModules();
        foreach ((string name, Module module) in modules)
        {
            if (module is BatchNorm { TrackRunningStats: false } && state != NormState.Active)
                throw new InvalidOperationException($"{TypeName}.{method}: expected batch norms with running statistics, got {(name.Length == 0 ? module.TypeName : $"{name} ({module.TypeName})")} without (trackRunningStats: false): it normalizes with the batch's own in every mode. Create it with trackRunningStats: true, or freeze the other layers one by one.");
        }

        int count = 0;
        foreach ((_, Module module) in modules)
        {
            if (module is not TrackingNorm { TrackRunningStats: true } norm) continue;
            norm.Set(state, method);
            count++;
        }

        return count;
    }
}
