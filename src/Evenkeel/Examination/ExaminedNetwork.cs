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
}
