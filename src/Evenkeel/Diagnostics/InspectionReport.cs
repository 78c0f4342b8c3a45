using System.Globalization;
using System.Text;
using Evenkeel.Kernels;

namespace Evenkeel.Diagnostics;

/// <summary>One layer in the order of the forward pass.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Shape">Shape of the output.</param>
/// <param name="HasWeight">Whether it multiplies by a weight. The depth counts such layers, from 0.</param>
/// <param name="Activation">The output.</param>
/// <param name="Gradient">The gradient of the output; null if none arrives.</param>
/// <param name="DeadShare">
/// For a ReLU: the share of channels (dimension 1, or the last one if its share is larger) that are 0 in every sample.
/// Null for other layers.
/// </param>
public sealed record InspectedLayer(
    string Name, string Type, Shape Shape, bool HasWeight, TensorStatistics Activation, TensorStatistics? Gradient,
    double? DeadShare)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(InspectedLayer), PrintMembers);

    /// <summary>Whether the scale of its output does not depend on that of its input.</summary>
    internal bool SetsScale { get; init; }

    /// <summary>
    /// Whether it takes means or maxima of neighbours. This makes the gradient smaller, but is not an effect of depth.
    /// </summary>
    internal bool Pools { get; init; }

    /// <summary>
    /// The square root of the sum of squares of the gradient. A layer with Kaiming's start values keeps it, whatever
    /// its sizes.
    /// </summary>
    internal double GradientNorm => Gradient is { } g
        ? Math.Sqrt(((g.Count > 1 ? g.Std * g.Std * (g.Count - 1) / g.Count : 0) + (g.Mean * g.Mean)) * g.Count)
        : double.NaN;
}

/// <summary>The place where values leave float32's range.</summary>
/// <param name="Overflows">
/// True if values grow past float32's largest number; false if all of them fall below its smallest normal number,
/// 1.2e-38.
/// </param>
/// <param name="Layer">
/// The depth, counted in layers with weights from 0. For gradients, it is counted from the output back.
/// </param>
/// <param name="Name">The layer, if it happened in this network; null for a forecast.</param>
public sealed record RangeEnd(bool Overflows, int Layer, string? Name)
{
    /// <summary>True if it happened in this network; false if it is a forecast for a deeper one of this kind.</summary>
    public bool Happened => Name is not null;
}

/// <summary>What <see cref="Inspection.Inspect"/> has measured. <see cref="ToString"/> is a table.</summary>
public sealed class InspectionReport
{
    /// <summary>The scale counts as kept if it changes per layer by at most this factor, up or down.</summary>
    private const double Steady = 1.1;

    /// <summary>
    /// A smaller change from the first layer to the last is an ordinary difference between layers, not a drift.
    /// </summary>
    private const double Drift = 10;

    /// <summary>A forecast for more layers than this says nothing.</summary>
    private const double Horizon = 10_000;

    private const double SmallestNormal = 1.1754943508222875e-38;

    private readonly string _model;
    private readonly Shape _input;
    private readonly bool _isNormalized;

    internal InspectionReport(string model, Shape input, IReadOnlyList<InspectedLayer> layers)
    {
        (_model, _input, Layers) = (model, input, layers);
        var forward = new List<Stage>();
        for (int i = 0; i < layers.Count; i++)
        {
            // A stage begins at a layer with a weight and ends before the next one. Its scale is that of the input of
            // the next one.
            TensorStatistics values = layers[i].Activation;
            if (layers[i].HasWeight) forward.Add(new Stage(layers[i].Name, values));
            else if (forward.Count > 0) forward[^1] = forward[^1].With(values);
        }

        List<Stage> backward = Backward(layers, withPooling: true);
        _isNormalized = IsNormalized(layers);

        // A last weight that nothing follows (the scores of a classifier) ends the chain, because its output has not
        // passed through an activation like the others.
        List<Stage> chain = forward is [.., { IsAlone: false }, { IsAlone: true }] ? forward[..^1] : forward;
        ActivationFactor = Factor(chain);
        // A decrease that pooling explains does not count. A norm after the pooling may restore the gradient, so an
        // increase does not count either.
        double gradient = Factor(backward);
        GradientFactor = gradient >= 1 ? gradient : Math.Min(1, Factor(Backward(layers, withPooling: false)));
        bool activationsDrift = !_isNormalized && Drifts(ActivationFactor, chain.Count),
            gradientsDrift = Drifts(GradientFactor, backward.Count);
        ActivationEnd = End(forward, ActivationFactor, activationsDrift);

        // Sigmoids and tanhs are bounded, so no depth makes their outputs overflow.
        if (ActivationEnd is { Happened: false, Overflows: true }
            && layers.Any(static layer => layer.Activation.SaturatedShare is not null))
        {
            ActivationEnd = null;
        }

        bool finite = !layers.Any(static layer => layer.Activation.NonFinite > 0);
        GradientEnd = finite ? End(backward, GradientFactor, gradientsDrift) : null;
        Advice = Advise(finite, activationsDrift, gradientsDrift);
    }

    /// <summary>All layers in the order of the forward pass.</summary>
    public IReadOnlyList<InspectedLayer> Layers { get; }

    /// <summary>
    /// The factor by which the standard deviation changes from one layer with a weight to the next: the geometric mean
    /// over all of them. The last weight does not count if no other layer follows it but one follows the others. NaN if
    /// there are fewer than two.
    /// </summary>
    public double ActivationFactor { get; }

    /// <summary>
    /// The factor by which the gradient's norm, √Σg², changes from what goes into the last layer with a weight to what
    /// goes into the second one: the geometric mean. Pooling makes a gradient smaller; if that explains a decrease, the
    /// factor is 1. NaN if there are fewer than two such layers.
    /// </summary>
    public double GradientFactor { get; }

    /// <summary>
    /// Where activations leave float32's range: the exact layer if it happens in this network, otherwise a forecast
    /// from <see cref="ActivationFactor"/>. Null if the scale is kept, if a normalization layer sets it after each
    /// weight, or if it changes by less than ten times in all.
    /// </summary>
    public RangeEnd? ActivationEnd { get; }

    /// <summary>The same for the gradients, counted from the output back.</summary>
    public RangeEnd? GradientEnd { get; }

    /// <summary>What to do, one sentence each; empty if nothing is wrong.</summary>
    public IReadOnlyList<string> Advice { get; }

    /// <summary>A table, the forecast, and the advice.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(3, "Layer", "Type", "Output", "std", "gradient std", "zeros", "saturated", "NaN/Inf");
        foreach (InspectedLayer layer in Layers)
        {
            grid.Add(
                layer.Name, layer.Type, layer.Shape.ToString(), TextGrid.Number(layer.Activation.Std),
                layer.Gradient is { } gradient ? TextGrid.Number(gradient.Std) : "-",
                TextGrid.Share(layer.Activation.ZeroShare), TextGrid.Share(layer.Activation.SaturatedShare),
                layer.Activation.NonFinite.ToString("N0", CultureInfo.InvariantCulture));
        }

        var text = new StringBuilder($"{_model}, input {_input}\n");
        grid.AppendTo(text);
        text.Append("Saturated: the slope of the sigmoid or tanh is below 5 % of its largest.\n");
        if (!double.IsNaN(ActivationFactor))
            text.Append($"Activations: x{TextGrid.Number(ActivationFactor)} per layer. {Say(ActivationEnd, "")}\n");
        if (!double.IsNaN(GradientFactor))
        {
            text.Append($"Gradients: x{TextGrid.Number(GradientFactor)} per layer, from the output back. "
                + $"{Say(GradientEnd, " before the output")}\n");
        }

        foreach (string advice in Advice) text.Append("- ").Append(advice).Append('\n');
        return text.ToString();
    }

    private static string Say(RangeEnd? end, string where) => end switch
    {
        null => "They stay inside float32's range.",
        { Happened: true } => $"float32 {(end.Overflows ? "overflows" : "fades into subnormal numbers")} at layer "
            + $"{end.Layer}{where} ({end.Name}).",
        _ => $"float32 would {(end.Overflows ? "overflow" : "fade into subnormal numbers")} at about "
            + $"layer {end.Layer}{where}.",
    };

    private static double Factor(List<Stage> stages)
    {
        int last = stages.FindLastIndex(static stage => double.IsFinite(stage.Std) && stage.Std > 0);
        return last < 1 || !(stages[0].Std > 0)
            ? double.NaN
            : VectorMath.Exp((VectorMath.Log(stages[last].Std) - VectorMath.Log(stages[0].Std)) / last);
    }

    /// <summary>
    /// Whether a factor per layer is a trend: it is larger than what counts as kept, and more than the difference of a
    /// few layers.
    /// </summary>
    private static bool Drifts(double factor, int stages) => (factor > Steady || factor < 1 / Steady)
        && Math.Abs(VectorMath.Log(factor)) * (stages - 1) > VectorMath.Log(Drift);

    /// <summary>
    /// The gradients of the outputs of each stage, from the output back, as they are or as they would be without
    /// pooling.
    /// </summary>
    private static List<Stage> Backward(IReadOnlyList<InspectedLayer> layers, bool withPooling)
    {
        var backward = new List<Stage>();
        double pooled = 1, norm = double.NaN;
        InspectedLayer? last = null;
        for (int i = layers.Count - 1; i >= 0; i--)
        {
            if (last is null) (last, norm) = (layers[i], layers[i].GradientNorm / pooled);
            if (!withPooling && layers[i].Pools && i > 0 && layers[i - 1].GradientNorm / layers[i].GradientNorm is > 0
                and < double.PositiveInfinity and var ratio)
            {
                pooled *= ratio;
            }

            if (!layers[i].HasWeight) continue;
            if (last.Gradient is { } gradient) backward.Add(new Stage(layers[i].Name, gradient) with { Std = norm });
            last = null;
        }

        return backward;
    }

    /// <summary>Whether a normalization layer follows every weight but the last.</summary>
    private static bool IsNormalized(IReadOnlyList<InspectedLayer> layers)
    {
        int weights = 0, open = 0;
        foreach (InspectedLayer layer in layers)
        {
            if (layer.HasWeight)
            {
                if (open > 0) return false;
                weights++;
                open = 1;
            }
            else if (layer.SetsScale)
            {
                open = 0;
            }
        }

        return weights > 1;
    }

    private static RangeEnd? End(List<Stage> stages, double factor, bool drifts)
    {
        for (int i = 0; i < stages.Count; i++)
        {
            if (!(stages[i].Peak <= float.MaxValue)) return new RangeEnd(true, i, stages[i].Name);
            if (stages[i].Peak < SmallestNormal) return new RangeEnd(false, i, stages[i].Name);
        }

        if (!drifts) return null;
        double room = VectorMath.Log((factor > 1 ? float.MaxValue : SmallestNormal) / stages[^1].Peak);
        double more = Math.Ceiling(room / VectorMath.Log(factor));
        return more < Horizon ? new RangeEnd(factor > 1, stages.Count - 1 + (int)more, null) : null;
    }

    private List<string> Advise(bool finite, bool activationsDrift, bool gradientsDrift)
    {
        var advice = new List<string>();
        if (!finite)
        {
            InspectedLayer first = Layers.First(static layer => layer.Activation.NonFinite > 0);
            advice.Add($"{first.Name} ({first.Type}) is the first layer whose output is not finite: "
                + $"{first.Activation.NaNs} NaNs, {first.Activation.Infinities} infinities.");
        }

        const string remedy = "use Init.KaimingNormal (Init.XavierNormal for sigmoid and tanh), "
            + "or a normalization layer after each weight";
        if (activationsDrift)
        {
            string factor = TextGrid.Number(ActivationFactor);
            string change = ActivationFactor < 1 ? $"falls to {factor} of itself" : $"grows {factor} times";
            advice.Add($"The std of activations {change} per layer: {remedy}.");
        }

        if (finite && gradientsDrift && GradientFactor < 1)
        {
            string cure = _isNormalized
                ? "a normalization layer follows each weight, so look for gammas near 0 and for saturated activations"
                : remedy;
            advice.Add($"Gradients fall to {TextGrid.Number(GradientFactor)} of themselves per layer on their way "
                + $"back: the first layers will hardly learn; {cure}.");
        }
        else if (finite && gradientsDrift && !(activationsDrift && ActivationFactor > 1))
        {
            advice.Add($"Gradients grow {TextGrid.Number(GradientFactor)} times per layer on their way back: "
                + $"use a smaller learning rate, clip them, or use fewer layers.");
        }

        // A saturated sigmoid at the end is not a fault: it is sure of its answers, which is the aim of a training.
        if (Worst(layer => layer.Type == nameof(Nn.Sigmoid) && ReferenceEquals(layer, Layers[^1])
            ? null
            : layer.Activation.SaturatedShare) is { } flat && flat.Activation.SaturatedShare > 0.5)
        {
            string cure = _isNormalized
                ? "look at gamma and beta of the normalization layer before it"
                : "use smaller start values (Init.XavierNormal) or a normalization layer before it";
            advice.Add($"{TextGrid.Share(flat.Activation.SaturatedShare)} of the outputs of {flat.Name} ({flat.Type}) "
                + $"are saturated, where hardly a gradient passes: {cure}.");
        }

        // Many zeros are not a fault if every channel of the ReLU is positive for some samples.
        if (Worst(static layer => layer.DeadShare > 0.5 ? layer.Activation.ZeroShare : null) is { } dead
            && dead.Activation.ZeroShare > 0.9)
        {
            advice.Add($"{TextGrid.Share(dead.Activation.ZeroShare)} of the outputs of {dead.Name} ({dead.Type}) are "
                + $"0, and {TextGrid.Share(dead.DeadShare)} of its channels are 0 in every sample: check the biases "
                + $"before it{(_isNormalized ? " (beta of a normalization layer)" : ", or normalize its inputs")}.");
        }

        return advice;

        InspectedLayer? Worst(Func<InspectedLayer, double?> share) =>
            Layers.Where(layer => share(layer) is not null).MaxBy(layer => share(layer));
    }

    /// <summary>
    /// A weight and the layers up to the next weight: the largest magnitude of all their outputs, the std of the last
    /// output, and whether the weight is alone.
    /// </summary>
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
