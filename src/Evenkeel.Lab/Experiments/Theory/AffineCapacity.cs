using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// What gamma and beta are good for: the same nets with and without them, on images, and on a task that a narrow net
/// cannot do without them. Behind a norm without beta every unit is a sigmoid about its own mean, so a
/// sum of them is odd about the mean of the inputs, and inside against outside of a circle is even.
/// </summary>
internal sealed class AffineCapacity : TheoryExperiment
{
    private const int BatchSize = 50;
    private const int Hidden = 20;
    private const int HiddenLayers = 3;
    private const double ImageRate = 1e-3;

    private const int Points = 1000;
    private const int Units = 8;
    private const double PointRate = 0.05;

    /// <summary>|x|² of a point of N(0, I) in two dimensions is below 2·ln 2 in half of the cases.</summary>
    private const double RadiusSquared = 1.3862943611198906;

    private static readonly string[] s_activations = ["relu", "sigmoid"];
    private static readonly (string Variant, bool Affine)[] s_kinds = [("affine", true), ("plain", false)];

    public override string Name => "affine-capacity";

    public override string Title => "What gamma and beta are good for";

    public override string Lesson => "A3";

    public override string Description =>
        "Three hidden layers of 20 with batch norm, with gamma and beta and without, ReLU and sigmoid, from the same " +
        "weights on the same batches of images. Then one hidden layer of 8 on points inside and outside of a circle, " +
        "which sigmoids about their means cannot tell apart.";

    public override IReadOnlyList<string> Variants =>
        [.. s_activations.SelectMany(static activation => s_kinds.SelectMany(kind => (string[])[
        $"{activation}-{kind.Variant}",
        $"circle-{activation}-{kind.Variant}"]))];

    public override (int Lesson, int Quick)? Epochs => (10, 3);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (5, 1.5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var imageRows = new List<IReadOnlyList<object?>>();
        var circleRows = new List<IReadOnlyList<object?>>();
        int run = 0;
        foreach (string activation in s_activations)
        {
            foreach ((string kind, bool affine) in s_kinds)
            {
                string variant = $"{activation}-{kind}";
                int number = run++;
                Train(context, images, variant, activation, affine, result, hash, done =>
                    context.Report((number + (0.9 * done)) / Variants.Count * 2, variant));
                imageRows.Add([activation, affine ? "with" : "without",
                    .. ((string[])["finalLoss", "ownAccuracy", "straightenedAccuracy", "straightness", "insideOne"])
                    .Select(figure => (object?)result.Figures[$"{variant}.{figure}"])]);
                context.Report((number + 0.9) / Variants.Count * 2, $"circle, {variant}", milestone: true);
                Circle(context, variant, activation, affine, result, hash);
                circleRows.Add([activation, affine ? "with" : "without", result.Figures[$"circle-{variant}.accuracy"],
                    result.Figures[$"circle-{variant}.loss"]]);
            }
        }

        result.Tables.Add(new ResultTable("Images: loss (mean of the last epoch), training accuracy, and accuracy " +
            "with a straight line in place of each activation; " +
            "share of the variance such a line explains, share of inputs within ±1",
            ["activation", "gamma, beta", "loss", "accuracy", "straightened", "straight", "within ±1"], imageRows,
            [null, null, "F3", "F3", "F3", "F4", "F3"]));
        result.Tables.Add(new ResultTable($"Circle: accuracy on {Points} new points, and training loss, one hidden " +
            $"layer of {Units}", ["activation", "gamma, beta", "accuracy", "loss"], circleRows,
                [null, null, "F3", "F3"]));
        double with = result.Figures["circle-sigmoid-affine.accuracy"],
            without = result.Figures["circle-sigmoid-plain.accuracy"];
        result.Checks.Add(Check.Judge("K6.circle", "Sigmoids about their means cannot tell inside from outside; with " +
            "beta they can", "accuracy at most 0.6 without gamma and beta, at least 0.9 with",
            string.Create(CultureInfo.InvariantCulture, $"{without:F3} without, {with:F3} " +
                $"with"), without <= 0.6 && with >= 0.9));
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"images {NotebookMath.Signed(figures["relu-affine.ownAccuracy"] - figures["relu-plain.ownAccuracy"], 3)}; " +
        $"circle {figures["circle-sigmoid-affine.accuracy"]:F2} with, {figures["circle-sigmoid-plain.accuracy"]:F2}");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        Curve[] Of(string prefix, string quantity) =>
            [.. s_activations.SelectMany(activation =>
                s_kinds.Select(kind =>
                    Curve.Of(result, $"{prefix}{activation}-{kind.Variant}/{quantity}",
                        $"{Label(activation)}, {(kind.Affine ? "gamma and beta" : "without")}")))];
        return
        [
            new Chart("images", $"Images: three hidden layers of {Hidden}", new Axis("epoch"),
                new Axis("training accuracy"), Of("", "train-accuracy")),
            new Chart("circle", $"Inside or outside of a circle: one hidden layer of {Units}", new Axis("step"),
                new Axis("training loss"), Of("circle-", "loss"), "A guess has a loss of ln 2 = 0.693."),
        ];
    }

    private static string Label(string activation) => activation == "relu" ? "ReLU" : activation;

    private static Module Activation(string name) => name == "relu" ? new ReLU() : new Sigmoid();

    private static void Train(
        ExperimentContext context, StandardizedImages images, string variant, string activation, bool affine,
            ExperimentResult result, WeightsHash hash, Action<double> report)
    {
        Sequential net =
            Net(context, [images.SampleShape.Count, .. Enumerable.Repeat(Hidden, HiddenLayers), 10], activation, affine,
                (uint)context.Seed);
        // A stream of its own: all nets see the same batches.
        var random = new NumPyRandomState((uint)(context.Seed + 1000));
        SolverHistory history =
            new Solver(net, new Adam(net.Parameters(), ImageRate), random, context.Epochs, BatchSize)
                .Train(images, report: progress => report(progress.Done), cancellation: context.Cancellation);
        hash.Add(variant, net);
        result.AddSeries($"{variant}/train-accuracy", history.TrainAccuracies);
        result.Figures[$"{variant}.finalLoss"] =
            history.Losses.TakeLast(NotebookTraining.StepsPerEpoch(images.Count, BatchSize)).Average();
        LookInside(context, images, net, variant, result);
    }

    /// <summary>
    /// Training accuracy, normalized by the training images' own statistics: running ones would add chance. Then, how
    /// straight the activations are over the inputs they get, and the share of these within ±1, means over the
    /// layers; and what is left of the accuracy when each layer's activations are replaced by the straight line that
    /// fits them best.
    /// </summary>
    private static void LookInside(ExperimentContext context, StandardizedImages images, Sequential net, string variant,
        ExperimentResult result)
    {
        (Tensor batch, long[] labels) = images.First(images.Count, context.DType);
        double straight = 0, inside = 0;
        var lines = new List<(double Slope, double At0)>();
        var tape = new Tape(Mode.Train, recordGradients: false);
        result.Figures[$"{variant}.ownAccuracy"] = TheoryMath.ShareRight(Forward(tape.Input(batch), (module, z) =>
        {
            Tensor y = module.Forward(z);
            double[] inputs = z.Clone().To(DType.Float64).ToArray<double>(), outputs = y.Clone()
                .To(DType.Float64).ToArray<double>();
            straight += TheoryMath.SquaredCorrelation(inputs, outputs) / HiddenLayers;
            inside += (double)inputs.Count(static value => Math.Abs(value) < 1) / inputs.Length / HiddenLayers;
            lines.Add(TheoryMath.Line(inputs, outputs));
            return y;
        }), labels);
        int layer = 0;
        tape.Reset();
        result.Figures[$"{variant}.straightenedAccuracy"] = TheoryMath.ShareRight(Forward(tape.Input(batch), (_, z) =>
        {
            (double slope, double at0) = lines[layer++];
            return (z * slope) + at0;
        }), labels);
        tape.Reject();
        result.Figures[$"{variant}.straightness"] = straight;
        result.Figures[$"{variant}.insideOne"] = inside;

        Tensor Forward(Tensor x, Func<Module, Tensor, Tensor> activation)
        {
            foreach (Module module in net) x = module is Sigmoid or ReLU ? activation(module, x) : module.Forward(x);
            return x;
        }
    }

    /// <summary>A narrow net on points of N(0, I), half of which lie in the circle.</summary>
    private static void Circle(ExperimentContext context, string variant, string activation, bool affine,
        ExperimentResult result, WeightsHash hash)
    {
        int steps = context.Quick ? 300 : 600;
        var random = new NumPyRandomState((uint)(context.Seed + 2000));
        (Tensor x, Tensor labels) = Draw(random, context.DType);
        (Tensor fresh, Tensor freshLabels) = Draw(random, context.DType);
        Sequential net = Net(context, [2, Units, 2], activation, affine, (uint)(context.Seed + 3000));
        var optimizer = new Adam(net.Parameters(), PointRate);
        var tape = new Tape();
        double[] losses = new double[steps];
        for (int step = 0; step < steps; step++)
        {
            if (step % 50 == 0) context.Cancellation.ThrowIfCancellationRequested();
            tape.Reset();
            Tensor loss = net.Forward(tape.Input(x)).CrossEntropy(labels);
            losses[step] = loss.Item();
            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
        }

        hash.Add($"circle-{variant}", net);
        Tensor scores = net.Forward(new Tape(Mode.Eval, recordGradients: false).Input(fresh));
        result.AddSeries($"circle-{variant}/loss", losses, first: 1);
        result.Figures[$"circle-{variant}.loss"] = losses[^1];
        result.Figures[$"circle-{variant}.accuracy"] = TheoryMath.ShareRight(scores, freshLabels.ToArray<long>());

        static (Tensor Points, Tensor Labels) Draw(NumPyRandomState random, DType dtype)
        {
            double[] values = random.Randn(2 * Points);
            int[] labels = [.. Enumerable.Range(0, Points)
                .Select(i => (values[2 * i] * values[2 * i])
                + (values[(2 * i) + 1] * values[(2 * i) + 1]) < RadiusSquared ? 1 : 0)];
            return (Tensor.From(values, [Points, 2]).To(dtype), Tensor.Labels(labels));
        }
    }

    /// <summary>
    /// Linear without bias, batch norm, activation; a linear layer at the end. Weights at variance 2/in, drawn in
    /// float64 and the same whatever the kind.
    /// </summary>
    private static Sequential Net(ExperimentContext context, int[] widths, string activation, bool affine, uint seed)
    {
        var net = new Sequential();
        // The layers' own draws are replaced at once, so any stream will do.
        var any = new NumPyRandomState(0);
        var random = new NumPyRandomState(seed);
        var linears = new List<Linear>();
        for (int layer = 1; layer < widths.Length; layer++)
        {
            bool last = layer == widths.Length - 1;
            linears.Add(new Linear(widths[layer - 1], widths[layer], bias: last, any));
            net.Add(linears[^1]);
            if (last) break;
            net.Add(new BatchNorm1d(widths[layer], RunningAverage.Keep(0.9), affine: affine));
            net.Add(Activation(activation));
        }

        if (context.DType != DType.Float32) net.To(context.DType);
        foreach (Linear linear in linears)
        {
            linear.Weight.Value.CopyFrom(random.Randn(linear.Weight.Shape, context.DType,
                scale: Math.Sqrt(2.0 / linear.Weight.Shape[1])));
            linear.Bias?.Value.Fill(0);
        }

        return net;
    }
}
