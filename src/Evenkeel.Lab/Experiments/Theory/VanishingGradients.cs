using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// How much of the gradient reaches the first of many sigmoid or tanh layers, with and without norm; and whether the
/// lesson's reason for it is the reason.
/// </summary>
internal sealed class VanishingGradients : TheoryExperiment
{
    private const int Width = 64;
    private const int Samples = 64;
    private const int Classic = 20;

    private static readonly int[] s_depths = [1, 2, 3, 5, 8, 10, 15, 20, 25, 30];
    private static readonly string[] s_activations = ["sigmoid", "tanh"];
    private static readonly string[] s_norms =
        [FullyConnectedNet.None, FullyConnectedNet.BatchNorm, FullyConnectedNet.LayerNorm];

    /// <summary>What one forward and backward pass shows.</summary>
    /// <param name="First">Norm of the gradient of the first layer's weights.</param>
    /// <param name="Last">The same for the last layer.</param>
    /// <param name="Slope">Mean slope of the activation over all layers and values.</param>
    private readonly record struct Pass(double First, double Last, double Slope);

    public override string Name => "vanishing-gradients";

    public override string Title => "Gradients through deep sigmoids and tanhs";

    public override string Lesson => "K9";

    public override string Description =>
        "1 to 30 layers of 64 units with PyTorch's default start values: linear, norm or none, sigmoid or tanh. Norm " +
        "of the weights' gradient in the first layer over that in the last, for a random cotangent.";

    public override IReadOnlyList<string> Variants =>
        [.. s_activations.SelectMany(activation => s_norms.Select(norm => $"{activation}-{norm}"))];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        var rows = s_depths.Select(depth => new List<object?> { depth }).ToArray();
        int done = 0;
        foreach (string variant in Variants)
        {
            double[] ratios = new double[s_depths.Length], firsts = new double[s_depths.Length];
            for (int d = 0; d < s_depths.Length; d++)
            {
                context.Report((double)done++ / (Variants.Count * s_depths.Length), $"{variant}, {s_depths[d]} layers");
                Pass pass = Measure(context, variant, s_depths[d], large: false);
                ratios[d] = pass.First / pass.Last;
                firsts[d] = pass.First;
                rows[d].Add(ratios[d]);
                result.Figures[$"{variant}.ratioAt{s_depths[d]}"] = ratios[d];
                if (s_depths[d] != Classic) continue;
                result.Figures[$"{variant}.firstGradient"] = firsts[d];
                result.Figures[$"{variant}.ratio"] = ratios[d];
            }

            double[] depths = [.. s_depths.Select(depth => (double)depth)];
            result.Series.Add(new Series($"{variant}/ratio", depths, ratios));
            result.Series.Add(new Series($"{variant}/first-gradient", depths, firsts));
        }

        string[] columns = ["layers", "sigmoid: none", "batch", "layer", "tanh: none", "batch", "layer"];
        result.Tables.Add(new ResultTable("|dL/dW| of the first layer over that of the last, by norm", columns, rows,
            [null, .. Enumerable.Repeat("0.0e+00", 6)]));
        Judge(result);
        Reason(context, result);
        result.WeightsHash = Hash(context);
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"20 sigmoids: |dW1| {NotebookMath.Short(figures["sigmoid-none.firstGradient"])}, " +
        $"{NotebookMath.Short(figures["sigmoid-batchnorm.firstGradient"])} with";

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var depth = new Axis("layers");
        Curve[] Of(string activation, string quantity) => [.. s_norms.Select(norm => Curve.Of(result,
            $"{activation}-{norm}/{quantity}", Label(norm), Marker.Circle))];
        return
        [
            .. s_activations.Select(activation => new Chart($"{activation}-ratio",
                $"How much of the gradient reaches the first layer, {activation}", depth,
                    new Axis("|dL/dW| of the first layer over that of the last", IsLog: true),
                    Of(activation, "ratio"))),
            .. s_activations.Select(activation => new Chart($"{activation}-first",
                $"Gradient of the first layer, {activation}", depth,
                    new Axis("|dL/dW| of the first layer", IsLog: true), Of(activation, "first-gradient"))),
        ];
    }

    private static string Label(string norm) => norm switch
    {
        FullyConnectedNet.None => "no norm",
        FullyConnectedNet.BatchNorm => "batch norm",
        _ => "layer norm",
    };

    private static void Judge(ExperimentResult result)
    {
        double[] Ratios(string variant) => [.. result.Series.Single(series => series.Name == $"{variant}/ratio").Y];
        string At(string variant) =>
            $"{NotebookMath.Short(result.Figures[$"{variant}.ratio"])} at {Classic} layers (|dW1| " +
            $"{NotebookMath.Short(result.Figures[$"{variant}.firstGradient"])})";
        result.Checks.Add(Check.Judge("K9.vanishes-sigmoid", "Without norm the gradient of sigmoid layers vanishes",
            $"first over last below 1e-10 at {Classic} layers", At("sigmoid-none"),
            result.Figures["sigmoid-none.ratio"] < 1e-10));
        result.Checks.Add(Check.Judge("K9.vanishes-tanh", "Without norm the gradient of tanh layers vanishes",
            $"first over last below 1e-3 at {Classic} layers", At("tanh-none"),
            result.Figures["tanh-none.ratio"] < 1e-3));
        foreach (string activation in s_activations)
        {
            double[] ratios = Ratios($"{activation}-{FullyConnectedNet.BatchNorm}");
            result.Checks.Add(Check.Judge($"K9.kept-{activation}", $"With batch norm it does not vanish, {activation}",
                "first over last above 1e-2 at every depth",
                string.Create(CultureInfo.InvariantCulture, $"smallest {ratios.Min():F2} up to 30 layers; " +
                    $"{At($"{activation}-{FullyConnectedNet.BatchNorm}")}"), ratios.Min() > 1e-2));
            result.Checks.Add(Check.Judge($"K9.bounded-{activation}", "With batch norm it does not explode either, " +
                $"{activation}", "first over last below 1e2 at every depth",
                string.Create(CultureInfo.InvariantCulture, $"largest {ratios.Max():F1}, at " +
                    $"{s_depths[Array.IndexOf(ratios, ratios.Max())]} layers"), ratios.Max() < 1e2));
        }
    }

    /// <summary>
    /// The lesson's reason: batch norm keeps the inputs of the activation where it is steep. Measured as the mean
    /// slope.
    /// </summary>
    private void Reason(ExperimentContext context, ExperimentResult result)
    {
        var rows = new List<IReadOnlyList<object?>>();
        foreach (string activation in s_activations)
        {
            foreach (bool large in (ReadOnlySpan<bool>)[false, true])
            {
                Pass none = Measure(context, $"{activation}-{FullyConnectedNet.None}", Classic, large);
                Pass norm = Measure(context, $"{activation}-{FullyConnectedNet.BatchNorm}", Classic, large);
                string start = large ? "large" : "default";
                rows.Add([activation, large ? "N(0, 1)" : "default", none.Slope, norm.Slope, none.First / none.Last,
                    norm.First / norm.Last]);
                result.Figures[$"{activation}-none.{start}Slope"] = none.Slope;
                result.Figures[$"{activation}-batchnorm.{start}Slope"] = norm.Slope;
                if (activation != "sigmoid") continue;
                result.Checks.Add(Check.Judge($"K9.reason-{start}", "Because it keeps inputs where the sigmoid is " +
                    $"steep ({(large ? "large" : "default")} start values)",
                    $"mean slope at {Classic} layers higher with batch norm than without",
                        string.Create(CultureInfo.InvariantCulture, $"{norm.Slope:F3} with, {none.Slope:F3} without"),
                        norm.Slope > none.Slope));
            }
        }

        result.Tables.Add(new ResultTable($"{Classic} layers: mean slope of the activation, and first over last",
            ["activation", "weights", "slope: none", "batch norm", "ratio: none", "batch norm"], rows,
            [null, null, "F3", "F3", "0.0e+00", "0.0e+00"]));
        result.Notes.Add("With default start values the sigmoids' inputs are near 0 without any norm, and the slope " +
            "there is at most 1/4: that is what vanishes. Batch norm helps by dividing by a small standard " +
            $"deviation, a factor 1/std a layer on the way back. See {Page}.");
        result.Notes.Add("Layer norm does not cure the sigmoid: a sigmoid's outputs lie around 1/2, the same for " +
            "every sample, and a norm over one sample's features leaves that common part in.");
    }

    /// <summary>
    /// One net, one pass. Nets of one seed share their first layers: the stream does not know how deep the net will be.
    /// </summary>
    private static Pass Measure(ExperimentContext context, string variant, int depth, bool large)
    {
        (Sequential net, Linear[] linears) = Net(context, variant, depth, large);
        var tape = new Tape();
        (Tensor input, Tensor cotangent) = Data(context);
        double slopes = 0;
        Tensor y = tape.Input(input);
        foreach (Module module in net)
        {
            y = module.Forward(y);
            if (module is Sigmoid or Tanh) slopes += Slope(y, module is Tanh);
        }

        y.Backward(cotangent);
        return new Pass(TheoryMath.Norm(linears[0].Weight.Gradient!), TheoryMath.Norm(linears[^1].Weight.Gradient!),
            slopes / depth);
    }

    private static (Tensor Input, Tensor Cotangent) Data(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)(context.Seed + 1000));
        return (random.Randn([Samples, Width], context.DType), random.Randn([Samples, Width], context.DType));
    }

    private static (Sequential Net, Linear[] Linears) Net(ExperimentContext context, string variant,
        int depth, bool large)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        var net = new Sequential();
        var linears = new Linear[depth];
        for (int layer = 0; layer < depth; layer++)
        {
            linears[layer] = new Linear(Width, Width, bias: true, random);
            net.Add(linears[layer]);
            if (variant.EndsWith(FullyConnectedNet.BatchNorm, StringComparison.Ordinal)) net.Add(
                new BatchNorm1d(Width));
            else if (variant.EndsWith(FullyConnectedNet.LayerNorm, StringComparison.Ordinal)) net.Add(
                new LayerNorm(Width));
            net.Add(variant.StartsWith("tanh", StringComparison.Ordinal) ? new Tanh() : new Sigmoid());
        }

        if (context.DType != DType.Float32) net.To(context.DType);
        if (large)
        {
            foreach (Linear linear in linears) linear.Weight.Value.CopyFrom(random.Randn([Width, Width],
                context.DType));
        }

        return (net, linears);
    }

    /// <summary>Mean slope from the values themselves: a(1 - a) for the sigmoid, 1 - a² for tanh.</summary>
    private static double Slope(Tensor activations, bool tanh)
    {
        double sum = 0;
        foreach (double a in activations.To(DType.Float64).AsSpan<double>()) sum += tanh ? 1 - (a * a) : a * (1 - a);
        return sum / activations.Count;
    }

    /// <summary>All gradients of the classic case of every variant.</summary>
    private string Hash(ExperimentContext context)
    {
        using var hash = new WeightsHash();
        foreach (string variant in Variants)
        {
            (Sequential net, _) = Net(context, variant, Classic, large: false);
            (Tensor input, Tensor cotangent) = Data(context);
            net.Forward(new Tape().Input(input)).Backward(cotangent);
            foreach ((string name, Parameter parameter) in net.NamedParameters()) hash.Add($"{variant}.{name}",
                parameter.Gradient!);
        }

        return hash.Finish();
    }
}
