using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// A network in one traced pass in Eval: which module ran on which tensors, and what may be changed about it.
/// </summary>
internal sealed class TracedNetwork : TracedPass
{
    private readonly Dictionary<Parameter, int> _owners = new(ReferenceEqualityComparer.Instance);

    /// <summary>Runs the pass.</summary>
    public TracedNetwork(Module model, FoldInputs inputs)
        : base(model, trace => inputs.Run(model, trace))
    {
        foreach ((_, Module module) in model.NamedModules())
        {
            foreach ((_, Parameter parameter) in module.OwnParameters)
                _owners[parameter] = _owners.GetValueOrDefault(parameter) + 1;
        }
    }

    /// <summary>The run of the linear layer that made a tensor; null for none.</summary>
    public TracedCall? MadeByLinear(Tensor y) =>
        Calls.FirstOrDefault(made => ReferenceEquals(made.Y, y) && IsLinear(made.Module));

    /// <summary>The run of a linear layer that takes a tensor; null for none.</summary>
    public TracedCall? TakenByLinear(Tensor x) =>
        Calls.FirstOrDefault(taken => ReferenceEquals(taken.X, x) && IsLinear(taken.Module));

    /// <summary>The reason why a linear layer cannot be changed; null if it can.</summary>
    public string? Refusal(Module layer)
    {
        int calls = Calls.Count(call => ReferenceEquals(call.Module, layer));
        if (calls > 1) return $"{Label(layer)} runs {calls} times in a pass";
        if (IsHooked(layer)) return $"a hook looks at {Label(layer)}; dispose the hook first";
        foreach ((string name, Parameter parameter) in layer.OwnParameters)
        {
            if (_owners[parameter] > 1 || Trace.Uses(parameter) > 1)
                return $"the {name} of {Label(layer)} is used elsewhere too";
        }

        return null;
    }

    /// <summary>The modules of a copy of a network, by the names that they have in the network.</summary>
    public static Dictionary<string, Module> ByName(Module copy) => copy.NamedModules().ToDictionary(
        static entry => entry.Name, static entry => entry.Module, StringComparer.Ordinal);

    /// <summary>The dimension of a tensor along which a linear layer has its inputs or outputs.</summary>
    public static int AxisOf(Module layer, Shape shape) => layer switch
    {
        ConvNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        ConvTransposeNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        _ => shape.Rank - 1,
    };

    /// <summary>Whether a module is a linear layer or a convolution.</summary>
    public static bool IsLinear(Module module) => module is Linear or ConvNd or ConvTransposeNd;

    /// <summary>
    /// Whether a layer pads with zeros. Padding from values of the input is as good as none: they pass the norm too.
    /// </summary>
    public static bool PadsWithZeros(Module module) => module is ConvNd { PaddingMode: PaddingMode.Zeros } convolution
        && convolution.Settings.Pads(convolution.Kernel);

    /// <summary>The other operations that take the input of a call.</summary>
    public string OthersThan(TracedCall call, Tensor x)
    {
        IEnumerable<string> others = from op in Trace.Consumers(x)
                                     where !ReferenceEquals(op.Output, call.Y)
                                     select op.Name;
        string text = string.Join(", ", others.Distinct(StringComparer.Ordinal));
        return text.Length == 0 ? "the same layer" : text;
    }
}
