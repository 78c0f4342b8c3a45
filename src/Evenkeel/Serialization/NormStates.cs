using System.Globalization;
using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>
/// What the strings of a safetensors file say about norms: their states, <c>evenkeel.norm_state.features.1</c> =
/// <c>Frozen</c>, and the share of start values in their statistics, <c>evenkeel.start_values_left.features.1</c> =
/// <c>0.0042</c>.
/// </summary>
internal static class NormStates
{
    private const string Prefix = "evenkeel.norm_state.";
    private const string StartValuesPrefix = "evenkeel.start_values_left.";

    public static void Write(Module model, IDictionary<string, string> metadata, bool withStartValues = true)
    {
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is ITrackingNorm { TrackRunningStats: true } norm)
                metadata[Prefix + name] = norm.State.ToString();
        }

        if (!withStartValues) return;
        foreach ((string name, RunningStatistics running) in model.Statistics())
            metadata[StartValuesPrefix + name] = running.StartValuesLeft.ToString("R", CultureInfo.InvariantCulture);
    }

    /// <summary>The string that marks a file as a trainer's checkpoint.</summary>
    public const string KindKey = "evenkeel", Checkpoint = "trainer checkpoint";

    /// <summary>
    /// The prefix of the names of norms in a file whose keys have <paramref name="prefix"/>. A trainer's checkpoint
    /// puts a prefix before its keys, but not before these names.
    /// </summary>
    public static string PrefixOfNames(IDictionary<string, string> metadata, string prefix) =>
        metadata.TryGetValue(KindKey, out string? kind) && kind == Checkpoint ? "" : prefix;

    /// <summary>
    /// Copies the strings of a file whose keys are renamed. What is said about norms gets their new names. Other
    /// strings describe the whole file, and are left out if only a part of it is copied.
    /// </summary>
    /// <param name="from">The strings of the file.</param>
    /// <param name="to">The strings of the copy.</param>
    /// <param name="prefix">The prefix that is removed from keys.</param>
    /// <param name="rename">The parts of keys that are renamed.</param>
    public static void CopyRenamed(IDictionary<string, string> from, IDictionary<string, string> to, string prefix,
        IReadOnlyDictionary<string, string>? rename)
    {
        var map = new KeyMap(PrefixOfNames(from, prefix), rename);
        foreach ((string key, string text) in from)
        {
            string? start = new[] { Prefix, StartValuesPrefix }
                .FirstOrDefault(start => key.StartsWith(start, StringComparison.Ordinal));
            if (start is null && prefix.Length == 0) to[key] = text;
            if (start is not null && map.Name(key[start.Length..]) is { } name) to[start + name] = text;
        }
    }

    /// <summary>
    /// Passes what the file says about start values to a state dict of its tensors. A value that is not a share from 0
    /// to 1 counts as unknown.
    /// </summary>
    /// <param name="metadata">The strings of the file.</param>
    /// <param name="state">The tensors of the file.</param>
    /// <param name="before">The prefix that the keys have and the names do not.</param>
    public static void ReadStartValuesLeft(IDictionary<string, string> metadata, StateDict state, string before = "")
    {
        foreach ((string key, string text) in metadata)
        {
            if (key.StartsWith(StartValuesPrefix, StringComparison.Ordinal)
                && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double left)
                && left is >= 0 and <= 1)
            {
                state.StartValuesLeft[before + key[StartValuesPrefix.Length..]] = left;
            }
        }
    }

    /// <summary>
    /// What a file says about the start values in the statistics of a norm; null if it says nothing.
    /// </summary>
    /// <param name="metadata">The strings of the file.</param>
    /// <param name="layer">The name of the norm in the file. In a trainer's checkpoint it has a prefix.</param>
    public static double? StartValuesLeft(IReadOnlyDictionary<string, string> metadata, string layer)
    {
        if (metadata.TryGetValue(KindKey, out string? kind) && kind == Checkpoint)
            layer = layer[(layer.IndexOf('.', StringComparison.Ordinal) + 1)..];
        return metadata.TryGetValue(StartValuesPrefix + layer, out string? text)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double left)
            && left is >= 0 and <= 1 ? left : null;
    }

    /// <summary>
    /// The states that the file has for layers of the model. Files of other programs and of earlier versions have none.
    /// The model is not changed here.
    /// </summary>
    /// <exception cref="InvalidDataException">A state is not one of the three.</exception>
    public static List<(string Name, ITrackingNorm Norm, NormState State)> Read(
        Module model, IDictionary<string, string> metadata, string path, KeyMap map)
    {
        Dictionary<string, string> texts = new(StringComparer.Ordinal);
        foreach ((string key, string value) in metadata)
        {
            if (!key.StartsWith(Prefix, StringComparison.Ordinal)) continue;
            if (map.Name(key[Prefix.Length..]) is { } name) texts[name] = value;
        }

        var states = new List<(string, ITrackingNorm, NormState)>();
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is not ITrackingNorm { TrackRunningStats: true } norm
                || !texts.TryGetValue(name, out string? text)) continue;
            NormState state = text switch
            {
                nameof(NormState.Active) => NormState.Active,
                nameof(NormState.FrozenStatistics) => NormState.FrozenStatistics,
                nameof(NormState.Frozen) => NormState.Frozen,
                _ => throw new InvalidDataException($"{path}: expected the state of {name} to be Active, "
                    + $"FrozenStatistics or Frozen, got \"{text}\". A later version wrote the file, or it is damaged; "
                    + $"remove the entry \"{Prefix}{name}\" from its metadata or fetch it again."),
            };
            states.Add((name, norm, state));
        }

        return states;
    }
}
