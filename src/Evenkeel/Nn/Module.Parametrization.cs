namespace Evenkeel.Nn;

public abstract partial class Module
{
    private const string WeightName = "weight";

    private Parameter? _parametrized;
    private int _parametrizedAt;

    /// <summary>What computes this module's weight; null if it holds it, or has none.</summary>
    internal WeightParametrization? Parametrization => _parametrized?.Source as WeightParametrization;

    /// <summary>The parameter <c>weight</c> of this module, held or computed; null without one.</summary>
    internal Parameter? OwnWeight => _parametrized ?? _parameters.GetValueOrDefault(WeightName);

    /// <summary>The module as its parent prints it: with what computes its weight.</summary>
    private string Printed => Parametrization is { } form ? $"{this}, weight: {form}" : ToString();

    /// <summary>Has the weight computed. Its object stays; its place among the parameters is free meanwhile.</summary>
    internal void Parametrize(WeightParametrization form)
    {
        _parametrizedAt = _parameters.IndexOf(WeightName);
        _parametrized = _parameters[WeightName];
        _parameters.Remove(WeightName);
        _parametrized.ComputeBy(form);
    }

    /// <summary>Holds the weight that is computed now. Without a parametrization it does nothing.</summary>
    internal void RemoveParametrization()
    {
        if (_parametrized is not { } weight) return;
        weight.HoldComputed();
        _parameters.Insert(_parametrizedAt, WeightName, weight);
        _parametrized = null;
    }

    /// <summary>A state dict with the keys of the parametrizations for those of PyTorch's older functions.</summary>
    private StateDict WithNewKeys(StateDict state)
    {
        Dictionary<string, string>? names = null;
        foreach ((string path, Module module) in NamedModules())
        {
            if (module.Parametrization is not { } form) continue;
            foreach ((string old, string now) in form.OlderKeys)
            {
                if (state.Has(Join(path, old)) && !state.Has(Join(path, now)))
                    (names ??= new(StringComparer.Ordinal)).Add(Join(path, old), Join(path, now));
            }
        }

        return names is null ? state : state.Renamed(names);
    }
}
