using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>
/// The layers of a module in the order in which they are registered. In a <see cref="Sequential"/>, and in the
/// library's <see cref="BasicBlock"/>, that is the order of the data; elsewhere it is likely.
/// </summary>
internal sealed class ModuleTree
{
    private readonly List<ExaminedLayer> _layers = [];
    private readonly HashSet<Module> _seen = new(ReferenceEqualityComparer.Instance);

    /// <summary>The last layer of the chain that is walked, with its place; null where a chain begins.</summary>
    private (int Place, bool IsActive)? _last;

    private bool _isChain = true;

    /// <summary>The network of a module.</summary>
    public static ExaminedNetwork Read(Module model)
    {
        var tree = new ModuleTree();
        tree.Visit("", model, isCertain: true);
        return new ExaminedNetwork("network", tree._layers)
        {
            HasGraph = tree._isChain,
            Assumptions = tree._isChain ? []
                : ["Which layer follows which is taken from the order in which the layers are registered."],
        };
    }

    private void Visit(string name, Module module, bool isCertain)
    {
        if (!_seen.Add(module))
        {
            // A layer that comes again: what stands beside it is no longer one thing.
            (_last, _isChain) = (null, false);
            return;
        }

        if (ModuleLayers.Of(name, module) is { } layer)
        {
            Add(layer, isCertain);
        }
        else if (ModuleLayers.ActivationOf(module) is { } activation)
        {
            Follow(activation, isCertain);
            AddOthers(name, module);
        }
        else if (module.Children.Count > 0)
        {
            VisitChildren(name, module, isCertain);
        }
        else if (module is not (Identity or Dropout or Dropout2d))
        {
            // What is neither linear nor a norm, for example a pool, ends the chain.
            Follow(FollowingActivation.None, isCertain);
            _last = null;
            AddOthers(name, module);
        }
    }

    private void VisitChildren(string name, Module module, bool isCertain)
    {
        bool isOrdered = module is Sequential, isBlock = module is BasicBlock;
        _isChain &= isOrdered;
        AddOthers(name, module);
        if (!isOrdered) _last = null;
        ExaminedNorm? lastOfBlock = null;
        foreach ((string part, Module child) in module.Children)
        {
            if (isBlock && part == "downsample") EndResidual(lastOfBlock);
            Visit(Module.Join(name, part), child, isCertain && (isOrdered || isBlock));
            if (isBlock && part == "bn2") lastOfBlock = _layers[^1] as ExaminedNorm;
        }

        if (isBlock && lastOfBlock is not null) EndResidual(lastOfBlock);
        if (!isOrdered) _last = null;
    }

    /// <summary>The output of a norm goes into a sum, and no further activation is its own.</summary>
    private void EndResidual(ExaminedNorm? norm)
    {
        _last = null;
        if (norm is null) return;
        int place = _layers.FindIndex(layer => layer.Name == norm.Name);
        _layers[place] = (ExaminedNorm)_layers[place] with { EndsResidual = true, Activation = FollowingActivation.None };
    }

    private void Add(ExaminedLayer layer, bool isCertain)
    {
        Follow(FollowingActivation.None, isCertain);
        if (layer is ExaminedNorm norm)
        {
            bool isDirect = _last is { IsActive: false };
            ExaminedLinear? before = isDirect ? _layers[_last!.Value.Place] as ExaminedLinear : null;
            if (before?.Outputs != norm.Channels) before = null;
            layer = norm with { Before = before, AreNeighboursCertain = isCertain };
        }
        else if (layer is ExaminedLinear linear && _last is { } last && _layers[last.Place] is ExaminedNorm previous)
        {
            _layers[last.Place] = previous with { After = linear };
        }

        _last = (_layers.Count, false);
        _layers.Add(layer);
    }

    /// <summary>What follows the last layer, if that is a norm and nothing has followed yet.</summary>
    private void Follow(FollowingActivation activation, bool isCertain)
    {
        if (_last is not { IsActive: false } last) return;
        if (_layers[last.Place] is ExaminedNorm norm && isCertain)
            _layers[last.Place] = norm with { Activation = activation };
        if (activation != FollowingActivation.None) _last = last with { IsActive = true };
    }

    private void AddOthers(string name, Module module) => _layers.AddRange(ModuleLayers.Others(name, module));
}
