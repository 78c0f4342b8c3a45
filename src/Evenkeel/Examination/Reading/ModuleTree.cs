using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>
/// The layers of a module in the order in which they are registered. In a <see cref="Sequential"/> and in the library's
/// networks that is the order of the data; elsewhere it is likely.
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
        else if (module is DeepMLP deep)
        {
            VisitDeep(name, deep);
        }
        else if (module.Children.Count > 0)
        {
            VisitChildren(name, module, isCertain);
        }
        else if (module is not (Identity or Dropout or Dropout2d or Flatten))
        {
            // What is neither linear nor a norm, for example a pool, ends the chain.
            _last = null;
            AddOthers(name, module);
        }
    }

    private void VisitChildren(string name, Module module, bool isCertain)
    {
        bool isBlock = module is BasicBlock;
        bool isOrdered = isBlock || module is Sequential or LeNet or ResNet or ImageNetResNet or FullyConnected;
        _isChain &= isOrdered;
        AddOthers(name, module);
        if (isBlock || !isOrdered || !isCertain) _last = null;
        foreach ((string part, Module child) in module.Children)
        {
            Visit(Module.Join(name, part), child, isOrdered);
            if (isBlock && part is "bn2" or "downsample") EndResidual();
        }

        if (isBlock || !isOrdered) _last = null;
    }

    /// <summary>A deep network registers its layers by kind, and runs them in turns.</summary>
    private void VisitDeep(string name, DeepMLP deep)
    {
        for (int i = 0; i < deep.Depth; i++)
        {
            Visit(Module.Join(name, $"linears.{i}"), deep.Linears[i], isCertain: true);
            if (i < deep.Norms.Count) Visit(Module.Join(name, $"bns.{i}"), deep.Norms[i], isCertain: true);
            Visit(Module.Join(name, $"relus.{i}"), deep.Activations[i], isCertain: true);
        }
    }

    /// <summary>The output of the last norm goes into a sum, and no activation is its own.</summary>
    private void EndResidual()
    {
        _last = null;
        if (_layers[^1] is ExaminedNorm norm)
            _layers[^1] = norm with { EndsResidual = true, Activation = FollowingActivation.None };
    }

    private void Add(ExaminedLayer layer, bool isCertain)
    {
        Follow(FollowingActivation.None, isCertain);
        if (layer is ExaminedNorm norm)
        {
            bool isDirect = _last is { IsActive: false };
            ExaminedLinear? before = isDirect ? _layers[_last!.Value.Place] as ExaminedLinear : null;
            if (before?.Outputs != norm.Channels) before = null;
            bool isFoldable = isCertain && before is not null && norm is { Family: NormFamily.Batch, Mean: not null };
            layer = norm with
            {
                Before = before,
                AreNeighboursCertain = isCertain,
                FoldObstacle = isFoldable ? "" : null,
            };
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
