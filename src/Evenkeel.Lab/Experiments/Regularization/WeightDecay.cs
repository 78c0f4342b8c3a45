using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Regularization;

/// <summary>
/// A sweep of weight decay with and without batch norm, and what decay is where the scale of weights does not count: a
/// learning rate.
/// </summary>
internal sealed class WeightDecay : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 0.05;

    /// <summary>
    /// Small steps, so that rounding is not amplified on the way; decay that is strong in so few of them.
    /// </summary>
    private const double EquivalenceRate = 0.02;
    private const double EquivalenceDecay = 1;
    private const int EquivalenceImages = 250;

    private static readonly int[] s_hidden = [100, 100, 100];

    public static IReadOnlyList<double> Decays { get; } = [0, 0.003, 0.01, 0.03, 0.1];

    public static IReadOnlyList<string> Norms { get; } = [FullyConnectedNet.None, FullyConnectedNet.BatchNorm];

    public override string Name => "weight-decay";

    public override string Title => "Weight decay with and without batch norm";

    public override string Lesson => "A2";

    public override string Description =>
        "Three hidden layers of 100 on a thousand images, plain SGD: decays 0 to 0.1 with and without batch norm; " +
        "the effective learning rate lr/|w|² that each ends with; " +
        "and the run with decay repeated without, by a learning rate that grows.";

    public override string Page => "docs/lessons/a-initialization-and-banknotes.md#weight-decay";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants =>
        [.. Norms.SelectMany(static norm => Decays.Select(decay => Variant(norm, decay)))];

    public override (int Lesson, int Quick)? Epochs => (40, 8);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (20, 4);

    /// <summary><c>batchnorm-0.01</c>: norm and decay.</summary>
    internal static string Variant(string norm, double decay) =>
        string.Create(CultureInfo.InvariantCulture, $"{norm}-{decay}");

    public override ExperimentResult Run(ExperimentContext context)
    {
        FewGarments images = FewGarments.Draw(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        Sweep(context, images, result, hash);
        Equivalence(context, images, result, hash);
        Judge(result);
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var decays = new Axis("Weight decay",
            Categories: [.. Decays.Select(static decay => decay.ToString(CultureInfo.InvariantCulture))]);
        Chart Plot(string set, string title, string label, bool isLog, string? note) => new(
            set, title, decays, new Axis(label, isLog),
            [.. Norms.Select(norm =>
                Curve.Of(result, $"{norm}/{set}", norm == FullyConnectedNet.None ? "no norm" : "batch norm",
                    norm == FullyConnectedNet.None ? Marker.Triangle : Marker.Circle))], note);
        return
        [
            Plot("test-accuracy", "Test accuracy by weight decay", "Test accuracy", isLog: false, note: null),
            Plot("train-accuracy", "Training accuracy by weight decay", "Training accuracy", isLog: false, note: null),
            Plot("effective-rate", "Effective learning rate at the end", "lr/|w|², mean over hidden units", isLog: true,
                "The scale of w counts for nothing before batch norm: decay acts through this rate. Without a norm " +
                "it is no learning rate, only the size of the weights."),
        ];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"best decay {figures["batchnorm.bestDecay"]} with BN ({NotebookMath.Signed(figures["batchnorm.gain"], 3)}), " +
        $"{figures["none.bestDecay"]} without ({NotebookMath.Signed(figures["none.gain"], 3)})");

    private static void Sweep(ExperimentContext context, FewGarments images, ExperimentResult result, WeightsHash hash)
    {
        var rows = new List<IReadOnlyList<object?>>();
        int run = 0, runs = Norms.Count * Decays.Count;
        double[] positions = [.. Enumerable.Range(0, Decays.Count).Select(static i => (double)i)];
        foreach (string norm in Norms)
        {
            var choices = new Score[Decays.Count];
            double[] tests = new double[Decays.Count], trains = new double[Decays.Count],
                effective = new double[Decays.Count];
            for (int d = 0; d < Decays.Count; d++)
            {
                string variant = Variant(norm, Decays[d]);
                var random = new NumPyRandomState((uint)context.Seed);
                FullyConnectedNet net = KaimingNet.Create(random, images.Inputs, s_hidden, norm, context.DType);
                var optimizer =
                    new SGD(net.Model.Parameters(), LearningRate, weightDecay: Decays[d], decayNormAndBias: false);
                var training = new ClassifierTraining(net.Model, optimizer);
                for (int epoch = 0; epoch < context.Epochs; epoch++)
                {
                    training.Epoch(images.Batches(BatchSize, random), static _ => { });
                    context.Report(0.95 * (run + ((epoch + 1.0) / context.Epochs)) / runs,
                        string.Create(CultureInfo.InvariantCulture,
                        $"{variant}, epoch {epoch + 1}/{context.Epochs}"));
                }

                run++;
                Score train = training.Evaluate(images.InOrder(images.Train)),
                    test = training.Evaluate(images.InOrder(images.Test));
                choices[d] = training.Evaluate(images.InOrder(images.Choice));
                (trains[d], tests[d], effective[d]) = (train.Accuracy, test.Accuracy, EffectiveRate(net));
                result.Figures[$"{variant}.trainAccuracy"] = train.Accuracy;
                result.Figures[$"{variant}.testAccuracy"] = test.Accuracy;
                result.Figures[$"{variant}.effectiveRate"] = effective[d];
                hash.Add(variant, net.Model);
                rows.Add([norm, Decays[d], train.Accuracy, test.Accuracy, choices[d].Accuracy, effective[d]]);
            }

            // The first of equal ones: the smallest decay.
            int best = Array.FindIndex(choices, choice => choice.Right == choices.Max(static other => other.Right));
            result.Figures[$"{norm}.bestDecay"] = Decays[best];
            result.Figures[$"{norm}.gain"] = tests[best] - tests[0];
            result.Series.Add(new Series($"{norm}/test-accuracy", positions, tests));
            result.Series.Add(new Series($"{norm}/train-accuracy", positions, trains));
            result.Series.Add(new Series($"{norm}/effective-rate", positions, effective));
        }

        result.Tables.Add(new ResultTable("After training; the best decay is chosen by the accuracy on images of its " +
            "own (choice)", ["norm", "decay", "train", "test", "choice", "lr/|w|²"], rows,
            [null, "G3", "F3", "F3", "F3", "G3"]));
    }

    /// <summary>
    /// lr/|w|², w a row of weights (one unit), averaged over the units of hidden layers: the learning rate of a unit
    /// whose scale does not count, as that of a w of length 1.
    /// </summary>
    private static double EffectiveRate(FullyConnectedNet net)
    {
        double sum = 0;
        int units = 0;
        foreach ((_, Parameter weight) in Hidden(net))
        {
            double[] values = weight.Value.To(DType.Float64).ToArray<double>();
            int inputs = weight.Shape[1];
            for (int o = 0; o < weight.Shape[0]; o++, units++)
            {
                double squares = 0;
                for (int i = 0; i < inputs; i++) squares += values[(o * inputs) + i] * values[(o * inputs) + i];
                sum += LearningRate / squares;
            }
        }

        return sum / units;
    }

    /// <summary>The weights before a norm: all but the last.</summary>
    private static IEnumerable<(string Name, Parameter Parameter)> Hidden(FullyConnectedNet net) =>
        net.Parameters.Where(static named => named.Name[0] == 'W'
            && named.Name != string.Create(CultureInfo.InvariantCulture, $"W{s_hidden.Length + 1}"));

    /// <summary>
    /// With v = w/a^t, a = 1 - lr·decay, the step w ← a·w - lr·g(w) is v ← v - lr·a^-(2t+1)·g(v) if g(w) = g(v)/a^t, as
    /// it is before a norm: the same net without decay, by a learning rate
    /// that grows. Source: Li and Arora, "An exponential learning rate schedule for deep learning", 2020.
    /// </summary>
    private static void Equivalence(ExperimentContext context, FewGarments images, ExperimentResult result,
        WeightsHash hash)
    {
        context.Report(0.95, "decay as a learning rate");
        double shrink = 1 - (EquivalenceRate * EquivalenceDecay), inverse = 1 / shrink;
        Tensor decayed = Train("decay", EquivalenceDecay, growth: 1), grown = Train("growing-rate", 0, inverse),
            plain = Train("constant-rate", 0, growth: 1);
        double scale = NotebookMath.MeanStd(decayed.Reshape(decayed.Count, 1), axis: 0).Stds[0];
        double difference = TheoryMath.LargestDifference(decayed, grown) / scale,
            without = TheoryMath.LargestDifference(decayed, plain) / scale;
        result.Figures["equivalence.difference"] = difference;
        result.Figures["equivalence.withoutDecay"] = without;
        result.Checks.Add(Check.Judge("A2.decay-is-a-rate", "Decay of weights before a norm is a learning rate that " +
            "grows",
            "after one epoch outputs differ by at most 5 % of what leaving the decay out changes",
            string.Create(CultureInfo.InvariantCulture, $"by {NotebookMath.Short(difference)} deviations; without " +
                $"decay by {without:F2}"), difference <= 0.05 * without));

        // Outputs for the same images with the statistics of these images: running averages over steps of different
        // scale would not be the same.
        Tensor Train(string name, double decay, double growth)
        {
            var random = new NumPyRandomState((uint)context.Seed);
            (Sequential net, Parameter[] hidden) = SmoothNet(random, images.Inputs, context.DType);
            var group = new ParameterGroup(hidden, EquivalenceRate * growth, decay);
            var training = new ClassifierTraining(net,
                new SGD([group, new ParameterGroup(net.Parameters().Except(hidden))], EquivalenceRate));
            training.Epoch(images.Batches(BatchSize, random), _ => group.LearningRate *= growth * growth);
            hash.Add(name, net);
            var inputs = Tensor.Zeros([EquivalenceImages, images.Inputs], context.DType);
            images.Test.CopyTo([.. Enumerable.Range(0, EquivalenceImages)], inputs);
            var tape = new Tape(Mode.Train, recordGradients: false);
            return net.Forward(tape.Input(inputs)).Clone();
        }
    }

    /// <summary>
    /// The net with tanh for ReLU, and its weights before norms. Equal but for eps means differences of 1e-6, and where
    /// one of them carries a value across ReLU's kink, the gradient jumps: that
    /// happens to one seed in five.
    /// </summary>
    private static (Sequential Net, Parameter[] Hidden) SmoothNet(NumPyRandomState random, int inputs, DType dtype)
    {
        var net = new Sequential();
        var hidden = new List<Parameter>();
        int width = inputs;
        foreach (int outputs in (ReadOnlySpan<int>)[.. s_hidden, 10])
        {
            var linear = new Linear(width, outputs, bias: false);
            net.Add(linear);
            if (dtype != DType.Float32) linear.To(dtype);
            linear.Weight.Value.CopyFrom(random.Randn([outputs, width], dtype, scale: 1 / Math.Sqrt(width)));
            width = outputs;
            if (hidden.Count == s_hidden.Length) break;
            hidden.Add(linear.Weight);
            net.Add(new BatchNorm1d(outputs));
            net.Add(new Tanh());
        }

        if (dtype != DType.Float32) net.To(dtype);
        return (net, [.. hidden]);
    }

    private static void Judge(ExperimentResult result)
    {
        double none = result.Figures[$"{Variant(FullyConnectedNet.BatchNorm, 0)}.effectiveRate"], most = result.Figures[
            $"{Variant(FullyConnectedNet.BatchNorm, Decays[^1])}.effectiveRate"];
        result.Checks.Add(Check.Judge("A2.effective-rate", "Before a norm decay raises the effective learning rate",
            $"lr/|w|² at the end at least twice as large with decay {Decays[^1]} as with none",
            string.Create(CultureInfo.InvariantCulture, $"{most:G3} against {none:G3}"), most >= 2 * none));
    }
}
