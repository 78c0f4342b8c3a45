using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Models to and from files: <c>model.Save(path)</c>, <c>model.Load(path)</c>.</summary>
public static class ModuleFiles
{
    extension(Module module)
    {
        /// <summary>
        /// Writes all parameters and buffers under PyTorch's keys as a safetensors file, which <c>safetensors.torch.load_file</c> reads; as a whole or not at all.
        /// Tied weights are written under each of their keys. The state of norms (<see cref="NormState"/>) and a SHA-256 of the data go into the metadata, which other programs pass over.
        /// </summary>
        /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
        public void Save(string path)
        {
            ArgumentNullException.ThrowIfNull(module);
            var archive = new TensorArchive();
            archive.Metadata["format"] = "pt";
            foreach (Module.StateEntry entry in module.StateEntries()) archive.Add(entry.Key, entry.Live);
            NormStates.Write(module, archive.Metadata);
            SafeTensors.WriteWithChecksum(path, archive);
        }

        /// <summary>Reads a safetensors file of parameters and buffers into the model; see <see cref="Module.LoadStateDict"/>.</summary>
        /// <remarks>
        /// Norms that were frozen when the file was written are frozen afterwards, unless their statistics did not fit (not <paramref name="strict"/>): start values are not worth freezing. A file thaws nothing:
        /// what is frozen stays so until <see cref="TrackingNorm.Unfreeze"/>.
        /// </remarks>
        /// <returns>What became of each key.</returns>
        /// <exception cref="IOException">The file is missing or cannot be read.</exception>
        /// <exception cref="InvalidDataException">It is truncated, damaged, or not a safetensors file.</exception>
        /// <exception cref="ArgumentException">
        /// <paramref name="strict"/>, and something does not fit; or <paramref name="checkValues"/>, and a number is
        /// impossible.
        /// The model is unchanged.
        /// </exception>
        public LoadReport Load(string path, bool strict = true, bool checkValues = true)
        {
            ArgumentNullException.ThrowIfNull(module);
            TensorArchive archive = SafeTensors.Read(path);
            List<(string Name, TrackingNorm Norm, NormState State)> states = NormStates.Read(module, archive.Metadata, path);
            LoadReport report = module.LoadStateDict(archive.StateDict(), strict, checkValues);
            HashSet<string> loaded = [.. report.KeysWith(LoadStatus.Loaded)];
            foreach ((string name, TrackingNorm norm, NormState state) in states)
            {
                if (state != NormState.Active && loaded.Contains(Module.Join(name, norm.Running!.Mean.Name))) norm.Set(state, nameof(Load));
            }

            return report;
        }
    }
}
