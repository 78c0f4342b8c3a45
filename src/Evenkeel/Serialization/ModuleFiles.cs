using System.Collections.ObjectModel;
using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Writes models to files and reads them: <c>model.Save(path)</c>, <c>model.Load(path)</c>.</summary>
public static class ModuleFiles
{
    extension(Module module)
    {
        /// <summary>
        /// Writes all parameters and buffers under PyTorch's keys as a safetensors file, as a whole or not at all.
        /// <c>safetensors.torch.load_file</c> reads the file. Tied weights are written under each of their keys. The
        /// state of norms (<see cref="NormState"/>) and checksums go into the metadata, which other programs ignore. A
        /// file that another program writes with the same metadata is read like any other.
        /// </summary>
        /// <param name="path">The file.</param>
        /// <param name="metadata">
        /// Texts that go along, for example the names of the classes; <see cref="TensorArchive.Metadata"/> of
        /// <see cref="SafeTensors.Read(string)"/> has them again. The library's own win over them. Default: none.
        /// </param>
        /// <exception cref="IOException">The file could not be written. An older file stays unchanged.</exception>
        public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null)
        {
            ArgumentNullException.ThrowIfNull(module);
            var archive = new TensorArchive();
            foreach ((string name, string text) in metadata ?? ReadOnlyDictionary<string, string>.Empty)
                archive.Metadata[name] = text;
            archive.Metadata["format"] = "pt";
            foreach (Module.StateEntry entry in module.StateEntries()) archive.Add(entry.Key, entry.Live);
            NormStates.Write(module, archive.Metadata);
            SafeTensors.WriteSealed(path, archive);
        }

        /// <summary>
        /// Reads a safetensors file of parameters and buffers into the model; see <see cref="Module.LoadStateDict"/>.
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
        /// The prefix that the file has before the model's keys. It is removed; keys without it are ignored. Use
        /// <c>module.</c> for a model that PyTorch's <c>DataParallel</c> wrapped, and <c>model.</c> or <c>best.</c> for
        /// the last or the best model in a checkpoint of a trainer.
        /// </param>
        /// <returns>What happened to each key.</returns>
        /// <exception cref="IOException">The file is missing or cannot be read.</exception>
        /// <exception cref="InvalidDataException">It is truncated, damaged, or not a safetensors file; the message says
        /// what it is.</exception>
        /// <exception cref="ArgumentException">
        /// <paramref name="strict"/> is set and something does not fit, or <paramref name="checkValues"/> is set and a
        /// number is impossible. The model is unchanged.
        /// </exception>
        public LoadReport Load(string path, bool strict = true, bool checkValues = true, string prefix = "")
        {
            ArgumentNullException.ThrowIfNull(module);
            TensorArchive archive = SafeTensors.Read(path);
            string names = NormStates.PrefixOfNames(archive.Metadata, prefix);
            List<(string Name, ITrackingNorm Norm, NormState State)> states =
                NormStates.Read(module, archive.Metadata, path, names);
            StateDict values = archive.StateDict();
            NormStates.ReadStartValuesLeft(archive.Metadata, values, before: prefix[names.Length..]);
            LoadReport report = module.LoadStateDict(values, strict, checkValues, prefix);
            HashSet<string> loaded = [.. report.KeysWith(LoadStatus.Loaded), .. report.KeysWith(LoadStatus.Tied)];
            foreach ((string name, ITrackingNorm norm, NormState state) in states)
            {
                if (state != NormState.Active && loaded.Contains(Module.Join(name, norm.Running!.Mean.Name)))
                    norm.Set(state, nameof(Load));
            }

            return report;
        }
    }
}
