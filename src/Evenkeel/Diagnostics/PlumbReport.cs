using System.Globalization;
using System.Text;
using Evenkeel.Kernels;

namespace Evenkeel.Diagnostics;

/// <summary>One layer in the order of the forward pass.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Shape">Shape of the output.</param>
/// <param name="HasWeight">Whether it multiplies by a weight; such layers are counted, from 0, as the depth.</param>
/// <param name="Activation">The output.</param>
/// <param name="Gradient">The gradient of the output; null where none arrives.</param>
public sealed record PlumbLayer(string Name, string Type, Shape Shape, bool HasWeight, TensorStatistics Activation, TensorStatistics? Gradient);

/// <summary>Where float32 ends.</summary>
/// <param name="Overflows">True where values grow past float32's largest number; false where all of them fall below its smallest normal one, 1.2e-38, and fade.</param>
/// <param name="Layer">The depth, counted in layers with weights from 0; of gradients, counted from the output back.</param>
/// <param name="Name">The layer, where it happened in this network; null for a forecast.</param>
public sealed record RangeEnd(bool Overflows, int Layer, string? Name)
{
    /// <summary>True where it happened in this network, false for a deeper one of this kind.</summary>
    public bool Happened => Name is not null;
}

/// <summary>What <see cref="Plumbing.Plumb"/> has seen; <see cref="ToString"/> is a table.</summary>
public sealed class PlumbReport
{
    /// <summary>Within this factor a layer, up or down, scale counts as kept.</summary>
    private const double Steady = 1.1;

    /// <summary>A forecast further away than this many layers says nothing.</summary>
    private const double Horizon = 10_000;

    private const double SmallestNormal = 1.1754943508222875e-38;

    private readonly string _model;
    private readonly Shape _input;

    internal PlumbReport(string model, Shape input, IReadOnlyList<PlumbLayer> layers)
    {
        (_model, _input, Layers) = (model, input, layers);
        var forward = new List<Stage>();
        for (int i = 0; i < layers.Count; i++)
        {
            // A stage begins at a layer with a weight and ends before the next one: its scale is what goes into that.
            TensorStatistics values = layers[i].Activation;
            if (layers[i].HasWeight) forward.Add(new Stage(layers[i].Name, values));
            else if (forward.Count > 0) forward[^1] = forward[^1].With(values);
        }

        var backward = new List<Stage>();
        for (int i = layers.Count - 1; i >= 0; i--)
        {
            if (layers[i] is { HasWeight: true, Gradient: { } gradient }) backward.Add(new Stage(layers[i].Name, gradient));
        }

        // A last weight that nothing follows (the scores of a classifier) ends the chain: its output has not been through what the others have.
        ActivationFactor = Factor(forward is [.., { IsAlone: false }, { IsAlone: true }] ? forward[..^1] : forward);
        GradientFactor = Factor(backward);
        ActivationEnd = End(forward, ActivationFactor);

        // Sigmoids and tanhs are bounded: no depth makes their outputs overflow.
        if (ActivationEnd is { Happened: false, Overflows: true } && layers.Any(static layer => layer.Activation.SaturatedShare is not null)) ActivationEnd = null;
        bool finite = !layers.Any(static layer => layer.Activation.NonFinite > 0);
        GradientEnd = finite ? End(backward, GradientFactor) : null;
        Advice = Advise(finite);
    }

    /// <summary>All layers in the order of the forward pass.</summary>
    public IReadOnlyList<PlumbLayer> Layers { get; }

    /// <summary>The factor by which the standard deviation changes from one layer with a weight to the next: the geometric mean over all of them, but for a last one that no other layer follows while one follows the others; NaN below two.</summary>
    public double ActivationFactor { get; }

    /// <summary>The same of the gradients, from the output back.</summary>
    public double GradientFactor { get; }

    /// <summary>Where activations leave float32's range: the exact layer where it happens here, else a forecast from <see cref="ActivationFactor"/>; null where scale is kept.</summary>
    public RangeEnd? ActivationEnd { get; }

    /// <summary>The same of the gradients, counted from the output back.</summary>
    public RangeEnd? GradientEnd { get; }

    /// <summary>What to do, one sentence each; empty where nothing is wrong.</summary>
    public IReadOnlyList<string> Advice { get; }

    /// <summary>A table, the forecast, and the advice.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(3, "Layer", "Type", "Output", "std", "gradient std", "zeros", "saturated", "NaN/Inf");
        foreach (PlumbLayer layer in Layers)
        {
            grid.Add(layer.Name, layer.Type, layer.Shape.ToString(), TextGrid.Number(layer.Activation.Std), layer.Gradient is { } gradient ? TextGrid.Number(gradient.Std) : "-",
                TextGrid.Share(layer.Activation.ZeroShare), TextGrid.Share(layer.Activation.SaturatedShare), layer.Activation.NonFinite.ToString("N0", CultureInfo.InvariantCulture));
        }

        var text = new StringBuilder($"{_model}, input {_input}\n");
        grid.AppendTo(text);
        text.Append("Saturated: the slope of the sigmoid or tanh is below 5 % of its largest.\n");
        if (!double.IsNaN(ActivationFactor)) text.Append($"Activations: x{TextGrid.Number(ActivationFactor)} a layer. {Say(ActivationEnd, "")}\n");
        if (!double.IsNaN(GradientFactor)) text.Append($"Gradients: x{TextGrid.Number(GradientFactor)} a layer, from the output back. {Say(GradientEnd, " before the output")}\n");
        foreach (string advice in Advice) text.Append("- ").Append(advice).Append('\n');
        return text.ToString();
    }

    private static string Say(RangeEnd? end, string where) => end switch
    {
        null => "They stay inside float32's range.",
        { Happened: true } => $"float32 {(end.Overflows ? "overflows" : "fades into subnormal numbers")} at layer {end.Layer}{where} ({end.Name}).",
        _ => $"float32 would {(end.Overflows ? "overflow" : "fade into subnormal numbers")} at about layer {end.Layer}{where}.",
    };

    private static double Factor(List<Stage> stages)
    {
        int last = stages.FindLastIndex(static stage => double.IsFinite(stage.Std) && stage.Std > 0);
        return last < 1 || !(stages[0].Std > 0) ? double.NaN : VectorMath.Exp((VectorMath.Log(stages[last].Std) - VectorMath.Log(stages[0].Std)) / last);
    }

    private static RangeEnd? End(List<Stage> stages, double factor)
    {
        for (int i = 0; i < stages.Count; i++)
        {
            if (!(stages[i].Peak <= float.MaxValue)) return new RangeEnd(true, i, stages[i].Name);
            if (stages[i].Peak < SmallestNormal) return new RangeEnd(false, i, stages[i].Name);
        }

        if (!(factor > Steady || factor < 1 / Steady)) return null;
        double room = VectorMath.Log((factor > 1 ? float.MaxValue : SmallestNormal) / stages[^1].Peak);
        double more = Math.Ceiling(room / VectorMath.Log(factor));
        return more < Horizon ? new RangeEnd(factor > 1, stages.Count - 1 + (int)more, null) : null;
    }

    private List<string> Advise(bool finite)
    {
        var advice = new List<string>();
        if (!finite)
        {
            PlumbLayer first = Layers.First(static layer => layer.Activation.NonFinite > 0);
            advice.Add($"{first.Name} ({first.Type}) is the first layer whose output is not finite: {first.Activation.NaNs} NaNs, {first.Activation.Infinities} infinities.");
        }

        const string remedy = "use Init.KaimingNormal (Init.XavierNormal for sigmoid and tanh), or a normalization layer after each weight";
        if (ActivationFactor < 1 / Steady) advice.Add($"The std of activations falls to {TextGrid.Number(ActivationFactor)} of itself a layer: {remedy}.");
        else if (ActivationFactor > Steady) advice.Add($"The std of activations grows {TextGrid.Number(ActivationFactor)} times a layer: {remedy}.");
        if (finite && GradientFactor < 1 / Steady) advice.Add($"Gradients fall to {TextGrid.Number(GradientFactor)} of themselves a layer on their way back: the first layers will hardly learn; {remedy}.");
        else if (finite && GradientFactor > Steady && !(ActivationFactor > Steady)) advice.Add($"Gradients grow {TextGrid.Number(GradientFactor)} times a layer on their way back: use a smaller learning rate, clip them, or use fewer layers.");
        if (Worst(static layer => layer.Activation.SaturatedShare) is { } flat && flat.Activation.SaturatedShare > 0.5)
            advice.Add($"{TextGrid.Share(flat.Activation.SaturatedShare)} of the outputs of {flat.Name} ({flat.Type}) are saturated, where hardly a gradient passes: use smaller start values (Init.XavierNormal) or a normalization layer before it.");
        if (Worst(static layer => layer.Type == "ReLU" ? layer.Activation.ZeroShare : null) is { } dead && dead.Activation.ZeroShare > 0.9)
            advice.Add($"{TextGrid.Share(dead.Activation.ZeroShare)} of the outputs of {dead.Name} ({dead.Type}) are 0: check the biases before it, or normalize its inputs.");
        return advice;

        PlumbLayer? Worst(Func<PlumbLayer, double?> share) => Layers.Where(layer => share(layer) is not null).MaxBy(layer => share(layer));
    }

    /// <summary>A weight and what follows it up to the next: largest magnitude of all outputs, std of the last one, whether the weight's is the only one.</summary>
    private readonly record struct Stage(string Name, double Std, double Peak, bool IsAlone)
    {
        public Stage(string name, TensorStatistics values) : this(name, values.Std, PeakOf(values), true)
        {
        }

        // Math.Max keeps a NaN.
        public Stage With(TensorStatistics values) => new(Name, values.Std, Math.Max(Peak, PeakOf(values)), false);

        private static double PeakOf(TensorStatistics values) => values.NaNs > 0 ? double.NaN : values.Peak;
    }
}
