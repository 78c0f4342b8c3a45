using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>The states of norms among the strings of a safetensors file, one a layer: <c>evenkeel.norm_state.features.1</c> = <c>Frozen</c>.</summary>
internal static class NormStates
{
    private const string Prefix = "evenkeel.norm_state.";

    public static void Write(Module model, IDictionary<string, string> metadata)
    {
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is TrackingNorm { TrackRunningStats: true } norm) metadata[Prefix + name] = norm.State.ToString();
        }
    }

    /// <summary>The states that the file has for layers of the model; files of other programs and of earlier versions have none. Nothing is changed yet.</summary>
    /// <exception cref="InvalidDataException">A state is none of the three.</exception>
    public static List<(string Name, TrackingNorm Norm, NormState State)> Read(Module model, IDictionary<string, string> metadata, string path)
    {
        var states = new List<(string, TrackingNorm, NormState)>();
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is not TrackingNorm { TrackRunningStats: true } norm || !metadata.TryGetValue(Prefix + name, out string? text)) continue;
            NormState state = text switch
            {
                nameof(NormState.Active) => NormState.Active,
                nameof(NormState.FrozenStatistics) => NormState.FrozenStatistics,
                nameof(NormState.Frozen) => NormState.Frozen,
                _ => throw new InvalidDataException($"{path}: expected the state of {name} to be Active, FrozenStatistics or Frozen, got \"{text}\". A later version wrote the file, or it is damaged; remove the entry \"{Prefix}{name}\" from its metadata or fetch it again."),
            };
            states.Add((name, norm, state));
        }

        return states;
    }
}
