using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>
/// Records the statistics of dL/dy after each backward pass, until it is disposed. y is the output of a module.
/// </summary>
/// <remarks>
/// The probe notes the outputs in the forward pass. It reads their gradients after the tape's backward pass, before
/// their memory is reused. Outputs that no gradient reaches leave no record.
/// </remarks>
public sealed class GradientProbe : IDisposable
{
    private readonly List<IDisposable> _hooks = [];
    private readonly List<LayerStatistics> _records = [];
    private readonly List<(string Name, Module Module, Tensor Output)> _pending = [];
    private readonly Action _collect;
    private readonly int _bins;
    private (Tape? Tape, long Step) _pass;

    /// <summary>Hooks modules anywhere in a network.</summary>
    /// <inheritdoc cref="ActivationProbe(Module, Func{string, Module, bool}, int)"/>
    public GradientProbe(Module model, Func<string, Module, bool>? choose = null, int bins = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(bins);
        _bins = bins;
        _collect = Collect;
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (choose?.Invoke(name, module) ?? module.Children.Count == 0)
                _hooks.Add(module.AddForwardHook((layer, _, y) => Note(name, layer, y)));
        }
    }

    /// <summary>One record per module and pass, in the order in which the modules ran forward.</summary>
    public IReadOnlyList<LayerStatistics> Records => _records;

    /// <summary>Forgets all records.</summary>
    public void Clear() => _records.Clear();

    /// <summary>Removes the hooks. The records stay.</summary>
    public void Dispose()
    {
        foreach (IDisposable hook in _hooks) hook.Dispose();
        _hooks.Clear();
        _pending.Clear();
    }

    private void Note(string name, Module module, Tensor output)
    {
        if (output.Tape is not { } tape || !output.RequiresGradient) return;
        if (_pass != (tape, tape.Step))
        {
            // The last forward pass may have had no backward pass.
            _pending.Clear();
            _pass = (tape, tape.Step);
            tape.AfterBackward(_collect);
        }

        _pending.Add((name, module, output));
    }

    private void Collect()
    {
        foreach ((string name, Module module, Tensor output) in _pending)
        {
            if (output.Gradient is { } gradient)
            {
                _records.Add(new LayerStatistics(
                    name, module.TypeName, output.Shape, _pass.Step, TensorStatistics.Of(gradient, bins: _bins)));
            }
        }

        _pending.Clear();
    }
}
