using Evenkeel.Nn;
using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>
/// A network as the doctor sees it: its layers in order, with weights, statistics and neighbours as far as they are
/// known. It is made from a module, from a file of tensors, or from a graph, and does not depend on which.
/// </summary>
public sealed class ExaminedNetwork
{
    /// <summary>A network.</summary>
    /// <param name="format">What it was made from, for people: <c>safetensors</c>, <c>ONNX</c>, <c>network</c>.</param>
    /// <param name="layers">Its layers: in the order of the data flow if that is known, else as in the file.</param>
    public ExaminedNetwork(string format, IReadOnlyList<ExaminedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        (Format, Layers) = (format, layers);
    }

    /// <summary>What it was made from, for people.</summary>
    public string Format { get; }

    /// <summary>All layers with weights or statistics.</summary>
    public IReadOnlyList<ExaminedLayer> Layers { get; }

    /// <summary>The norms among them.</summary>
    public IEnumerable<ExaminedNorm> Norms => Layers.OfType<ExaminedNorm>();

    /// <summary>The linear layers and convolutions among them.</summary>
    public IEnumerable<ExaminedLinear> Linears => Layers.OfType<ExaminedLinear>();

    /// <summary>
    /// Whether it is known which layer follows which. If not, <see cref="ExaminedNorm.Before"/> and the like are
    /// guessed from names, order and shapes, and <see cref="Assumptions"/> says so.
    /// </summary>
    public bool HasGraph { get; init; }

    /// <summary>What was assumed, one sentence each, for example the eps of a file that has none.</summary>
    public IReadOnlyList<string> Assumptions { get; init; } = [];

    /// <summary>What the graph says besides its layers; only a file of a graph has any.</summary>
    public IReadOnlyList<GraphRemark> Remarks { get; init; } = [];

    /// <summary>
    /// A module and all below it. The order of its layers is that in which they are registered, which in a
    /// <see cref="Sequential"/> is the order of the data.
    /// </summary>
    /// <param name="model">The module; it is not run or changed.</param>
    public static ExaminedNetwork Of(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return ModuleTree.Read(model);
    }

    /// <summary>
    /// A module and all below it, with the neighbours that one pass in Eval shows: which layer is before a norm, what
    /// is behind it, and how many values it normalizes.
    /// </summary>
    /// <param name="model">The module; it is run once, and not changed.</param>
    /// <param name="input">An input of the network, for example one sample.</param>
    /// <exception cref="ArgumentException">The network does not take an input of this shape.</exception>
    public static ExaminedNetwork Of(Module model, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        return ModuleTrace.Read(model, input);
    }

    /// <summary>Tensors under names, as a file has them: layers are recognized by names and shapes.</summary>
    /// <param name="archive">The tensors.</param>
    /// <param name="format">What they come from, for people.</param>
    /// <exception cref="InvalidDataException">The vectors of its layers take more than 1 GB.</exception>
    public static ExaminedNetwork Of(TensorArchive archive, string format = "tensors")
    {
        ArgumentNullException.ThrowIfNull(archive);
        return StateLayers.Read(new ArchiveSource(archive), format);
    }

    /// <summary>
    /// A file of tensors: safetensors (also several with an index), PyTorch, npz, npy or TorchSharp. Safetensors are
    /// read in pieces, in memory that does not grow with the file.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="skipUnknown">As in <see cref="TensorFile.Read"/>. Default: false.</param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, or of another kind. The message says what it is and what to do.
    /// </exception>
    public static ExaminedNetwork Read(string path, bool skipUnknown = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool isThere = File.Exists(path) || Directory.Exists(path);
        if (isThere && TensorFile.FormatOf(path) == TensorFormat.SafeTensors)
        {
            using var source = SafeTensorsSource.Open(path);
            return StateLayers.Read(source, TensorFile.NameOf(TensorFormat.SafeTensors));
        }

        TensorArchive archive = TensorFile.Read(path, skipUnknown);
        return Of(archive, TensorFile.NameOf(TensorFile.FormatOf(path)!.Value));
    }
}
