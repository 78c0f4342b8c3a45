using Evenkeel.Nn;

namespace Evenkeel.Onnx.Export;

/// <summary>The names of weights: the keys of the state dict.</summary>
internal sealed class WeightNames
{
    private readonly Dictionary<Parameter, string> _parameters = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, string> _tensors = new(ReferenceEqualityComparer.Instance);
    private readonly NetworkTrace _trace;

    public WeightNames(NetworkTrace trace)
    {
        _trace = trace;
        foreach ((string key, Parameter parameter) in trace.Model.NamedParameters())
        {
            _parameters.Add(parameter, key);
            _tensors.TryAdd(parameter.Value, key);
        }

        foreach ((string key, StateBuffer buffer) in trace.Model.NamedBuffers()) _tensors.TryAdd(buffer.Value, key);
        foreach ((string path, Module module) in trace.Model.NamedModules())
        {
            // A weight that is computed from parameters has the name that it has without that.
            if (module is { Parametrization: not null, OwnWeight: { } weight })
                _tensors.TryAdd(trace.Watched(weight), path.Length == 0 ? "weight" : $"{path}.weight");
        }
    }

    /// <summary>All names.</summary>
    public IEnumerable<string> All => _parameters.Values.Concat(_tensors.Values);

    /// <summary>Whether a tensor is a parameter, a buffer, or computed in the place of a parameter.</summary>
    public bool IsWeight(Tensor tensor) => Direct(tensor) is not null;

    /// <summary>
    /// The name of a weight. What is computed from one parameter alone, and stands in its place everywhere, has the
    /// parameter's.
    /// </summary>
    public string? Find(Tensor tensor)
    {
        if (Direct(tensor) is { } name) return name;
        var sources = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        var results = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        Collect(tensor, sources, results);
        if (sources.Count != 1) return null;
        Parameter source = sources.Single();
        bool isAlone = _trace.Ops.All(op => op.Operands.Concat(op.Settings.Tensors).All(
            operand => !ReferenceEquals(operand.Parameter, source)
                && (ReferenceEquals(operand, tensor) || !IsFrom(operand, source))));
        return isAlone ? _parameters.GetValueOrDefault(source) : null;
    }

    private string? Direct(Tensor tensor) =>
        tensor.Parameter is { } parameter && _parameters.TryGetValue(parameter, out string? key)
            ? key
            : _tensors.GetValueOrDefault(tensor);

    private bool IsFrom(Tensor tensor, Parameter source)
    {
        if (_trace.Follows(tensor)) return false;
        var sources = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        Collect(tensor, sources, new HashSet<Tensor>(ReferenceEqualityComparer.Instance));
        return sources.Contains(source);
    }

    private void Collect(Tensor tensor, HashSet<Parameter> sources, HashSet<Tensor> seen)
    {
        if (!seen.Add(tensor)) return;
        if (tensor.Parameter is { } parameter) sources.Add(parameter);
        if (_trace.Maker(tensor) is not { } op) return;
        foreach (Tensor operand in op.Operands) Collect(operand, sources, seen);
    }
}
