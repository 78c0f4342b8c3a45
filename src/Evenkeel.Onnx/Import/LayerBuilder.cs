using Evenkeel.Nn;

namespace Evenkeel.Onnx.Import;

/// <summary>Collects the layers and weights of a network under names of their own.</summary>
/// <param name="root">The network.</param>
internal sealed class LayerBuilder(OnnxModule root)
{
    /// <summary>The most levels of a name. What is deeper stays one name.</summary>
    private const int MostLevels = 32;

    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _leaves = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OnnxModule.IScope> _scopes = new(StringComparer.Ordinal) { [""] = root };

    /// <summary>The layers, in the order in which they were added.</summary>
    public List<Module> Layers { get; } = [];

    /// <summary>The weights that belong to no layer.</summary>
    public List<Parameter> Weights { get; } = [];

    /// <summary>Adds a layer and returns its number.</summary>
    /// <param name="path">Where it should be; another place is found if that one is taken.</param>
    /// <param name="layer">The layer.</param>
    public int Add(string path, Module layer)
    {
        (string scope, string name) = Place(path);
        _scopes[scope].Add(name, layer);
        Layers.Add(layer);
        return Layers.Count - 1;
    }

    /// <summary>Adds a weight of the graph itself and returns its number.</summary>
    /// <param name="path">Its key, as above.</param>
    /// <param name="value">Its values.</param>
    public int Add(string path, Tensor value)
    {
        (string scope, string name) = Place(path);
        Weights.Add(_scopes[scope].Add(name, value));
        return Weights.Count - 1;
    }

    /// <summary>A free place: the scope, which exists afterwards, and the name in it.</summary>
    private (string Scope, string Name) Place(string path)
    {
        string[] parts = path.Split('.', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0) parts = ["layer"];
        if (parts.Length > MostLevels)
            parts = [.. parts[..(MostLevels - 1)], string.Join('_', parts[(MostLevels - 1)..])];
        string scope = "";
        for (int i = 0; i < parts.Length - 1; i++)
        {
            string below = Module.Join(scope, parts[i]);
            if (_leaves.Contains(below))
            {
                // Below a layer there is no place: the rest of the path is one name.
                parts = [.. parts[..i], string.Join('_', parts[i..])];
                break;
            }

            if (!_scopes.ContainsKey(below))
            {
                _scopes.Add(below, _scopes[scope].AddScope(parts[i]));
                _taken.Add(below);
            }

            scope = below;
        }

        string name = parts[^1];
        string first = Module.Join(scope, name);
        while (!_taken.Add(Module.Join(scope, name)))
        {
            int number = _numbers[first] = _numbers.GetValueOrDefault(first, 1) + 1;
            name = $"{parts[^1]}_{number}";
        }

        _leaves.Add(Module.Join(scope, name));
        return (scope, name);
    }
}
