using System.Globalization;
using Evenkeel.Diagnostics;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>
/// The lesson's derivation of std(W) = √(1/n), measured: one layer by its number of inputs, then thirty layers with and
/// without an activation.
/// </summary>
internal sealed class VariancePropagation : Experiment
{
    private const int Width = 256;
    private const int Layers = 30;
    private const int Samples = 64;

    /// <summary>
    /// Nets a run: the scale of one is a product of chances and drifts by a quarter in thirty layers.
    /// </summary>
    private const int Nets = 4;

    private static readonly int[] s_inputs = [16, 64, 256, 1024];

    /// <summary>
    /// Name, words, activation, n·D(W), and what the root mean square is expected to do in a layer; null if it is no
    /// fixed factor.
    /// </summary>
    private static readonly (string Name, string Label, Func<Tensor, Tensor> Activation, double Variance,
        double? Factor)[] s_stacks =
    [
        ("linear-1-over-n", "no activation, √(1/n)", static z => z, 1, 1),
        ("linear-2-over-n", "no activation, √(2/n)", static z => z, 2, Math.Sqrt(2)),
        ("relu-1-over-n", "ReLU, √(1/n)", static z => z.ReLU(), 1, Math.Sqrt(0.5)),
        ("relu-2-over-n", "ReLU, √(2/n)", static z => z.ReLU(), 2, 1),
        ("tanh-1-over-n", "tanh, √(1/n)", static z => z.Tanh(), 1, null),
    ];

    public override string Name => "variance-propagation";

    public override string Title => "What a layer does to the variance";

    public override string Lesson => "A4";

    public override string Description =>
        "One linear layer of 16 to 1024 inputs with weights from N(0, 1) and N(0, 1/n), then 30 layers of 256 with " +
        "std(W) = √(1/n) or √(2/n), without activation, with ReLU and with tanh, all from the same draws: " +
        "std of every layer's output.";

    public override IReadOnlyList<string> Variants => [.. s_stacks.Select(static stack => stack.Name)];

    public override string Page => $"docs/lessons/a-initialization-and-banknotes.md#{Name}";

    public override long LessonSeed => InitDepth.ScriptSeed;

    public override (double Lesson, double Quick) Cost => (1, 0.6);

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        var result = new ExperimentResult();
        OneLayer(context, random, result);
        double[][] logs = [.. s_stacks.Select(static _ => new double[Layers + 1])];
        using var hash = new WeightsHash();
        for (int net = 0; net < Nets; net++)
        {
            context.Report((double)net / Nets, $"net {net + 1} of {Nets}");
            Tensor[] x = new Tensor[s_stacks.Length];
            Array.Fill(x, Tensor.RandomNormal([Samples, Width], random, context.DType));
            Note(0, net);
            for (int layer = 1; layer <= Layers; layer++)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                Tensor weight = Tensor.RandomNormal([Width, Width], random, context.DType);
                for (int s = 0; s < s_stacks.Length; s++) x[s] = s_stacks[s]
                    .Activation(x[s].MatMul(weight) * Math.Sqrt(s_stacks[s].Variance / Width));
                Note(layer, net);
            }

            for (int s = 0; s < s_stacks.Length; s++) hash.Add($"{s_stacks[s].Name}-{net}", x[s]);

            void Note(int layer, int net)
            {
                for (int s = 0; s < s_stacks.Length; s++) logs[s][layer] += TheoryMath.Log(
                    TensorStatistics.Of(x[s]).Std) / Nets;
            }
        }

        Judge(result, logs);
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"√(1/n): linear x{figures["linear-1-over-n.factor"]:F2} a layer, ReLU x{figures["relu-1-over-n.factor"]:F2}");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("one-layer", "One linear layer: D(H) = n·D(X)·D(W)", new Axis("inputs n", IsLog: true),
            new Axis("standard deviation of the output", IsLog: true),
        [
            Curve.Of(result, "one-layer/std-unit-weights", "weights from N(0, 1)", Marker.Circle), Curve.Of(result,
                "one-layer/std-scaled-weights", "weights from N(0, 1/n)", Marker.Square),
            new Curve("√n, as derived", [.. s_inputs.Select(static n => (double)n)],
                [.. s_inputs.Select(static n => Math.Sqrt(n))], Marker.Circle, IsLesson: true),
        ], "The lesson derives it and draws the layers."),
        new Chart("layers", "Thirty layers of 256", new Axis("layer"), new Axis(
            "standard deviation of the layer's output", IsLog: true),
            [.. s_stacks.Select(stack => Curve.Of(result, $"{stack.Name}/std", stack.Label))],
            "Geometric means of four nets. √(1/n) is the lesson's, √(2/n) Kaiming's."),
    ];

    /// <summary>D(H) = n·D(X)·D(W) for one layer.</summary>
    private static void OneLayer(ExperimentContext context, TorchGenerator random, ExperimentResult result)
    {
        double[] unit = new double[s_inputs.Length], scaled = new double[s_inputs.Length];
        var rows = new List<IReadOnlyList<object?>>();
        for (int i = 0; i < s_inputs.Length; i++)
        {
            int n = s_inputs[i];
            Tensor x = Tensor.RandomNormal([Samples, n], random, context.DType),
                weight = Tensor.RandomNormal([n, Width], random, context.DType);
            unit[i] = TensorStatistics.Of(x.MatMul(weight)).Std;
            scaled[i] = TensorStatistics.Of(x.MatMul(weight * Math.Sqrt(1.0 / n))).Std;
            rows.Add([n, unit[i], Math.Sqrt(n), scaled[i]]);
        }

        double[] inputs = [.. s_inputs.Select(static n => (double)n)];
        result.Series.Add(new Series("one-layer/std-unit-weights", inputs, unit));
        result.Series.Add(new Series("one-layer/std-scaled-weights", inputs, scaled));
        result.Tables.Add(new ResultTable("Std of a linear layer's output",
            ["inputs n", "W from N(0, 1)", "√n", "W from N(0, 1/n)"], rows, [null, "F3", "F3", "F4"]));
        double off = scaled.Max(static std => Math.Abs(std - 1));
        result.Figures["one-layer.largestError"] = off;
        result.Checks.Add(Check.Judge("A4.one-layer", "D(H) = n·D(X)·D(W), so std(W) = √(1/n) gives std(H) = 1",
            "std within 10 % of 1 for every n",
            string.Create(CultureInfo.InvariantCulture, $"off by {off:F3} at most"), off <= 0.1));
    }

    private static void Judge(ExperimentResult result, double[][] logs)
    {
        var rows = new List<IReadOnlyList<object?>>();
        for (int s = 0; s < s_stacks.Length; s++)
        {
            (string name, string label, _, _, double? expected) = s_stacks[s];
            double[] stds = [.. logs[s].Select(TheoryMath.Exp)];
            double factor = TheoryMath.Exp((logs[s][^1] - logs[s][1]) / (Layers - 1)), kept = stds[^1] / stds[0];
            result.AddSeries($"{name}/std", stds);
            result.Figures[$"{name}.factor"] = factor;
            result.Figures[$"{name}.kept"] = kept;
            rows.Add([label, factor, expected, kept]);
        }

        result.Tables.Add(new ResultTable($"{Layers} layers of {Width}, {Nets} nets: factor per layer, and the std " +
            "at the end over that of the input", ["stack", "measured", "expected", "kept"], rows,
            [null, "F4", "F4", "G4"]));
        double[] factors =
            [result.Figures["linear-1-over-n.factor"], result.Figures["relu-1-over-n.factor"],
                result.Figures["relu-2-over-n.factor"]];
        result.Checks.Add(Check.Judge("A4.one-over-n", "std(W) = √(1/n) keeps the scale",
            "holds for a stack without activation: factor 1 to 3 %; " +
            "through ReLU it is √(1/2), and √(2/n) keeps the scale",
            string.Create(CultureInfo.InvariantCulture, $"linear {factors[0]:F3}; ReLU {factors[1]:F3}, " +
                $"with 2/n {factors[2]:F3}"),
            Near(factors[0], 1) && Near(factors[1], Math.Sqrt(0.5)) && Near(factors[2], 1)));
    }

    private static bool Near(double measured, double expected) => Math.Abs((measured / expected) - 1) <= 0.03;
}
