using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;
using Google.Protobuf;

namespace Evenkeel.Onnx;

/// <summary>The outcome of a test in the layout of ONNX's own.</summary>
/// <param name="Test">The name of the folder.</param>
/// <param name="Result">passed, failed or unsupported.</param>
/// <param name="Why">What differs, or what is not supported; empty if it passed.</param>
internal sealed record TestOutcome(string Test, string Result, string Why);

/// <summary>
/// Runs a test in the layout of ONNX's own: <c>model.onnx</c> and folders <c>test_data_set_N</c> with
/// <c>input_I.pb</c> and <c>output_I.pb</c>, a tensor message each. Or that of its light models: <c>NAME.onnx</c> with
/// <c>NAME_output_I.pb</c>, whose inputs are i/n for the i-th of n values.
/// </summary>
internal static class TestFolder
{
    private const double Relative = 1e-3, Absolute = 1e-7;

    /// <summary>The tests in a folder and below it, in the order of their paths: folders, and files of light models.
    /// </summary>
    public static IEnumerable<string> Below(string folder) =>
        Directory.EnumerateFiles(folder, "*.onnx", SearchOption.AllDirectories)
            .Select(static file => Path.GetFileName(file) == "model.onnx" ? Path.GetDirectoryName(file)!
                : File.Exists(LightOutput(file, 0)) ? file
                : null)
            .OfType<string>().Order(StringComparer.Ordinal);

    /// <summary>Runs a test.</summary>
    /// <param name="path">One of <see cref="Below"/>.</param>
    public static TestOutcome Run(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        bool isLight = File.Exists(full);
        string name = isLight ? Path.GetFileNameWithoutExtension(full) : Path.GetFileName(full);
        try
        {
            OnnxModel model = OnnxModel.Load(isLight ? full : Path.Combine(full, "model.onnx"));
            OnnxModule module = model.ToModule();
            string? difference = isLight ? LightDifference(model, module, full) : Difference(module, full);
            return new TestOutcome(name, difference is null ? "passed" : "failed", difference ?? "");
        }
        catch (OnnxNotSupportedException refused)
        {
            return new TestOutcome(name, "unsupported", string.Join("; ",
                refused.Problems.Select(static problem => $"{problem.Operator}: {problem.Reason}")
                    .Distinct(StringComparer.Ordinal)));
        }
        catch (Exception failure)
        {
            // One test, whatever it does, must not keep the others from being run.
            bool isRefused = failure is InvalidDataException { InnerException: Refusal };
            return new TestOutcome(name, isRefused ? "unsupported" : "failed", failure.Message);
        }
    }

    private static string LightOutput(string model, int output) =>
        $"{model[..^".onnx".Length]}_output_{output}.pb";

    private static string? LightDifference(OnnxModel model, OnnxModule module, string path)
    {
        var inputs = new Tensor[model.Inputs.Count];
        for (int i = 0; i < inputs.Length; i++) inputs[i] = Ramp(model.Inputs[i]);
        Value[] outputs = module.Execute(inputs);
        for (int i = 0; i < outputs.Length; i++)
        {
            string file = LightOutput(path, i);
            if (!File.Exists(file)) continue;
            if (Difference(Read(file), outputs[i]) is { } difference) return $"output {i} {difference}";
        }

        return null;
    }

    /// <summary>The input of ONNX's light models: i/n for the i-th of n values.</summary>
    private static Tensor Ramp(OnnxValueInfo input)
    {
        var shape = new Shape([.. input.Shape!.Select(static size => (int)(size.Size ?? 1))]);
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++) values[i] = (float)((double)i / values.Length);
        return Tensor.From(values, shape);
    }

    /// <summary>What differs from the outputs of a test's sets; null if nothing does.</summary>
    private static string? Difference(OnnxModule module, string folder)
    {
        string[] sets = [.. Directory.EnumerateDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal)];
        return sets.Length == 0 ? "it has no test_data_set"
            : sets.Select(set => SetDifference(module, set)).FirstOrDefault(static found => found is not null);
    }

    /// <summary>What differs from the outputs of a set; null if nothing does.</summary>
    private static string? SetDifference(OnnxModule module, string set)
    {
        var inputs = new Tensor[module.Inputs.Count];
        for (int i = 0; i < inputs.Length; i++) inputs[i] = Read(Path.Combine(set, $"input_{i}.pb")).Tensor;
        Value[] outputs = module.Execute(inputs);
        for (int i = 0; i < outputs.Length; i++)
        {
            string file = Path.Combine(set, $"output_{i}.pb");
            if (!File.Exists(file)) continue;
            if (Difference(Read(file), outputs[i]) is { } difference)
                return $"output {i} of {Path.GetFileName(set)} {difference}";
        }

        return null;
    }

    private static Value Read(string path)
    {
        TensorProto tensor;
        try
        {
            tensor = TensorProto.Parser.ParseFrom(File.ReadAllBytes(path));
        }
        catch (InvalidProtocolBufferException damaged)
        {
            throw new InvalidDataException($"\"{path}\" holds no tensor: {damaged.Message}", damaged);
        }

        return new Value(TensorContent.Of(tensor, external: null), Path.GetFileName(path));
    }

    private static string? Difference(Value expected, Value got)
    {
        if (expected.Shape != got.Shape) return $"has the shape {got.Shape} instead of {expected.Shape}";
        if (expected.Type != got.Type) return $"is {got.Type} instead of {expected.Type}";
        if (!expected.IsFloat)
        {
            return expected.ToLongs().AsSpan().SequenceEqual(got.ToLongs()) ? null : "has other whole numbers";
        }

        double[] right = Wide(expected), ours = Wide(got);
        // Half precision rounds its results to 11 bits, bfloat16 to 8.
        double relative = expected.Type == TensorType.BFloat16 ? 1e-2 : Relative;
        double absolute = expected.Type == TensorType.Float16 ? 1e-3 : Absolute;
        double worst = 0;
        int at = -1;
        for (int i = 0; i < right.Length; i++)
        {
            if (right[i].Equals(ours[i])) continue;
            double excess = Math.Abs(right[i] - ours[i]) / (absolute + (relative * Math.Abs(right[i])));
            if (!(excess <= Math.Max(1, worst))) (worst, at) = (double.IsNaN(excess) ? double.MaxValue : excess, i);
        }

        return at < 0 ? null : $"has {ours[at]:g7} instead of {right[at]:g7} at place {at}";
    }

    private static double[] Wide(Value value) => value.Tensor.Detach().To(DType.Float64).ToArray<double>();
}
