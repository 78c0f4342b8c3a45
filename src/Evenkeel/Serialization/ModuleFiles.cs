using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Models to and from files: <c>model.Save(path)</c>, <c>model.Load(path)</c>.</summary>
public static class ModuleFiles
{
    extension(Module module)
    {
        /// <summary>
        /// Writes all parameters and buffers under PyTorch's keys as a safetensors file, which <c>safetensors.torch.load_file</c> reads; as a whole or not at all.
        /// Tied weights are written under each of their keys. A SHA-256 of the data goes into the metadata, and <see cref="Load"/> checks it.
        /// </summary>
        /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
        public void Save(string path)
        {
            ArgumentNullException.ThrowIfNull(module);
            var archive = new TensorArchive();
            archive.Metadata["format"] = "pt";
            foreach (Module.StateEntry entry in module.State()) archive.Add(entry.Key, entry.Live);
            SafeTensors.WriteWithChecksum(path, archive);
        }

        /// <summary>Reads a safetensors file of parameters and buffers into the model; see <see cref="Module.LoadStateDict"/>.</summary>
        /// <returns>What became of each key.</returns>
        /// <exception cref="IOException">The file is missing or cannot be read.</exception>
        /// <exception cref="InvalidDataException">It is truncated, damaged, or not a safetensors file.</exception>
        /// <exception cref="ArgumentException"><paramref name="strict"/>, and something does not fit; the model is unchanged.</exception>
        public LoadReport Load(string path, bool strict = true)
        {
            ArgumentNullException.ThrowIfNull(module);
            return module.LoadStateDict(SafeTensors.Read(path).StateDict(), strict);
        }
    }
}
