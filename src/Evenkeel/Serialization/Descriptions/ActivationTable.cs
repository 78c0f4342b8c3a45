using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>The activations with arguments of their own kind, and those without any.</summary>
internal static class ActivationTable
{
    public static LayerEntry[] Entries { get; } =
    [
        Plain<ReLU6>(),
        Plain<Hardswish>(),
        Plain<Hardsigmoid>(),
        Plain<SiLU>(),
        Plain<SELU>(),
        Plain<Softsign>(),
        Plain<Mish>(),
        Plain<LogSigmoid>(),
        LayerTable.Of<GELU>(
            static (layer, to) => to.Flag("approximate", layer.Approximate, false),
            static from => new GELU(from.Flag("approximate", false))),
        LayerTable.Of<Hardtanh>(
            static (layer, to) => to.Number("minVal", layer.MinVal, -1).Number("maxVal", layer.MaxVal, 1),
            static from => new Hardtanh(from.Number("minVal", -1), from.Number("maxVal", 1))),
        LayerTable.Of<ELU>(
            static (layer, to) => to.Number("alpha", layer.Alpha, 1),
            static from => new ELU(from.Number("alpha", 1))),
        LayerTable.Of<CELU>(
            static (layer, to) => to.Number("alpha", layer.Alpha, 1),
            static from => new CELU(from.Number("alpha", 1))),
        LayerTable.Of<Softplus>(
            static (layer, to) => to.Number("beta", layer.Beta, 1).Number("threshold", layer.Threshold, 20),
            static from => new Softplus(from.Number("beta", 1), from.Number("threshold", 20))),
        LayerTable.Of<PReLU>(
            static (layer, to) =>
                to.Integer("numParameters", layer.NumParameters, 1).Number("startSlope", layer.StartSlope, 0.25),
            static from => new PReLU(from.Integer("numParameters", 1), from.Number("startSlope", 0.25))),
        LayerTable.Of<GLU>(
            static (layer, to) => to.Integer("dim", layer.Dim, -1),
            static from => new GLU(from.Integer("dim", -1))),
    ];

    private static LayerEntry Plain<T>() where T : Module, new() =>
        LayerTable.Of<T>(static (_, _) => { }, static _ => new T());
}
