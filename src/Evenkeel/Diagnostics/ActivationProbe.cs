using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>
/// Records the statistics of the outputs of modules in each forward pass, until it is disposed. Modules with a hook are
/// not fused with their neighbours, so each output is that of the layer itself.
/// </summary>
public sealed class ActivationProbe : IDisposable
{
    private readonly List<IDisposable> _hooks = [];
    private readonly List<LayerStatistics> _records = [];

    /// <summary>Hooks modules anywhere in a network.</summary>
    /// <param name="model">The network, or a single module.</param>
    /// <param name="choose">
    /// Chooses modules by dotted name and module. Null takes all modules without children (the layers).
    /// </param>
    /// <param name="bins">Number of intervals of the histograms. 0 makes none.</param>
    public ActivationProbe(Module model, Func<string, Module, bool>? choose = null, int bins = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(bins);
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (!(choose?.Invoke(name, module) ?? module.Children.Count == 0)) continue;
            _hooks.Add(module.AddForwardHook((layer, _, y) => _records.Add(new LayerStatistics(
                name, layer.TypeName, y.Shape, y.Tape?.Step ?? 0, TensorStatistics.Of(y, layer, bins)))));
        }
    }

    /// <summary>One record per module and pass, in the order in which the modules ran.</summary>
    public IReadOnlyList<LayerStatistics> Records => _records;

    /// <summary>Forgets all records.</summary>
    public void Clear() => _records.Clear();

    /// <summary>Removes the hooks. The records stay.</summary>
    public void Dispose()
    {
        foreach (IDisposable hook in _hooks) hook.Dispose();
        _hooks.Clear();
    }
}
