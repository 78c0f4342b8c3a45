using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Writes models to files and reads them: <c>model.Save(path)</c>, <c>model.Load(path)</c>.</summary>
public static class ModuleFiles
{
    extension(Module module)
    {
        /// <summary>
        /// Writes all parameters and buffers under PyTorch's keys, as a whole or not at all. The name of the file says
        /// its format, see <see cref="TensorFile.Write(string, TensorArchive)"/>. Without a known ending it is
        /// safetensors, which <c>safetensors.torch.load_file</c> reads. Tied weights are written under each of their
        /// keys. The state of norms (<see cref="NormState"/>) goes into the metadata of safetensors and PyTorch's
        /// files, checksums into that of safetensors; other programs ignore both. A file that another program writes
        /// with the same metadata is read like any other.
        /// </summary>
        /// <param name="path">The file.</param>
        /// <param name="options">The type of the numbers, and texts that go along. Default: those of
        /// <see cref="SaveOptions"/>.</param>
        /// <exception cref="IOException">The file could not be written. An older file stays unchanged.</exception>
        /// <exception cref="ArgumentException">The options ask for a type that does not hold a value.</exception>
        public void Save(string path, SaveOptions? options = null)
        {
            ArgumentNullException.ThrowIfNull(module);
            ArgumentException.ThrowIfNullOrEmpty(path);
            options ??= new SaveOptions();
            var archive = new TensorArchive();
            foreach ((string name, string text) in options.Metadata) archive.Metadata[name] = text;
            archive.Metadata["format"] = "pt";
            foreach (Module.StateEntry entry in module.StateEntries()) archive.Add(entry.Key, entry.Live);
            NormStates.Write(module, archive.Metadata);
            if (options.Type is { } type) archive = archive.ConvertedTo(type);
            TensorFile.Write(path, archive, isSealed: true);
        }

        /// <summary>
        /// Reads a file of parameters and buffers into the model: safetensors (also in several files, by its index),
        /// PyTorch's .pt and .pth, npz, or TorchSharp's .dat. See <see cref="Module.LoadStateDict"/> and
        /// <see cref="TensorFile.Read"/>.
        /// </summary>
        /// <remarks>
        /// Norms that were frozen when the file was written are frozen afterwards. The exception is a norm whose
        /// statistics did not fit (without <paramref name="strict"/>), because frozen start values would be useless. A
        /// file unfreezes nothing: a frozen norm stays frozen until <see cref="NormFreezing.Unfreeze"/>.
        /// </remarks>
        /// <param name="path">The file.</param>
        /// <param name="strict">See <see cref="Module.LoadStateDict"/>.</param>
        /// <param name="checkValues">See <see cref="Module.LoadStateDict"/>.</param>
        /// <param name="prefix">
        /// The prefix that the file has before the model's keys, for example <c>module.</c> of PyTorch's
        /// <c>DataParallel</c>, <c>state_dict.</c> of a checkpoint, or <c>model.</c> and <c>best.</c> for the last and
        /// the best model in a checkpoint of a trainer. It is removed; keys without it are ignored. Default: null,
        /// which takes the one prefix that leads to all of the model's keys (without <paramref name="strict"/>: to most
        /// of them), and none if several do.
        /// <see cref="LoadReport.Prefix"/> says which it was.
        /// </param>
        /// <param name="rename">See <see cref="Module.LoadStateDict"/>.</param>
        /// <param name="keep">See <see cref="Module.LoadStateDict"/>.</param>
        /// <param name="skipUnknown">See <see cref="TensorFile.Read"/>. Default: false.</param>
        /// <returns>What happened to each key.</returns>
        /// <exception cref="IOException">The file is missing or cannot be read.</exception>
        /// <exception cref="InvalidDataException">It is truncated, damaged, or of another kind; the message says what
        /// it is.</exception>
        /// <exception cref="ArgumentException">
        /// <paramref name="strict"/> is set and something does not fit, or <paramref name="checkValues"/> is set and a
        /// number is impossible. The model is unchanged.
        /// </exception>
        public LoadReport Load(string path, bool strict = true, bool checkValues = true, string? prefix = null,
            IReadOnlyDictionary<string, string>? rename = null, IReadOnlyList<string>? keep = null,
            bool skipUnknown = false)
        {
            ArgumentNullException.ThrowIfNull(module);
            TensorArchive archive = TensorFile.Read(path, skipUnknown);
            prefix = KeyMap.Whole(prefix ?? FindPrefix(module, archive, rename, keep, strict));
            var map = new KeyMap(prefix, rename);
            HashSet<string> own = module.StateEntries().Select(static entry => entry.Key).ToHashSet(
                StringComparer.Ordinal);
            // What the model has no key for is not widened: its name and shape say enough.
            StateDict values = archive.StateDict(name => map.Key(name) is { } key && own.Contains(key));
            string names = NormStates.PrefixOfNames(archive.Metadata, prefix);
            List<(string Name, ITrackingNorm Norm, NormState State)> states =
                NormStates.Read(module, archive.Metadata, path, new KeyMap(names, rename));
            NormStates.ReadStartValuesLeft(archive.Metadata, values, before: prefix[names.Length..]);
            LoadReport report = module.LoadStateDict(values, strict, checkValues, prefix, rename, keep);
            HashSet<string> loaded = [.. report.KeysWith(LoadStatus.Loaded), .. report.KeysWith(LoadStatus.Tied)];
            foreach ((string name, ITrackingNorm norm, NormState state) in states)
            {
                if (state != NormState.Active && loaded.Contains(Module.Join(name, norm.Running!.Mean.Name)))
                    norm.Set(state, nameof(Load));
            }

            return report;
        }
    }

    /// <summary>The prefix of the model in a file, if nobody says which.</summary>
    private static string FindPrefix(Module module, TensorArchive archive, IReadOnlyDictionary<string, string>? rename,
        IReadOnlyList<string>? keep, bool strict)
    {
        IEnumerable<string> needed = from entry in module.StateEntries()
                                     where !entry.Optional
                                         && !(keep ?? []).Any(part => Module.IsUnder(part.TrimEnd('.'), entry.Key))
                                     select entry.Key;
        return KeyMap.FindPrefix(needed.ToHashSet(StringComparer.Ordinal), archive.Names, rename, strict);
    }
}
