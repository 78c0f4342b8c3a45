using System.Globalization;
using System.Text;
using Evenkeel.Diagnostics;
using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>A norm of the network, and which of its channels were removed.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Of">Channels before.</param>
/// <param name="Removed">The channels that are gone, from 0 and in order.</param>
/// <param name="Reason">Why nothing was removed; null if something was, or if every channel carries something.</param>
public sealed record PrunedLayer(string Name, string Type, int Of, IReadOnlyList<int> Removed, string? Reason)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(PrunedLayer), PrintMembers);
}

/// <summary>A network without its constant channels, and the proof that it computes the same.</summary>
/// <param name="Model">The new network; the original is unchanged.</param>
/// <param name="Layers">All norms with running statistics, in the order of <see cref="Module.NamedModules"/>.</param>
/// <param name="OperationsBefore">Multiplications of linear layers and convolutions for one sample.</param>
/// <param name="OperationsAfter">The same in the new network.</param>
/// <param name="Proof">The two networks compared in their element type.</param>
/// <param name="Float64Proof">
/// The two networks compared in Float64. It is exact only where gamma is 0 or a channel is 0 behind ReLU; a channel
/// that is constant up to rounding differs by what it varied.
/// </param>
public sealed record PruneResult(
    Module Model, IReadOnlyList<PrunedLayer> Layers, long OperationsBefore, long OperationsAfter, FoldProof Proof,
    FoldProof Float64Proof)
{
    /// <summary>Channels that were removed in all.</summary>
    public int Removed => Layers.Sum(static layer => layer.Removed.Count);

    /// <summary>A table of the norms, the saving, and the proofs.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(3, "Layer", "Type", "Channels");
        foreach (PrunedLayer layer in Layers)
        {
            string now = layer.Removed.Count > 0 ? $"{layer.Removed.Count} of {layer.Of} removed"
                : layer.Reason is { } reason ? $"all {layer.Of} kept: {reason}"
                : $"all {layer.Of} carry something";
            grid.Add(layer.Name, layer.Type, now);
        }

        var text = new StringBuilder();
        grid.AppendTo(text);
        string before = OperationsBefore.ToString("N0", CultureInfo.InvariantCulture);
        string after = OperationsAfter.ToString("N0", CultureInfo.InvariantCulture);
        return text.Append($"Multiplications per sample: {before} before, {after} after\n").Append(Proof).Append('\n')
            .Append(Float64Proof).Append('\n').ToString();
    }
}

/// <summary>A network without biases before batch norms, and the proof that it computes the same.</summary>
/// <param name="Model">The new network; the original is unchanged.</param>
/// <param name="Layers">The dotted names of the layers that had a bias.</param>
/// <param name="Proof">The two networks compared in their element type.</param>
/// <param name="Float64Proof">The two networks compared in Float64.</param>
public sealed record BiasResult(
    Module Model, IReadOnlyList<string> Layers, FoldProof Proof, FoldProof Float64Proof)
{
    /// <summary>One line, and the proofs.</summary>
    public override string ToString() => Layers.Count == 0
        ? "No bias stands before a batch norm."
        : $"Without a bias now: {string.Join(", ", Layers)}\n{Proof}\n{Float64Proof}";
}
