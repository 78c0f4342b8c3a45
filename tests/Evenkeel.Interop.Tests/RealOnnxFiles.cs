using System.Globalization;
using System.Reflection;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Microsoft.ML.OnnxRuntime;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// Networks that others trained, against ONNX Runtime: as they are, with their norms folded, and exported again.
/// </summary>
internal static class RealOnnxFiles
{
    /// <summary>The largest difference, as a share of the largest output.</summary>
    private const double Bound = 1e-4;

    private const int Inputs = 8;

    private sealed record Network(string Path, int[] Shape, double Scale, int Norms);

    /// <summary>Runs those that are here.</summary>
    /// <returns>0 if all are within the bound, else 1.</returns>
    public static int Run()
    {
        bool isWell = true;
        foreach (Network one in All())
        {
            if (!File.Exists(one.Path))
            {
                Console.WriteLine($"{Path.GetFileName(one.Path)}: skipped, it is not here");
                continue;
            }

            string folded = Path.GetTempFileName();
            try
            {
                isWell &= Compare(one, folded);
            }
            finally
            {
                File.Delete(folded);
            }
        }

        return isWell ? 0 : 1;
    }

    private static IEnumerable<Network> All()
    {
        string packages = typeof(RealOnnxFiles).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .First(static attribute => attribute.Key == "ResNet18").Value!;
        // Its inputs are 0 to 255 less the mean.
        yield return new Network(packages, [1, 3, 224, 224], 100, Norms: 22);
        if (RealFolder() is not { } folder) yield break;
        yield return new Network(
            Path.Combine(folder, "ch_ppocr_mobile_v2.0_cls_infer.onnx"), [1, 3, 48, 192], 1, Norms: 35);
        yield return new Network(Path.Combine(folder, "embedding_model.onnx"), [1, 76, 32, 1], 1, Norms: 0);
        yield return new Network(Path.Combine(folder, "hey_rhasspy_v0.1.onnx"), [1, 16, 96], 1, Norms: 0);
    }

    private static bool Compare(Network one, string foldedPath)
    {
        OnnxModule network = OnnxModel.Load(one.Path).ToModule();
        Tensor[] pictures = [.. Enumerable.Range(0, Inputs).Select(seed =>
            Tensor.RandomNormal(new Shape(one.Shape), new Philox((ulong)seed)) * one.Scale)];
        double imported = Difference(pictures, one.Path, network);
        FoldResult fold = network.Fold(pictures[0]);
        int foldedNorms = fold.Layers.Count(static layer => layer.Status != FoldStatus.Kept);
        var options = new OnnxExportOptions { AllowUntrainedStatistics = true };
        fold.Model.ExportOnnx(foldedPath, new Shape(one.Shape), options);
        double exported = Difference(pictures, foldedPath, network);
        bool isWell = imported <= Bound && exported <= Bound && foldedNorms >= one.Norms;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(isWell ? "" : "FAILED ")}{Path.GetFileName(one.Path)}: {Inputs} inputs, imported within {imported:g3} "
            + $"of ONNX Runtime, {foldedNorms} of {fold.Layers.Count} norms folded (at least {one.Norms} wanted), "
            + $"the folded file within {exported:g3}"));
        return isWell;
    }

    /// <summary>The largest difference between a network and a file in ONNX Runtime.</summary>
    private static double Difference(Tensor[] inputs, string path, OnnxModule network)
    {
        using var settings = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(path, settings);
        double difference = 0;
        foreach (Tensor x in inputs)
        {
            using OrtValue value = OrtValue.CreateTensorValueFromMemory(
                x.ToArray<float>(), [.. x.Shape.Select(static size => (long)size)]);
            using var run = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
                run, new Dictionary<string, OrtValue> { [session.InputNames[0]] = value }, [session.OutputNames[0]]);
            float[] mine = network.Predict(x).ToArray<float>();
            ReadOnlySpan<float> theirs = outputs[0].GetTensorDataAsSpan<float>();
            if (mine.Length != theirs.Length) return double.PositiveInfinity;
            double largest = 0, most = 0;
            for (int i = 0; i < mine.Length; i++)
            {
                largest = Math.Max(largest, Math.Abs(theirs[i]));
                most = Math.Max(most, Math.Abs((double)mine[i] - theirs[i]));
            }

            difference = Math.Max(difference, most / largest);
        }

        return difference;
    }

    private static string? RealFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "Evenkeel.slnx"))) continue;
            string real = Path.Combine(folder.FullName, "..", "shared", "data", "onnx", "real");
            return Directory.Exists(real) ? Path.GetFullPath(real) : null;
        }

        return null;
    }
}
