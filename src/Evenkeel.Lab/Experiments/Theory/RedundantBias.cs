using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// A bias before batch norm does nothing: BN(Wu + b) = BN(Wu), its gradient is 0, and a training without it is the same
/// training.
/// </summary>
internal sealed class RedundantBias : TheoryExperiment
{
    private const int Samples = 128;
    private const int Inputs = 32;
    private const int Hidden = 24;
    private const int Classes = 4;
    private const double BiasGradientBound = 5e-7;

    private static readonly double[] s_biases = [0.1, 1, 10, 100, 1000, 10000];

    public override string Name => "redundant-bias";

    public override string Title => "A bias before batch norm does nothing";

    public override string Lesson => "K7";

    public override string Description =>
        "BN(Wu + b) against BN(Wu) for growing b; the gradient of b in a small classifier; then the classifier " +
        "trained with and without b, by SGD and by Adam, from the same weights.";

    public override IReadOnlyList<string> Variants => ["bias", "none"];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor u = random.Randn([Samples, Inputs], context.DType);
        Tensor teacher = random.Randn([Inputs, Classes], context.DType);
        int[] labels = [.. u.MatMul(teacher).ArgMax(1).ToArray<long>().Select(label => (int)label)];
        Tensor target = Tensor.Labels(labels);
        double[] first = random.Randn(Hidden * Inputs), second = random.Randn(Classes * Hidden),
            bias = random.Randn(Hidden);

        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        Shifted(context, u, first, bias, result, hash);
        Gradient(context, u, target, first, second, bias, result);
        Trained(context, u, target, first, second, bias, result, hash);
        result.Notes.Add("Adam divides a gradient by its own size, so it turns the rounding noise of b into steps; " +
            "the outputs do not notice, weight decay and checkpoints do. Leave the bias out before a norm. " +
            $"See {Page}.");
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        Chart Losses(string rule, string name) => new($"{rule}-loss", "The same training with and without the bias, " +
            $"{name}", new Axis("step"), new Axis("loss", IsLog: true),
            [Curve.Of(result, $"bias/{rule}-loss", "with bias"), Curve.Of(result, $"none/{rule}-loss", "without")],
            "The two curves lie on each other.");
        return
        [
            new Chart("output", "BN(Wu + b) against BN(Wu)", new Axis("size of b", IsLog: true), new Axis(
                "largest change of an output, in standard deviations", IsLog: true),
                [Curve.Of(result, "bias/largest-change", "measured: rounding of Wu + b", Marker.Circle)],
                "The lesson says the change is 0."),
            Losses("sgd", "SGD"),
            Losses("adam", "Adam"),
        ];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"|dL/db| <= {NotebookMath.Short(figures["bias.gradient"])}, " +
        $"{NotebookMath.Short(figures["unnormalized.gradient"])} without norm";

    /// <summary>The output for biases of growing size.</summary>
    private static void Shifted(ExperimentContext context, Tensor u, double[] first, double[] bias,
        ExperimentResult result, WeightsHash hash)
    {
        var tape = new Tape(Mode.Train, recordGradients: false);
        Tensor weight = Tensor.From(first, [Hidden, Inputs]).To(context.DType);
        Tensor reference = tape.Input(u.Linear(weight)).BatchNorm(gamma: null, beta: null, running: null).Clone();
        hash.Add("reference", reference);
        double[] changes = new double[s_biases.Length];
        for (int i = 0; i < s_biases.Length; i++)
        {
            Tensor b = (Tensor.From(bias) * s_biases[i]).To(context.DType);
            Tensor y = tape.Input(u.Linear(weight, b)).BatchNorm(gamma: null, beta: null, running: null).Clone();
            changes[i] = TheoryMath.LargestDifference(y, reference);
            hash.Add($"shifted-{i}", y);
        }

        result.Series.Add(new Series("bias/largest-change", s_biases, changes));
        result.Tables.Add(new ResultTable("Largest |BN(Wu + b) - BN(Wu)|", ["size of b", "change"],
            [.. s_biases.Select((size, i) => (IReadOnlyList<object?>)[size, changes[i]])], ["G6", "0.0e+00"]));
        result.Figures["bias.largestChange"] = changes[1];
        result.Checks.Add(Check.Judge("K7.output", "BN(Wu + b) = BN(Wu)", "largest change at b of size 1 <= 2e-6",
            $"{NotebookMath.Short(changes[1])}; " +
            $"{NotebookMath.Short(changes[^1])} at size 10000, from rounding Wu + b", changes[1] <= 2e-6));
    }

    /// <summary>The gradient of the bias with batch norm behind it, and without.</summary>
    private static void Gradient(ExperimentContext context, Tensor u, Tensor target, double[] first, double[] second,
        double[] bias, ExperimentResult result)
    {
        context.Report(0.1, "gradients");
        double Of(bool norm, out double weightGradient)
        {
            Sequential net = Net(context, first, second, bias, norm);
            var tape = new Tape();
            net.Forward(tape.Input(u)).CrossEntropy(target).Backward();
            weightGradient = TheoryMath.Largest(((Linear)net[0]).Weight.Gradient!);
            return TheoryMath.Largest(((Linear)net[0]).Bias!.Gradient!);
        }

        double with = Of(norm: true, out double withWeight), without = Of(norm: false, out double withoutWeight);
        result.Figures["bias.gradient"] = with;
        result.Figures["unnormalized.gradient"] = without;
        result.Tables.Add(new ResultTable("Largest entries of the gradients", ["net", "dL/db", "dL/dW"],
            [["batch norm behind b", with, withWeight], ["no norm", without, withoutWeight]],
            [null, "0.0e+00", "0.0e+00"]));
        result.Checks.Add(Check.Judge("K7.gradient", "The gradient of b is 0 but for rounding",
            $"largest |dL/db| <= {NotebookMath.Short(BiasGradientBound)}",
            $"{NotebookMath.Short(with)}, without the norm {NotebookMath.Short(without)}", with <= BiasGradientBound));
    }

    /// <summary>The same training with and without the bias.</summary>
    private static void Trained(
        ExperimentContext context, Tensor u, Tensor target, double[] first, double[] second, double[] bias,
            ExperimentResult result, WeightsHash hash)
    {
        int steps = context.Quick ? 50 : 200, run = 0;
        var rows = new List<IReadOnlyList<object?>>();
        double largestGap = 0;
        foreach (string rule in (ReadOnlySpan<string>)["sgd", "adam"])
        {
            double[]? reference = null;
            foreach (bool biased in (ReadOnlySpan<bool>)[true, false])
            {
                context.Report(0.1 + (0.9 * run++ / 4), $"{rule}, {(biased ? "with" : "without")} " +
                    "bias", milestone: true);
                Sequential net = Net(context, first, second, biased ? bias : null, norm: true);
                Optimizer optimizer = rule == "sgd" ? new SGD(net.Parameters(), 0.1) : new Adam(net.Parameters(), 0.01);
                double[] losses = new double[steps];
                var tape = new Tape();
                for (int step = 0; step < steps; step++)
                {
                    if (step % 25 == 0) context.Cancellation.ThrowIfCancellationRequested();
                    tape.Reset();
                    Tensor loss = net.Forward(tape.Input(u)).CrossEntropy(target);
                    losses[step] = loss.Item();
                    loss.Backward();
                    optimizer.Step();
                    optimizer.ZeroGrad();
                }

                string variant = biased ? "bias" : "none";
                hash.Add($"{rule}-{variant}", net);
                result.AddSeries($"{variant}/{rule}-loss", losses, first: 1);
                double? moved = biased
                    ? TheoryMath.LargestDifference(((Linear)net[0]).Bias!.Value, Tensor.From(bias).To(context.DType))
                    : null;
                if (moved is { } distance) result.Figures[$"bias.{rule}Moved"] = distance;
                double? gap = null;
                if (reference is null) reference = losses;
                else
                {
                    gap = 0;
                    for (int step = 0; step < steps; step++)
                        gap = Math.Max(gap.Value, Math.Abs(losses[step] - reference[step]));
                    largestGap = Math.Max(largestGap, gap.Value);
                    result.Figures[$"none.{rule}LossGap"] = gap.Value;
                }

                rows.Add([rule, biased ? "with" : "without", losses[0], losses[^1], gap, moved]);
            }
        }

        result.Tables.Add(new ResultTable($"{steps} steps from the same weights",
            ["rule", "bias", "first loss", "last loss", "largest gap", "b moved by"], rows,
            [null, null, "F6", "F6", "0.0e+00", "0.0e+00"]));
        result.Checks.Add(Check.Judge("K7.training", "Training without the bias is the same training",
            "the loss curves with and without it differ by at most 1e-3, by SGD and by Adam",
            $"largest difference {NotebookMath.Short(largestGap)}", largestGap <= 1e-3));
        double sgd = result.Figures["bias.sgdMoved"], adam = result.Figures["bias.adamMoved"];
        result.Checks.Add(Check.Judge("K7.unmoved", "Training leaves the bias where it began",
            "no entry moves by more than 1e-4, by SGD and by Adam",
            $"SGD {NotebookMath.Short(sgd)}, Adam {NotebookMath.Short(adam)}", sgd <= 1e-4 && adam <= 1e-4));
    }

    /// <summary>Linear, batch norm, ReLU, linear; a null bias makes the first layer one without.</summary>
    private static Sequential Net(ExperimentContext context, double[] first, double[] second, double[]? bias, bool norm)
    {
        // The layers' own draws are replaced at once, so any stream will do.
        var any = new NumPyRandomState(0);
        var one = new Linear(Inputs, Hidden, bias is not null, any);
        var two = new Linear(Hidden, Classes, bias: false, any);
        var net = norm ? new Sequential(one, new BatchNorm1d(Hidden), new ReLU(), two)
            : new Sequential(one, new ReLU(), two);
        if (context.DType != DType.Float32) net.To(context.DType);
        one.Weight.Value.CopyFrom(Tensor.From(first, [Hidden, Inputs]).To(context.DType) * (1 / Math.Sqrt(Inputs)));
        two.Weight.Value.CopyFrom(Tensor.From(second, [Classes, Hidden]).To(context.DType) * (1 / Math.Sqrt(Hidden)));
        if (bias is not null) one.Bias!.Value.CopyFrom(Tensor.From(bias).To(context.DType));
        return net;
    }
}
