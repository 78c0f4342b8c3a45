using System.Globalization;
using System.Runtime.InteropServices;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Tests.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Imports random small graphs, one of each operator in turn, and compares them with ONNX Runtime.</summary>
internal static class OnnxImportFuzz
{
    /// <summary>Compares so many graphs.</summary>
    /// <returns>0 if all results agree, else 1.</returns>
    public static int Run(int cases, int seed, string part)
    {
        (int compared, int refused, int invalid, int failed) = (0, 0, 0, 0);
        var reasons = new Dictionary<string, int>(StringComparer.Ordinal);
        string[] names = [.. OnnxImportCases.All.Keys.Where(name => name.Contains(part, StringComparison.Ordinal))];
        for (int i = 0; i < cases; i++)
        {
            string name = names[i % names.Length];
            var one = new OnnxImportCase(new Draw(seed, i));
            OnnxImportCases.All[name](one);
            Dictionary<string, OrtResult>? expected = Runtime(one);
            if (expected is null)
            {
                invalid++;
                continue;
            }

            string? reason = null;
            try
            {
                reason = Difference(one, expected);
            }
            catch (OnnxNotSupportedException refusal)
            {
                refused++;
                string key = $"{name}: {refusal.Problems[0].Reason}";
                reasons[key] = reasons.GetValueOrDefault(key) + 1;
                continue;
            }
            catch (Exception exception)
            {
                reason = exception.ToString().Split('\n') is var lines ? string.Join(" ", lines.Take(3)) : "";
            }

            compared++;
            if (reason is null) continue;
            failed++;
            if (failed <= 60) Console.WriteLine($"FAILED {name} ({i}): {reason}\n    {one}");
        }

        foreach ((string key, int count) in reasons.OrderByDescending(static entry => entry.Value))
            Console.WriteLine($"refused {count}: {key}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"seed {seed}: {compared - failed} of {compared} graphs agree with ONNX Runtime "
            + $"{OrtEnv.Instance().GetVersionString()}; {refused} are refused here, {invalid} there"));
        return failed == 0 ? 0 : 1;
    }

    private sealed record OrtResult(long[] Shape, double[] Values);

    private static Dictionary<string, OrtResult>? Runtime(OnnxImportCase one)
    {
        var inputs = new Dictionary<string, OrtValue>();
        try
        {
            using var settings = new SessionOptions
            {
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
                IntraOpNumThreads = 1,
            };
            using var session = new InferenceSession(one.Graph.ToBytes(), settings);
            foreach ((string name, (int type, Tensor x)) in one.Inputs) inputs[name] = Value(type, x);
            using var run = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            string[] names = [.. session.OutputMetadata.Keys];
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, inputs, names);
            return names.Zip(outputs).ToDictionary(static pair => pair.First, static pair => Read(pair.Second));
        }
        catch (OnnxRuntimeException)
        {
            return null;
        }
        finally
        {
            foreach (OrtValue input in inputs.Values) input.Dispose();
        }
    }

    private static OrtResult Read(OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        double[] values = info.ElementDataType switch
        {
            TensorElementType.Float => Doubles<float>(value),
            TensorElementType.Double => Doubles<double>(value),
            TensorElementType.Int64 => Doubles<long>(value),
            TensorElementType.Int32 => Doubles<int>(value),
            TensorElementType.UInt8 => Doubles<byte>(value),
            TensorElementType.Int8 => Doubles<sbyte>(value),
            TensorElementType.Float16 => [.. value.GetTensorDataAsSpan<Float16>().ToArray().Select(static f =>
                (double)(float)f)],
            TensorElementType.Bool => [.. value.GetTensorDataAsSpan<bool>().ToArray().Select(static b => b ? 1.0 : 0)],
            _ => throw new InvalidOperationException($"no reader for {info.ElementDataType}"),
        };
        return new OrtResult(info.Shape, values);
    }

    private static double[] Doubles<T>(OrtValue value)
        where T : unmanaged, System.Numerics.INumber<T> =>
        [.. value.GetTensorDataAsSpan<T>().ToArray().Select(double.CreateChecked)];

    private static OrtValue Value(int type, Tensor x)
    {
        long[] shape = [.. x.Shape.Select(static size => (long)size)];
        return type switch
        {
            7 => OrtValue.CreateTensorValueFromMemory(x.ToArray<long>(), shape),
            6 => OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(x.ToArray<long>(), static v => (int)v), shape),
            9 => OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(x.ToArray<long>(), static v => v != 0), shape),
            11 => OrtValue.CreateTensorValueFromMemory(x.ToArray<double>(), shape),
            _ => OrtValue.CreateTensorValueFromMemory(x.ToArray<float>(), shape),
        };
    }

    /// <summary>The first difference; null if there is none.</summary>
    private static string? Difference(OnnxImportCase one, Dictionary<string, OrtResult> expected)
    {
        OnnxModule module = one.Graph.ToModule();
        var tape = new Tape(Mode.Eval, recordGradients: false);
        IReadOnlyDictionary<string, Tensor> got = module.Run(
            one.Inputs.ToDictionary(static entry => entry.Key, entry => tape.Input(entry.Value.X)));
        if (Difference(got, expected, one.Bound) is { } difference) return difference;

        // A copy in double precision, on another path: without a tape.
        var wide = (OnnxModule)module.Clone();
        wide.To(DType.Float64);
        got = wide.Run(one.Inputs.ToDictionary(static entry => entry.Key, entry =>
            entry.Value.X.DType == DType.Float32 ? entry.Value.X.To(DType.Float64) : entry.Value.X));
        return Difference(got, expected, one.WideBound) is { } other ? "in double precision " + other : null;
    }

    private static string? Difference(
        IReadOnlyDictionary<string, Tensor> got, Dictionary<string, OrtResult> expected, double bound)
    {
        foreach ((string name, OrtResult theirs) in expected)
        {
            Tensor mine = got[name];
            if (!theirs.Shape.SequenceEqual(mine.Shape.Select(static size => (long)size)))
                return $"\"{name}\" has the shape {mine.Shape}, expected ({string.Join(", ", theirs.Shape)})";
            double[] values = mine.DType == DType.Int64 ? Array.ConvertAll(mine.ToArray<long>(), static v => (double)v)
                : mine.Detach().To(DType.Float64).ToArray<double>();
            double largest = theirs.Values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
            for (int i = 0; i < values.Length; i++)
            {
                // What overflows there need not in double precision.
                if (values[i].Equals(theirs.Values[i]) || double.IsInfinity(theirs.Values[i])) continue;
                if (!(Math.Abs(values[i] - theirs.Values[i]) <= bound * Math.Max(0.1, largest)))
                    return $"\"{name}\"[{i}] is {values[i]:g6}, expected {theirs.Values[i]:g6}";
            }
        }

        return null;
    }
}

/// <summary>A random graph and its inputs.</summary>
internal sealed class OnnxImportCase(Draw draw)
{
    private readonly List<string> _notes = [];

    public Draw Draw => draw;

    /// <summary>The largest difference, as a share of the largest value.</summary>
    public double Bound { get; set; } = 2e-5;

    /// <summary>The same for a copy in double precision.</summary>
    public double WideBound => Bound * 2;

    public OnnxGraph Graph { get; private set; } = new();

    public Dictionary<string, (int Type, Tensor X)> Inputs { get; } = [];

    public OnnxGraph Opset(params ReadOnlySpan<int> opsets)
    {
        int opset = draw.Pick(opsets);
        _notes.Add($"opset {opset}");
        return Graph = new OnnxGraph(opset);
    }

    public int Version => (int)Graph.Proto.OpsetImport[0].Version;

    public int[] Shape(int least, int most) => [.. Enumerable.Range(0, draw.Int(least, most)).Select(_ => draw.Int(1,
        4))];

    /// <summary>A shape that broadcasts with another one.</summary>
    public int[] Fitting(int[] shape)
    {
        int[] part = shape[draw.Int(0, shape.Length)..];
        return [.. part.Select(size => draw.Chance(0.3) ? 1 : size)];
    }

    public string X(string name, int[] shape, bool? constant = null, Func<double, double>? map = null)
    {
        double[] values = draw.Numbers(new Shape(shape).Count);
        if (map is not null) values = Array.ConvertAll(values, v => map(v));
        return Add(name, 1, Tensor.From(values, new Shape(shape)).To(DType.Float32), constant);
    }

    public string Integers(string name, int[] shape, int low, int high, bool? constant = null, int type = 7)
    {
        long[] values = [.. Enumerable.Range(0, new Shape(shape).Count).Select(_ => (long)draw.Int(low, high))];
        return Add(name, type, Tensor.From(values, new Shape(shape)), constant);
    }

    public string Longs(string name, params ReadOnlySpan<long> values) =>
        Add(name, 7, Tensor.From(values, [values.Length]), constant: draw.Chance(0.8));

    public string Add(string name, int type, Tensor x, bool? constant)
    {
        bool isConstant = constant ?? draw.Chance(0.5);
        _notes.Add($"{name}:{(isConstant ? "const" : "input")}{x.Shape}{(x.DType == DType.Int64 && x.Count < 9
            ? "=" + string.Join(' ', x.ToArray<long>()) : "")}");
        if (isConstant)
        {
            var tensor = new TensorProto
            {
                Name = name,
                DataType = type,
                RawData = ByteString.CopyFrom(Bytes(type, x)),
            };
            tensor.Dims.Add(x.Shape.Select(static size => (long)size));
            Graph.Proto.Graph.Initializer.Add(tensor);
            return name;
        }

        Inputs[name] = (type, x);
        int mode = draw.Int(0, 4);
        Graph.Input(name, [.. x.Shape.Select((size, i) => mode == 0 || (mode == 1 && i == 0) ? -1L : size)]);
        Graph.Proto.Graph.Input[^1].Type.TensorType.ElemType = type;
        if (mode == 4) Graph.Proto.Graph.Input[^1].Type.TensorType.Shape = null;
        return name;
    }

    private static byte[] Bytes(int type, Tensor x) => type switch
    {
        1 => MemoryMarshal.AsBytes(x.ToArray<float>().AsSpan()).ToArray(),
        11 => MemoryMarshal.AsBytes(x.ToArray<double>().AsSpan()).ToArray(),
        6 => MemoryMarshal.AsBytes(Array.ConvertAll(x.ToArray<long>(), static v => (int)v).AsSpan()).ToArray(),
        9 => Array.ConvertAll(x.ToArray<long>(), static v => (byte)(v == 0 ? 0 : 1)),
        _ => MemoryMarshal.AsBytes(x.ToArray<long>().AsSpan()).ToArray(),
    };

    public void Node(string op, string[] inputs, params ReadOnlySpan<AttributeProto?> attributes) =>
        Node(op, inputs, ["y"], attributes);

    public void Node(string op, string[] inputs, string[] outputs, params ReadOnlySpan<AttributeProto?> attributes)
    {
        var given = new List<AttributeProto>();
        foreach (AttributeProto? attribute in attributes)
        {
            if (attribute is not null) given.Add(attribute);
        }

        _notes.Add($"{op}({string.Join(", ", inputs)}) {string.Join(" ", given.Select(static a =>
            a.Name + "=" + (a.HasI ? $"{a.I}" : a.HasF ? $"{a.F}" : a.HasS ? a.S.ToStringUtf8()
                : $"[{string.Join(' ', a.Ints)}{string.Join(' ', a.Floats)}]")))}");
        Graph.Node(op, inputs, outputs, [.. given]);
        foreach (string output in outputs)
        {
            if (output.Length > 0 && output[0] == 'y') Graph.Output(output);
        }
    }

    /// <summary>Adds output <c>y</c> of nodes that have other names.</summary>
    public AttributeProto? Maybe(AttributeProto attribute) => draw.Chance(0.5) ? attribute : null;

    public override string ToString() => string.Join("; ", _notes);
}
