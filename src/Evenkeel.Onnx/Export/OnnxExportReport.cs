using System.Globalization;

namespace Evenkeel.Onnx;

/// <summary>What was written, and the proof that the file computes what the network does.</summary>
/// <remarks>
/// The proof reads the written bytes back, runs them on seeded inputs, for two numbers of samples if that is open, and
/// compares the outputs with the network's.
/// </remarks>
public sealed class OnnxExportReport
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>The version of ONNX's operators.</summary>
    public required int Opset { get; init; }

    /// <summary>The version of the file's format.</summary>
    public required int IrVersion { get; init; }

    /// <summary>Number of nodes of the graph.</summary>
    public required int Nodes { get; init; }

    /// <summary>How often each operator is in the graph.</summary>
    public required IReadOnlyDictionary<string, int> Operators { get; init; }

    /// <summary>What is written as several operators although a later opset has one for it.</summary>
    public required IReadOnlyList<string> Decomposed { get; init; }

    /// <summary>The layers whose norms were folded.</summary>
    public required IReadOnlyList<string> Folded { get; init; }

    /// <summary>The largest difference of an output to the network's.</summary>
    public required double MaxDifference { get; init; }

    /// <summary>The largest difference as a share of the largest output.</summary>
    public required double RelativeDifference { get; init; }

    /// <summary>A few lines.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Path}: opset {Opset}, {Nodes} nodes, outputs within {MaxDifference:G3} ({RelativeDifference:G3} of the "
        + $"largest)")
        + (Decomposed.Count == 0 ? "" : $"\nwritten as older operators: {string.Join(", ", Decomposed)}")
        + (Folded.Count == 0 ? "" : $"\nfolded: {string.Join(", ", Folded)}");
}
