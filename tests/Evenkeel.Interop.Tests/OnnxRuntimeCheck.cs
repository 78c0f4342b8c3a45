using System.Diagnostics;
using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Tests.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// Exports each layer with each option and each network, and runs the files in ONNX Runtime for two numbers of samples.
/// Files up to opset 17 also go through the checker of Debian's python3-onnx where it is installed.
/// </summary>
internal static class OnnxRuntimeCheck
{
    /// <summary>The largest difference, as a share of the largest output: rounding in another order.</summary>
    private const double Bound = 1e-5;

    /// <summary>The last opset that the checker knows.</summary>
    private const int CheckerOpset = 17;

    /// <summary>Runs all cases whose name has a part.</summary>
    /// <returns>0 if all are within the bound, else 1.</returns>
    public static int Run(string part)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("evenkeel-onnx-");
        try
        {
            return Run(part, folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int Run(string part, string folder)
    {
        int passed = 0, failed = 0;
        double largest = 0;
        string worst = "none";
        var checkable = new List<string>();
        foreach ((string name, ExportCase one) in ExportCases.All)
        {
            if (!name.Contains(part, StringComparison.Ordinal)) continue;
            string path = Path.Combine(folder, $"{passed + failed}.onnx");
            try
            {
                Module model = ExportCases.Trained(one);
                OnnxExportReport report = ExportCases.Export(model, one, path);
                double difference = Difference(model, one, path);
                if (report.Opset <= CheckerOpset) checkable.Add(path);
                if (!(difference <= Bound)) throw new InvalidOperationException($"differs by {difference:g3}");
                if (difference > largest) (largest, worst) = (difference, name);
                passed++;
            }
            catch (Exception exception)
            {
                failed++;
                Console.WriteLine($"FAILED {name}: {exception.Message}");
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}: {passed} of {passed + failed} within {Bound:g}; "
            + $"largest relative difference {largest:g3} ({worst})"));
        return failed == 0 & Check(checkable) ? 0 : 1;
    }

    private static double Difference(Module model, ExportCase one, string path)
    {
        using var settings = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(path, settings);
        int[] sizes = !one.Options.DynamicBatch ? [one.Shape[0]] : one.Options.AllowBatchStatistics ? [3, 5] : [1, 5];
        double difference = 0;
        foreach (int size in sizes)
        {
            Tensor x = Draw(one.Shape, size, one.Options.InputType, seed: (ulong)size);
            Tensor? second = one.Second is { } shape ? Draw(shape, size, one.Options.SecondInputType, 99) : null;
            var inputs = new Dictionary<string, OrtValue> { [one.Options.InputName] = Value(x) };
            if (second is not null) inputs.Add(one.Options.SecondInputName, Value(second));
            using var run = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                session.Run(run, inputs, [one.Options.OutputName]);
            Tensor seen = one.Options is { PreprocessingInGraph: true, Preprocessing: { } preprocessing }
                ? Preprocessed(x, preprocessing)
                : x;
            var tape = new Tape(Mode.Eval);
            Tensor expected = second is null
                ? model.Forward(tape.Input(seen))
                : ((TwoInputModule)model).Forward(tape.Input(seen), tape.Input(second));
            difference = Math.Max(difference, Difference(expected, outputs[0]));
            foreach (OrtValue input in inputs.Values) input.Dispose();
        }

        return difference;
    }

    private static double Difference(Tensor expected, OrtValue got)
    {
        long[] shape = got.GetTensorTypeAndShape().Shape;
        if (!shape.SequenceEqual(expected.Shape.Select(static size => (long)size)))
        {
            throw new InvalidOperationException(
                $"expected a result of shape {expected.Shape}, got ({string.Join(", ", shape)})");
        }

        if (expected.DType == DType.Int64)
            return expected.AsSpan<long>().SequenceEqual(got.GetTensorDataAsSpan<long>()) ? 0 : 1;
        double largest = 0, difference = 0;
        ReadOnlySpan<float> mine = expected.AsSpan<float>(), theirs = got.GetTensorDataAsSpan<float>();
        for (int i = 0; i < mine.Length; i++)
        {
            if (mine[i].Equals(theirs[i])) continue;
            largest = Math.Max(largest, Math.Abs(mine[i]));
            difference = Math.Max(difference, Math.Abs((double)mine[i] - theirs[i]));
        }

        foreach (float value in mine) largest = Math.Max(largest, Math.Abs(value));
        return difference == 0 ? 0 : difference / largest;
    }

    private static Tensor Draw(int[] sizes, int samples, DType? type, ulong seed)
    {
        Shape shape = sizes.Length == 0 ? new Shape() : new Shape(sizes).With(0, samples);
        if (type == DType.Int64)
            return Tensor.From([.. Enumerable.Range(0, shape.Count).Select(static i => (long)(i * i % 3))], shape);
        return Tensor.RandomNormal(shape, new Philox(seed, "runtime"));
    }

    private static Tensor Preprocessed(Tensor x, OnnxPreprocessing preprocessing)
    {
        int[] perChannel = [preprocessing.Mean.Count, 1, 1];
        Tensor mean = Tensor.From([.. preprocessing.Mean], new Shape(perChannel)).To(DType.Float32),
            std = Tensor.From([.. preprocessing.Std], new Shape(perChannel)).To(DType.Float32);
        return ((x * preprocessing.Scale) - mean) / std;
    }

    private static OrtValue Value(Tensor x)
    {
        long[] shape = [.. x.Shape.Select(static size => (long)size)];
        return x.DType == DType.Int64
            ? OrtValue.CreateTensorValueFromMemory(x.ToArray<long>(), shape)
            : OrtValue.CreateTensorValueFromMemory(x.ToArray<float>(), shape);
    }

    /// <summary>Runs the checker over files; true if it is not there.</summary>
    private static bool Check(IReadOnlyList<string> paths)
    {
        const string Script = """
            import sys
            try:
                import onnx
            except ImportError:
                print("skipped"); sys.exit(0)
            bad = 0
            for path in sys.argv[1:]:
                try:
                    onnx.checker.check_model(onnx.load(path), full_check=True)
                except Exception as error:
                    bad += 1
                    print(path, str(error).splitlines()[0])
            print(f"onnx.checker {onnx.__version__}: {len(sys.argv) - 1 - bad} of {len(sys.argv) - 1} files")
            sys.exit(1 if bad else 0)
            """;
        try
        {
            var start = new ProcessStartInfo("/usr/bin/python3", ["-c", Script, .. paths])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            using Process python = Process.Start(start)!;
            string text = python.StandardOutput.ReadToEnd().TrimEnd();
            python.WaitForExit();
            Console.WriteLine(text == "skipped" ? "onnx.checker: skipped, python3-onnx is not installed" : text);
            return python.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Console.WriteLine("onnx.checker: skipped, there is no /usr/bin/python3");
            return true;
        }
    }
}
