using Evenkeel.Data;
using Evenkeel.Onnx.Format;
using Evenkeel.Serialization;

namespace Evenkeel.Onnx;

public sealed partial class OnnxModel
{
    /// <summary>
    /// All weights and statistics. If the model can become a network they have the keys of its state dict, otherwise
    /// the names of the file. <see cref="Metadata"/> goes along.
    /// </summary>
    /// <remarks>
    /// Under the names of the file are the initializers and the tensors of Constant nodes, with the types that they
    /// have there. Those of types that nothing here reads, for example texts and numbers of 4 bits, are left out.
    /// </remarks>
    /// <exception cref="IOException">A file with weights beside the model is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// A tensor is damaged, or two have the same name. The message names it.
    /// </exception>
    public TensorArchive Tensors()
    {
        OnnxModule? module = null;
        try
        {
            module = ToModule();
        }
        catch (Exception refused) when (refused is OnnxNotSupportedException or InvalidDataException)
        {
            // The graph is no network, but its weights may be whole.
        }

        return module is null ? TensorsByName() : TensorsOf(module);
    }

    /// <summary>Whether a file with this content is one of ONNX.</summary>
    internal static bool IsFormat(FileFormat format) => format == FileFormat.OfOnnx;

    /// <summary>The tensors of the network that this model has become; they are not copied.</summary>
    internal TensorArchive TensorsOf(OnnxModule module)
    {
        TensorArchive archive = NewArchive();
        foreach (Nn.Module.StateEntry entry in module.StateEntries()) archive.Add(entry.Key, entry.Live);
        return archive;
    }

    /// <summary>The tensors under the names of the file.</summary>
    internal TensorArchive TensorsByName()
    {
        TensorArchive archive = NewArchive();
        ExternalData? external = External?.Again();
        foreach (TensorProto tensor in Proto.Graph.Initializer) Add(archive, tensor.Name, tensor, external);
        foreach (NodeProto node in Proto.Graph.Node)
        {
            if (node.OpType != "Constant" || !IsOnnx(node.Domain) || node.Output.Count == 0) continue;
            if (node.Attribute.FirstOrDefault(static attribute => attribute.Name == "value")?.T is { } tensor)
                Add(archive, node.Output[0], tensor, external);
        }

        return archive;
    }

    private TensorArchive NewArchive()
    {
        var archive = new TensorArchive { Source = Name };
        foreach ((string key, string text) in Metadata) archive.Metadata[key] = text;
        return archive;
    }

    private void Add(TensorArchive archive, string name, TensorProto tensor, ExternalData? external)
    {
        if (TensorType.Find(tensor.DataType) is { Element: null }) return;
        try
        {
            var content = TensorContent.Of(tensor, external);
            if (content.Type.Element!.IsNative && content.Type.Element.ShapeOf(content.Dimensions) is not null)
                archive.Add(name, content.ToTensor(name));
            else archive.Add(name, content.Bytes.ToArray(), content.Type.Element.Name, content.Dimensions);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or ArgumentException)
        {
            throw new InvalidDataException(
                $"OnnxModel \"{Name}\": expected weights that can be read, but {damaged.Message}. The file is damaged; "
                + "get it again.", damaged);
        }
    }
}
