using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Serialization;

/// <summary>Writes the description of one network.</summary>
internal sealed class ModuleDescriber
{
    private readonly Dictionary<Module, string> _described = new(ReferenceEqualityComparer.Instance);

    /// <summary>The description of a module whose place in the network is <paramref name="path"/>.</summary>
    public JsonObject Describe(Module module, string path)
    {
        if (!_described.TryAdd(module, path)) return new JsonObject { [LayerReader.SameAsKey] = _described[module] };
        if (module is Sequential) return DescribeChain(module, path);
        if (LayerTable.EntryOf(module) is not { } entry) return DescribeOpaque(module, path);
        JsonObject layer = Arguments(module, entry);
        if (module.Children.Count == 0) return layer;
        // What the constructor makes of the arguments, to see what has been replaced since.
        using var document = JsonDocument.Parse(layer.ToJsonString());
        Module asMade = LayerReader.ReadRoot(document.RootElement, new Philox(0));
        var replaced = new JsonObject();
        AddReplaced(module, asMade, "", replaced);
        if (replaced.Count > 0) layer[LayerReader.ReplacedKey] = replaced;
        return layer;
    }

    private static JsonObject Arguments(Module module, LayerEntry entry)
    {
        var layer = new JsonObject { [LayerReader.TypeKey] = entry.Name };
        entry.Write(module, new LayerArguments(layer));
        switch (module.Parametrization)
        {
            case WeightNorm { Dim: var dim }:
                new LayerArguments(layer).Object(LayerReader.ParametrizationKey, to =>
                {
                    to.Text(LayerReader.TypeKey, nameof(WeightNorm));
                    if (dim is null) to.Flag("whole", true, false);
                    else to.Integer("dim", dim, 0);
                });
                break;
            case SpectralNorm form:
                new LayerArguments(layer).Object(LayerReader.ParametrizationKey, to => to
                    .Text(LayerReader.TypeKey, nameof(SpectralNorm)).Integer("dim", form.Dim)
                    .Integer("nPowerIterations", form.PowerIterations, 1).Number("eps", form.Eps, 1e-12));
                break;
        }

        return layer;
    }

    /// <summary>The children of a module as a Sequential.</summary>
    public JsonObject DescribeChain(Module chain, string path)
    {
        // A model with a layer before the numbered ones names them all.
        bool isNumbered = chain is Sequential;
        var layers = new JsonArray();
        foreach ((string name, Module child) in chain.Children)
        {
            JsonObject layer = Describe(child, Module.Join(path, name));
            // The name comes before everything else that a reader looks for.
            if (!isNumbered || name != layers.Count.ToString()) layer.Insert(0, LayerReader.NameKey, name);
            layers.Add((JsonNode)layer);
        }

        return new JsonObject { [LayerReader.TypeKey] = nameof(Sequential), [LayerReader.LayersKey] = layers };
    }

    private JsonObject DescribeOpaque(Module module, string path)
    {
        var layer = new JsonObject { [LayerReader.TypeKey] = module.TypeName, [LayerReader.OpaqueKey] = true };
        if (module.Children.Count == 0) return layer;
        var children = new JsonObject();
        foreach ((string name, Module child) in module.Children)
            children[name] = Describe(child, Module.Join(path, name));
        layer["children"] = children;
        return layer;
    }

    /// <summary>The modules below one that are not what its constructor makes, by their names in it.</summary>
    private static void AddReplaced(Module module, Module asMade, string path, JsonObject replaced)
    {
        foreach ((string name, Module made) in asMade.Children)
        {
            string place = Module.Join(path, name);
            Module now = module.Children[name];
            if (IsAsMade(now, made)) AddReplaced(now, made, place, replaced);
            else replaced[place] = new ModuleDescriber().Describe(now, path: "");
        }
    }

    /// <summary>Whether two modules are of one type with the same arguments, whatever their children.</summary>
    private static bool IsAsMade(Module now, Module made)
    {
        if (now.GetType() != made.GetType()) return false;
        return now is Sequential
            ? now.Children.Keys.SequenceEqual(made.Children.Keys, StringComparer.Ordinal)
            : LayerTable.EntryOf(now) is { } entry
                && JsonNode.DeepEquals(Arguments(now, entry), Arguments(made, entry));
    }
}
