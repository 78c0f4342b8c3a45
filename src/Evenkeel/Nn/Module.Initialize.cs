using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// A module with a rule of its own for start values: normalization layers return to gamma = 1, beta = 0.
/// </summary>
public interface IInitializable
{
    /// <summary>Sets the module's own parameters and buffers (not its children's) to start values.</summary>
    /// <param name="init">The start values that the caller asked for.</param>
    /// <param name="random">The module's own stream.</param>
    void SetStartValues(Init init, IRandomStream random);
}

public abstract partial class Module
{
    /// <summary>
    /// Sets the start values of the whole network, by the role of each parameter (<see cref="Parameter.Role"/>).
    /// Weights are drawn by <paramref name="init"/>. A bias becomes 0; with <see cref="Init.Default"/> it is drawn as
    /// PyTorch does. Modules with a rule of their own (<see cref="IInitializable"/>: normalization layers) follow it.
    /// All other parameters stay as they are, and so does a weight of one dimension if <paramref name="init"/> needs
    /// fan-in and fan-out.
    /// </summary>
    /// <param name="init">For example <see cref="Init.KaimingNormal"/>.</param>
    /// <param name="seed">
    /// Seed of the draw. Each module draws from its own stream, named by its place in the network, so its values do not
    /// depend on its neighbours.
    /// </param>
    public void Initialize(Init init, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(init);
        // Tied weights are drawn once, by the first module that has them.
        var drawn = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach ((string path, Module module) in NamedModules())
        {
            if (module.HasStartValues) module.InitializeOwn(init, new Philox(seed, path.Replace('.', '/')), drawn);
        }
    }

    /// <summary>
    /// Sets the start values of the whole network as <see cref="Initialize(Init, ulong)"/> does, but draws all from one
    /// stream, module after module in the order of <see cref="NamedModules"/>: what a loop over <c>model.modules()</c>
    /// does in PyTorch, whose numbers it gives with a <see cref="TorchGenerator"/>.
    /// </summary>
    /// <param name="init">For example <see cref="Init.KaimingNormal"/>.</param>
    /// <param name="random">The stream of all numbers.</param>
    public void Initialize(Init init, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(init);
        ArgumentNullException.ThrowIfNull(random);
        var drawn = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach ((_, Module module) in NamedModules())
        {
            if (module.HasStartValues) module.InitializeOwn(init, random, drawn);
        }
    }

    private bool HasStartValues => this is IInitializable || _parameters.Count != 0;

    private void InitializeOwn(Init init, IRandomStream random, HashSet<Parameter> drawn)
    {
        if (this is IInitializable own)
        {
            own.SetStartValues(init, random);
            return;
        }

        // A bias may be registered before the weight that it goes with.
        Parameter? weight = _parametrized
            ?? _parameters.Select(static entry => entry.Value).FirstOrDefault(TakesInit);
        foreach ((_, Parameter parameter) in _parameters)
        {
            switch (parameter.Role)
            {
                case ParameterRole.Weight when TakesInit(parameter):
                    if (drawn.Add(parameter)) init.Fill(parameter.Value, random);
                    break;
                case ParameterRole.Bias when drawn.Add(parameter):
                    if (weight is null) parameter.Value.Fill(0);
                    else init.FillBias(parameter.Value, weight.Shape, random);
                    break;
            }
        }

        bool TakesInit(Parameter parameter) =>
            parameter.Role == ParameterRole.Weight && (parameter.Shape.Rank >= 2 || !init.NeedsFans);
    }
}
