namespace Evenkeel.Onnx;

/// <summary>How a network is written to an ONNX file.</summary>
public sealed class OnnxExportOptions
{
    /// <summary>
    /// The version of ONNX's operators, 17 to 26. What it does not have yet is written as several older operators.
    /// Default: null, the lowest version from 17 on that has every operator that the network needs.
    /// </summary>
    public int? Opset { get; init; }

    /// <summary>
    /// Whether norms become part of the layers next to them before the network is written; see
    /// <see cref="Surgery.Folding.Fold(Nn.Module, Tensor, double?)"/>. Default: false.
    /// </summary>
    public bool Fold { get; init; }

    /// <summary>
    /// Whether the file takes any number of samples. Otherwise it takes as many as the given shape has. Default: true.
    /// </summary>
    public bool DynamicBatch { get; init; } = true;

    /// <summary>The name of the input. Default: "input".</summary>
    public string InputName { get; init; } = "input";

    /// <summary>The name of the second input of a network of two. Default: "second".</summary>
    public string SecondInputName { get; init; } = "second";

    /// <summary>The name of the output. Default: "output".</summary>
    public string OutputName { get; init; } = "output";

    /// <summary>
    /// The type of the input's values: Int64 for a network that begins with an embedding. Default: null, the type of
    /// the weights.
    /// </summary>
    public DType? InputType { get; init; }

    /// <summary>The type of the second input's values. Default: null, the type of the weights.</summary>
    public DType? SecondInputType { get; init; }

    /// <summary>The names of the classes, which go into the file's metadata. Default: null, none.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>
    /// What the inputs went through before the network saw them in training; it goes into the file's metadata.
    /// Default: null, nothing.
    /// </summary>
    public OnnxPreprocessing? Preprocessing { get; init; }

    /// <summary>
    /// Whether <see cref="Preprocessing"/> is part of the graph. The file then takes values as they are before it.
    /// Default: false.
    /// </summary>
    public bool PreprocessingInGraph { get; init; }

    /// <summary>More texts for the file's metadata. Default: null, none.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>
    /// Whether norms are written whose running statistics have never seen a batch. Default: false, they are refused.
    /// </summary>
    public bool AllowUntrainedStatistics { get; init; }

    /// <summary>
    /// Whether norms are written that take the statistics of the batch they are given. The output for a sample then
    /// depends on the samples beside it. Default: false, they are refused.
    /// </summary>
    public bool AllowBatchStatistics { get; init; }

    /// <summary>
    /// Weights of more bytes than this are written to a file of their own, with <c>.data</c> after the name of the
    /// model. ONNX allows no file of 2 GB or more. Default: 1 GB (2^30).
    /// </summary>
    public long ExternalDataThreshold { get; init; } = 1L << 30;

    internal static OnnxExportOptions Default { get; } = new();
}
