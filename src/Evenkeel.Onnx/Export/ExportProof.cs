using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Onnx.Export;

/// <summary>Runs a written model, and compares it with the network.</summary>
internal static class ExportProof
{
    /// <summary>
    /// The largest difference that rounding may make, as a share of the largest output: some hundred layers of
    /// float32.
    /// </summary>
    private const double Bound = 1e-4;

    /// <summary>Compares.</summary>
    /// <param name="file">The written model.</param>
    /// <param name="model">The network.</param>
    /// <param name="samples">Inputs of the network.</param>
    /// <param name="options">Names, and the preprocessing that the file has.</param>
    /// <param name="usesBatch">Whether a norm needs more than one sample.</param>
    /// <exception cref="InvalidOperationException">The outputs differ, or none is a number.</exception>
    public static FoldProof Of(
        ModelFile file, Module model, SampleInputs samples, OnnxExportOptions options, bool usesBatch)
    {
        OnnxModule written = file.ReadBack().ToModule();
        int[] sizes = samples.Batch is { } batch ? [batch] : usesBatch ? [3, 5] : [1, 5];
        FoldProof? worst = null;
        foreach (int size in sizes)
        {
            (Tensor first, Tensor? second) = samples.Draw(size, seed: (ulong)(10 + size));
            Tensor seen = options.PreprocessingInGraph ? options.Preprocessing!.Apply(first) : first;
            var tape = new Tape(Mode.Eval);
            Tensor expected = model.Run(tape.Input(seen), second is null ? null : tape.Input(second));
            var inputs = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [options.InputName] = first };
            if (second is not null) inputs.Add(options.SecondInputName, second);
            Tensor got = written.Run(inputs)[options.OutputName];
            FoldProof proof = Compare(model, expected, got);
            if (worst is null || !(proof.RelativeDifference <= worst.RelativeDifference)) worst = proof;
        }

        if (!(worst!.RelativeDifference <= Bound))
        {
            throw new InvalidOperationException(
                $"ExportOnnx: expected the file to compute what {model.GetType().Name} does, within {Bound:g3} of the "
                + $"largest output, got {worst}. Nothing was written. A module looks at values past the operations, or "
                + "is not deterministic in Eval; otherwise this is a defect of the export.");
        }

        return worst;
    }

    private static FoldProof Compare(Module model, Tensor expected, Tensor got)
    {
        if (expected.Shape != got.Shape || expected.DType != got.DType)
        {
            throw new InvalidOperationException(
                $"ExportOnnx: expected the file to give {expected.DType} of shape {expected.Shape} as "
                + $"{model.GetType().Name} does, got {got.DType} of shape {got.Shape}. Nothing was written.");
        }

        if (expected.DType == DType.Int64) (expected, got) = (expected.To(DType.Float64), got.To(DType.Float64));
        FoldProof proof = FoldProof.Of(expected, got);
        return proof.Outputs > 0 || expected.Count == 0
            ? proof
            : throw new InvalidOperationException(
                $"ExportOnnx: expected outputs of {model.GetType().Name} to compare with the file's, got none that is "
                + "a number. Look for the layer where they arise with Inspect.");
    }
}
