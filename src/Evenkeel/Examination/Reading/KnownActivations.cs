using static Evenkeel.Examination.FollowingActivation;

namespace Evenkeel.Examination;

/// <summary>The activations by name: that of the library's operation and layer, and that of ONNX's operator.</summary>
internal static class KnownActivations
{
    private static readonly Known[] s_all =
    [
        new("ReLU", "Relu", ReLU), new("ReLU6", "Clip", LikeReLU), new("Hardswish", "HardSwish", LikeReLU),
        new("CELU", "Celu", Other), new("ELU", "Elu", Other), new("GELU", "Gelu", Other), new("GELUTanh", null, Other),
        new("Hardsigmoid", "HardSigmoid", Other), new("Hardtanh", null, Other), new("LeakyReLU", "LeakyRelu", Other),
        new("LogSigmoid", null, Other), new("Mish", "Mish", Other), new("SELU", "Selu", Other),
        new("SiLU", "Swish", Other), new("Sigmoid", "Sigmoid", Other), new("Softplus", "Softplus", Other),
        new("Softsign", "Softsign", Other), new("Tanh", "Tanh", Other), new(null, "ThresholdedRelu", Other),
        // These mix channels, or have weights of their own for each.
        new("GLU", null, Other) { IsPerChannel = false }, new("PReLU", "PRelu", Other) { IsPerChannel = false },
        new("Softmax", null, Other) { IsPerChannel = false }, new("LogSoftmax", null, Other) { IsPerChannel = false },
    ];

    private static readonly Dictionary<string, Known> s_library = s_all.Where(static known => known.Library is not null)
        .ToDictionary(static known => known.Library!, StringComparer.Ordinal);

    private static readonly Dictionary<string, Known> s_onnx = s_all.Where(static known => known.Onnx is not null)
        .ToDictionary(static known => known.Onnx!, StringComparer.Ordinal);

    /// <summary>What an operation or layer of the library does to negative values; null for no activation.</summary>
    public static FollowingActivation? Of(string name) => s_library.GetValueOrDefault(name)?.Kind;

    /// <summary>What an operator of ONNX does to negative values; null for no activation.</summary>
    public static FollowingActivation? OfOnnx(string op) => s_onnx.GetValueOrDefault(op)?.Kind;

    /// <summary>
    /// Whether an operation of the library is an activation that treats each value by itself: it makes a constant of a
    /// constant, and has no weights.
    /// </summary>
    public static bool IsPerChannel(string name) => s_library.GetValueOrDefault(name) is { IsPerChannel: true };

    private sealed record Known(string? Library, string? Onnx, FollowingActivation Kind)
    {
        public bool IsPerChannel { get; init; } = true;
    }
}
