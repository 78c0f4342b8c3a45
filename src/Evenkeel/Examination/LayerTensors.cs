using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>The tensors of one layer in a file: those whose names differ in their last part only.</summary>
/// <param name="Name">The name of the layer, for example <c>layer1.0.bn1</c>. Empty for tensors without a dot.</param>
/// <param name="Parts">The last parts of the names, for example <c>weight</c>, in the order of the file.</param>
public sealed record LayerTensors(string Name, IReadOnlyList<string> Parts)
{
    /// <summary>The name of one of its tensors.</summary>
    public string KeyOf(string part) => Name.Length == 0 ? part : $"{Name}.{part}";

    /// <summary>The layers of a file, in the order in which they come first.</summary>
    public static IReadOnlyList<LayerTensors> Of(TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        return Of(archive.Names);
    }

    /// <summary>The layers of tensors with these names, in the order in which they come first.</summary>
    public static IReadOnlyList<LayerTensors> Of(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var layers = new OrderedDictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            int dot = name.LastIndexOf('.');
            // A dot at the beginning ends no name of a layer.
            string layer = dot <= 0 ? "" : name[..dot];
            if (!layers.TryGetValue(layer, out List<string>? parts)) layers.Add(layer, parts = []);
            parts.Add(layer.Length == 0 ? name : name[(dot + 1)..]);
        }

        return [.. layers.Select(static pair => new LayerTensors(pair.Key, pair.Value))];
    }
}
