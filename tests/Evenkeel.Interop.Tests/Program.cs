using System.Globalization;
using Evenkeel.Interop.Tests;
using Evenkeel.Interop.Tests.Fuzz;
using Evenkeel.Interop.Tests.Speed;

// One file per family. Each names its golden file, its cases and both sides of them.
Family[] families =
    [Optimizers.Family, Losses.Family, ActivationAndShapeLayers.Family, Convolutions.Family, Poolings.Family];

if (args is not (["check"] or ["generate"] or ["generate", _] or ["fuzz", ..] or ["speed", ..] or ["onnx"] or ["onnx",
    _] or ["onnx-import", ..]))
{
    Console.Error.WriteLine($"usage: generate [FOLDER] | check | onnx [PART OF A NAME] | "
        + $"onnx-import [CASES [SEED [PART OF A NAME]]] | {FuzzCommand.Usage} | {SpeedCommand.Usage}");
    return 2;
}

if (args[0] == "onnx")
{
    int layers = OnnxRuntimeCheck.Run(args.Length > 1 ? args[1] : "");
    int files = args.Length > 1 ? 0 : RealOnnxFiles.Run();
    return Math.Max(layers, files);
}


if (args[0] == "onnx-import")
{
    return OnnxImportFuzz.Run(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 2000,
        args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1, args.Length > 3 ? args[3] : "");
}

if (NativeBinding.Load() is { } reason)
{
    Console.WriteLine($"skipped: PyTorch does not load here ({reason})");
    return args[0] == "generate" ? 1 : 0;
}

if (args[0] == "fuzz")
{
    if (FuzzCommand.Run(args[1..]) is { } code) return code;
    Console.Error.WriteLine($"usage: {FuzzCommand.Usage}");
    return 2;
}

if (args[0] == "speed")
{
    if (SpeedCommand.Run(args[1..]) is { } code) return code;
    Console.Error.WriteLine($"usage: {SpeedCommand.Usage}");
    return 2;
}

if (args[0] == "generate")
{
    string folder = args.Length > 1 ? args[1] : Path.Combine("tests", "golden");
    foreach (Family family in families)
    {
        family.Write(folder);
        Console.WriteLine($"{family.Name}: {family.Cases.Count} cases in {folder}");
    }

    TorchSharpFiles.Write(Path.Combine(folder, "files", "torchsharp"));
    TensorFiles.Write(folder);
    return 0;
}

bool fits = true;
foreach ((bool isFitting, string text) in families.SelectMany(static family => family.Check())
    .Concat(TorchSharpFiles.Check()).Concat(Networks.Check()))
{
    Console.WriteLine(text);
    fits &= isFitting;
}

return fits ? 0 : 1;
