using Evenkeel.Nn;
using Evenkeel.Onnx.Export;
using Evenkeel.Onnx.Format;
using Evenkeel.Surgery;
using Evenkeel.Training;

namespace Evenkeel.Onnx;

/// <summary>Writes networks as ONNX files.</summary>
public static class OnnxExport
{
    private const int LeastOpset = 17;

    /// <summary>
    /// Writes a network as it computes in Eval. Any network can be written whose outputs come from its inputs through
    /// the library's operations: one pass is recorded, and each operation becomes nodes.
    /// </summary>
    /// <remarks>
    /// <para>Parameters and buffers keep the keys of the state dict as names. Weights that are computed from
    /// parameters (weight norm, spectral norm, weight standardization) are written as they are now, under the name of
    /// the weight. A batch norm has exactly one output and its running statistics.</para>
    /// <para>The metadata have the producer and its version, the hash of the weights, and what the options add.</para>
    /// <para>The file is proven before it is there: the bytes are read back, run, and compared with the network.</para>
    /// </remarks>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="path">The file. It appears whole or not at all.</param>
    /// <param name="inputShape">The shape of an input with its batch axis, for example [1, 3, 32, 32].</param>
    /// <param name="options">Opset, names, metadata and more. Default: null, those of a new object.</param>
    /// <returns>What was written, and how far its outputs are from the network's.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, or the shape is not the network's.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// Parts of the network have no form in ONNX, look at values past the operations, or depend on the batch. The
    /// message names all of them.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Running statistics have never been updated. Or the outputs of the file differ by more than 1e-4 of the largest.
    /// </exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static OnnxExportReport ExportOnnx(
        this Module model, string path, Shape inputShape, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Write(model, path, inputShape, null, options ?? OnnxExportOptions.Default);
    }

    /// <summary>The same for a network of two inputs.</summary>
    /// <param name="model">The network. It stays as it is.</param>
    /// <param name="path">The file. It appears whole or not at all.</param>
    /// <param name="inputShape">The shape of a first input with its batch axis.</param>
    /// <param name="secondShape">The shape of a second input with its batch axis.</param>
    /// <param name="options">Opset, names, metadata and more. Default: null, those of a new object.</param>
    /// <inheritdoc cref="ExportOnnx(Module, string, Shape, OnnxExportOptions?)" path="/remarks|/returns|/exception"/>
    public static OnnxExportReport ExportOnnx(
        this TwoInputModule model, string path, Shape inputShape, Shape secondShape, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Write(model, path, inputShape, secondShape, options ?? OnnxExportOptions.Default);
    }

    private static OnnxExportReport Write(
        Module model, string path, Shape inputShape, Shape? secondShape, OnnxExportOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        CheckOptions(options, inputShape);
        var samples = new SampleInputs(model, inputShape, secondShape, options);
        Module written = model;
        IReadOnlyList<string> folded = [];
        if (options.Fold) (written, folded) = Folded(model, samples, options);
        NetworkTrace trace = NetworkTrace.Of(written, samples);
        GraphWriter graph = Written(trace, options);
        ModelProto proto = graph.Finish(Path.GetFileNameWithoutExtension(path));
        ModelFile.Describe(proto, options, WeightsHash.Of(model), model);
        using var file = new ModelFile(proto, path, options.ExternalDataThreshold);
        FoldProof proof = ExportProof.Of(file, model, samples, options, usesBatch: graph.UsesBatchStatistics);
        file.Save();
        return new OnnxExportReport
        {
            Path = path,
            Opset = graph.Opset,
            IrVersion = (int)proto.IrVersion,
            Nodes = proto.Graph.Node.Count,
            Operators = proto.Graph.Node.GroupBy(static node => node.OpType, StringComparer.Ordinal)
                .OrderBy(static group => group.Key, StringComparer.Ordinal)
                .ToDictionary(static group => group.Key, static group => group.Count(), StringComparer.Ordinal),
            Decomposed = graph.Decomposed,
            Folded = folded,
            MaxDifference = proof.MaxDifference,
            RelativeDifference = proof.RelativeDifference,
        };
    }

    /// <summary>The graph. Without a wished opset it is written twice: the first time to see what is needed.</summary>
    private static GraphWriter Written(NetworkTrace trace, OnnxExportOptions options)
    {
        int opset = options.Opset ?? 0;
        if (opset == 0)
        {
            var trial = new GraphWriter(trace, options, opset: null);
            trial.WriteAll();
            opset = Math.Max(LeastOpset, trial.Needed);
        }

        var graph = new GraphWriter(trace, options, opset);
        graph.WriteAll();
        return graph;
    }

    private static (Module Model, IReadOnlyList<string> Folded) Folded(
        Module model, SampleInputs samples, OnnxExportOptions options)
    {
        (Tensor first, Tensor? second) = samples.Draw(samples.Batch ?? 2, seed: 3);
        FoldResult result = second is null ? model.Fold(first) : ((TwoInputModule)model).Fold(first, second);
        FoldedLayer[] folded = [.. result.Layers.Where(static layer => layer.Status != FoldStatus.Kept)];
        string[] untrained = [.. folded.Where(static layer => layer.Warning is not null)
            .Select(static layer => $"{layer.Name} ({layer.Type})")];
        if (untrained.Length > 0 && !options.AllowUntrainedStatistics) throw GraphWriter.Untrained(untrained);
        return (result.Model, [.. folded.Select(static layer => layer.Name)]);
    }

    private static void CheckOptions(OnnxExportOptions options, Shape inputShape)
    {
        if (options.Opset is { } opset && opset is < LeastOpset or > OnnxModel.LargestOpset)
        {
            throw new ArgumentOutOfRangeException(nameof(options),
                $"ExportOnnx: expected an opset from {LeastOpset} to {OnnxModel.LargestOpset}, got {options.Opset}.");
        }

        string[] names = [options.InputName, options.SecondInputName, options.OutputName];
        if (names.Any(string.IsNullOrWhiteSpace) || names.Distinct(StringComparer.Ordinal).Count() < names.Length)
        {
            throw new ArgumentException($"ExportOnnx: expected different names for inputs and output, got "
                + $"\"{string.Join("\", \"", names)}\".", nameof(options));
        }

        if (inputShape.Rank == 0)
        {
            throw new ArgumentException(
                "ExportOnnx: expected the shape of an input with its batch axis, got a scalar.", nameof(inputShape));
        }

        if (options.PreprocessingInGraph && options.Preprocessing is null)
        {
            throw new ArgumentException(
                "ExportOnnx: expected a preprocessing that goes into the graph, got none. Set Preprocessing.",
                nameof(options));
        }

        options.Preprocessing?.CheckFits(inputShape);
    }
}
