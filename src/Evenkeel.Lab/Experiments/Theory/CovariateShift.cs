using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// How much the inputs of the layers move while a net trains, without norm, with batch norm, and with noise behind the
/// batch norm that moves them again.
/// If moving inputs were what slows a training down, the noise would take the gain away. After S. Santurkar et al.,
/// "How Does Batch Normalization Help Optimization?", 2018.
/// </summary>
internal sealed class CovariateShift : TheoryExperiment
{
    private const string Noisy = "noisy";
    private const int BatchSize = 50;
    private const int ProbeEvery = 10;
    private const int ProbeImages = 500;
    private const int HiddenLayers = KaimingNet.HiddenLayers;

    // A unit's shift and scale, new at every pass, and how far single samples stray from them.
    private const double NoiseShift = 0.5;
    private const double NoiseScale = 1.25;
    private const double NoiseSpread = 0.1;

    private static readonly string[] s_kinds = [FullyConnectedNet.None, FullyConnectedNet.BatchNorm, Noisy];

    /// <summary>
    /// Both rates train both nets in the experiment learning-rate: 2^-5 suits the net with batch norm, 2^-7 the one
    /// without.
    /// </summary>
    private static readonly (string Suffix, double Rate)[] s_rates = [("", 0.03125), ("-small", 0.0078125)];

    /// <summary>A training seen from inside.</summary>
    /// <param name="Loss">Of every step.</param>
    /// <param name="Accuracy">On all training images, after every epoch, normalized by their own statistics.</param>
    /// <param name="Drift">By layer: what its input has moved from probe to probe.</param>
    /// <param name="Total">By layer: how far its input is from where it began.</param>
    private sealed record Course(double[] Loss, double[] Accuracy, double[][] Drift, double[][] Total)
    {
        public double MeanAccuracy => Accuracy.Average();

        public double MeanDrift => Drift.Average(layer => layer.Average());
    }

    /// <summary>Mean and standard deviation of every input of a layer, over the probe's images.</summary>
    private readonly record struct Moments(double[] Means, double[] Stds);

    public override string Name => "covariate-shift";

    public override string Title => "Do batch norm's layer inputs move less?";

    public override string Lesson => "K2";

    public override string Description =>
        "Five hidden layers of 100, Kaiming weights, SGD at 2^-5 and 2^-7: mean and deviation of every layer's " +
        "inputs on 500 fixed images, every 10 steps. Without norm, with batch norm, and with random shifts and " +
        "scales behind each batch norm that are new at every step.";

    public override IReadOnlyList<string> Variants =>
        [.. s_rates.SelectMany(rate => s_kinds.Select(kind => $"{kind}{rate.Suffix}"))];

    public override (int Lesson, int Quick)? Epochs => (10, 3);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (16, 4);

    public override ExperimentResult Run(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        int run = 0;
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var courses = new Dictionary<string, Course>(StringComparer.Ordinal);
        foreach ((string suffix, double rate) in s_rates)
        {
            foreach (string kind in s_kinds)
            {
                string variant = kind + suffix;
                int number = run++;
                Course course = courses[variant] =
                    Train(context, images, kind, rate, (done, state) =>
                        context.Report((number + done) / Variants.Count, $"{variant}, {state}"),
                            out FullyConnectedNet net);
                hash.Add(variant, net.Model);
                context.Report((number + 1.0) / Variants.Count, string.Create(CultureInfo.InvariantCulture,
                    $"{variant}, train {course.Accuracy[^1]:F3}"), milestone: true);
            }
        }

        result.WeightsHash = hash.Finish();
        Record(result, courses);
        Judge(result);
        result.Notes.Add("A drift of 1 is a move by one standard deviation of the layer's inputs. The noise also " +
            $"blurs what a layer is told, so its cost alone does not prove the lesson's explanation. See {Page}.");
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        bool isSlower = figures["batchnorm-small.meanTrainAccuracy"] < figures["none-small.meanTrainAccuracy"];
        return $"drift {figures["none.drift"]:F2}, BN {figures["batchnorm.drift"]:F2}; " +
            $"{(isSlower ? "slower" : "faster")} at 2^-7";
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var step = new Axis("step");
        Curve[] Of(string suffix, string quantity) =>
            [.. s_kinds.Select(kind => Curve.Of(result, $"{kind}{suffix}/{quantity}", Label(kind)))];
        return
        [
            .. s_rates.SelectMany(rate => (Chart[])
            [
                new Chart($"drift{rate.Suffix}", $"How far the layers' inputs move in {ProbeEvery} steps, rate " +
                    $"{Label(rate.Rate)}", step, new Axis("drift, in standard deviations of the inputs", IsLog: true),
                        Of(rate.Suffix, "drift")),
                new Chart($"shift{rate.Suffix}", "How far the last layer's inputs are from where they began, rate " +
                    $"{Label(rate.Rate)}", step, new Axis("shift, in standard deviations of the inputs"),
                        Of(rate.Suffix, $"shift-layer-{HiddenLayers + 1}")),
                new Chart($"accuracy{rate.Suffix}", $"Training accuracy, rate {Label(rate.Rate)}", new Axis("epoch"),
                    new Axis("training accuracy"), Of(rate.Suffix, "train-accuracy")),
            ]),
        ];
    }

    private static string Label(string kind) => kind switch
    {
        FullyConnectedNet.None => "no norm",
        FullyConnectedNet.BatchNorm => "batch norm",
        _ => "batch norm, then noise",
    };

    private static string Label(double rate) => rate == s_rates[0].Rate ? "2^-5" : "2^-7";

    private void Record(ExperimentResult result, Dictionary<string, Course> courses)
    {
        var rows = new List<IReadOnlyList<object?>>();
        foreach (string variant in Variants)
        {
            Course course = courses[variant];
            double[] layers = new double[HiddenLayers];
            for (int layer = 0; layer < HiddenLayers; layer++)
            {
                layers[layer] = course.Drift[layer].Average();
                double[] steps =
                    [.. Enumerable.Range(0, course.Total[layer].Length).Select(i => (double)(i * ProbeEvery))];
                result.Series.Add(new Series($"{variant}/drift-layer-{layer + 2}", steps[1..], course.Drift[layer]));
                result.Series.Add(new Series($"{variant}/shift-layer-{layer + 2}", steps, course.Total[layer]));
                result.Figures[$"{variant}.driftLayer{layer + 2}"] = layers[layer];
            }

            result.Series.Add(new Series($"{variant}/drift",
                [.. Enumerable.Range(1, course.Drift[0].Length).Select(static i => (double)(i * ProbeEvery))],
                [.. Enumerable.Range(0, course.Drift[0].Length).Select(i => course.Drift.Average(layer => layer[i]))]));
            result.AddSeries($"{variant}/loss", course.Loss, first: 1);
            result.AddSeries($"{variant}/train-accuracy", course.Accuracy, first: 1);
            result.Figures[$"{variant}.drift"] = course.MeanDrift;
            result.Figures[$"{variant}.meanTrainAccuracy"] = course.MeanAccuracy;
            result.Figures[$"{variant}.finalTrainAccuracy"] = course.Accuracy[^1];
            rows.Add([variant, .. layers.Select(value => (object?)value), result.Figures[$"{variant}.drift"],
                result.Figures[
                $"{variant}.meanTrainAccuracy"], result.Figures[
                $"{variant}.finalTrainAccuracy"]]);
        }

        result.Tables.Add(new ResultTable($"Drift of a layer's inputs in {ProbeEvery} steps, in standard deviations, " +
            "and training accuracy (mean over the epochs, and last); small: at 2^-7",
            ["net", "layer 2", "3", "4", "5", "6", "mean", "accuracy", "last"], rows,
            [null, .. Enumerable.Repeat("F3", 8)]));
    }

    private static void Judge(ExperimentResult result)
    {
        double Drift(string variant) => result.Figures[$"{variant}.drift"];
        double Accuracy(string variant) => result.Figures[$"{variant}.meanTrainAccuracy"];
        result.Checks.Add(Check.Judge("K2.less-drift", "With batch norm the inputs of the layers move less",
            "mean drift over layers and probes below that without, at both rates",
            string.Create(CultureInfo.InvariantCulture, $"{Drift("batchnorm"):F3} with, {Drift("none"):F3} without; " +
                $"at the small rate {Drift("batchnorm-small"):F3} and {Drift("none-small"):F3}"),
            Drift("batchnorm") < Drift("none") && Drift("batchnorm-small") < Drift("none-small")));
        result.Checks.Add(Check.Judge("K2.faster", "With batch norm the net trains faster, at the large rate",
            "mean training accuracy over the epochs above that without",
            string.Create(CultureInfo.InvariantCulture, $"{Accuracy("batchnorm"):F3} with, {Accuracy("none"):F3} " +
                $"without"), Accuracy("batchnorm") > Accuracy("none")));
        result.Checks.Add(Check.Judge("K2.faster-small", "With batch norm the net trains faster, at the small rate " +
            "too", "mean training accuracy over the epochs above that without",
            string.Create(CultureInfo.InvariantCulture, $"{Accuracy("batchnorm-small"):F3} with, " +
                $"{Accuracy("none-small"):F3} without"), Accuracy("batchnorm-small") > Accuracy("none-small")));
        result.Checks.Add(Check.Judge("K2.noise-costs", "Noise that moves the inputs again takes the gain away",
            "at the large rate: mean training accuracy with noise at or below that without norm",
            string.Create(CultureInfo.InvariantCulture, $"{Accuracy(Noisy):F3} at drift {Drift(Noisy):F3}; without " +
                $"norm {Accuracy("none"):F3} at {Drift("none"):F3}"), Accuracy(Noisy) <= Accuracy("none")));
        var against = new List<string>();
        foreach ((string suffix, _) in s_rates)
        {
            foreach (string still in s_kinds)
            {
                foreach (string moving in s_kinds)
                {
                    if (Drift(still + suffix) < Drift(moving + suffix)
                        && Accuracy(still + suffix) < Accuracy(moving + suffix)) against.Add(
                        $"{still + suffix} moves less than {moving + suffix} and trains slower");
                }
            }
        }

        result.Checks.Add(Check.Judge("K2.explains", "Less movement is why it trains faster",
            "of any two of the nets at one rate, the one whose inputs move less has the higher mean training accuracy",
            against.Count == 0 ? "so for every pair" : string.Join("; ", against), against.Count == 0));
    }

    private static Course Train(ExperimentContext context, StandardizedImages images, string kind, double rate,
        Action<double, string> report, out FullyConnectedNet trained)
    {
        int pixels = images.SampleShape.Count;
        var random = new NumPyRandomState((uint)context.Seed);
        FullyConnectedNet net = trained =
            KaimingNet.Create(random, pixels, kind == FullyConnectedNet.None ? FullyConnectedNet.None
                : FullyConnectedNet.BatchNorm, context.DType);
        // Streams of their own: the three nets see the same batches, with noise or without.
        var noise = new NumPyRandomState((uint)(context.Seed + 1000));
        NumPyRandomState? used = kind == Noisy ? noise : null;
        int perEpoch = NotebookTraining.StepsPerEpoch(images.Count, BatchSize), steps = context.Epochs * perEpoch;
        (Tensor all, long[] labels) = images.First(images.Count, context.DType);
        (Tensor probe, _) = images.First(Math.Min(ProbeImages, images.Count), context.DType);
        var batch = Tensor.Zeros([BatchSize, pixels], context.DType);
        int[] chosen = new int[BatchSize];
        var optimizer = new SGD(net.Model.Parameters(), rate);
        var tape = new Tape();
        var look = new Tape(Mode.Train, recordGradients: false);
        double[] losses = new double[steps], accuracies = new double[context.Epochs];
        List<double>[] drift = [.. Enumerable.Range(0, HiddenLayers).Select(_ => new List<double>())],
            total = [.. Enumerable.Range(0, HiddenLayers).Select(_ => new List<double>())];
        Moments[]? start = null, before = null;
        Probe();
        for (int step = 1; step <= steps; step++)
        {
            random.Choice(images.Count, chosen);
            images.CopyTo(chosen, batch);
            long[] batchLabels = images.LabelsOf(chosen);
            tape.Reset();
            Tensor loss = Forward(net.Model, tape.Input(batch), used, moments: null)
                .CrossEntropy(Tensor.From(batchLabels));
            losses[step - 1] = loss.Item();
            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            if (step % ProbeEvery == 0) Probe();
            if (step % perEpoch == 0) accuracies[(step / perEpoch) - 1] = Accuracy();
            if (step % 5 == 0) report((double)step / steps,
                string.Create(CultureInfo.InvariantCulture, $"step {step}/{steps}"));
        }

        return new Course(losses, accuracies, [.. drift.Select(list => list.ToArray())],
            [.. total.Select(list => list.ToArray())]);

        void Probe()
        {
            look.Reset();
            var now = new List<Moments>();
            Forward(net.Model, look.Input(probe), used, now);
            start ??= [.. now];
            for (int layer = 0; layer < HiddenLayers; layer++)
            {
                if (before is not null) drift[layer].Add(Distance(before[layer], now[layer]));
                total[layer].Add(Distance(start[layer], now[layer]));
            }

            before = [.. now];
        }

        double Accuracy()
        {
            look.Reset();
            return TheoryMath.ShareRight(Forward(net.Model, look.Input(all), used, moments: null), labels);
        }
    }

    /// <summary>
    /// The net layer by layer, so that noise can be put behind each norm and the input of each linear layer but the
    /// first be looked at.
    /// </summary>
    private static Tensor Forward(Sequential model, Tensor x, NumPyRandomState? noise, List<Moments>? moments)
    {
        bool first = true;
        foreach (Module module in model)
        {
            if (module is Linear)
            {
                if (!first) moments?.Add(MomentsOf(x));
                first = false;
            }

            x = module.Forward(x);
            if (noise is not null && module is BatchNorm) x = Disturb(x, noise);
        }

        return x;
    }

    /// <summary>
    /// s·x + m: a unit's m from U(±0.5) and s from U(1, 1.25), new at every pass; a sample's own m from U(±0.1) around
    /// it, s from N(·, 0.1²).
    /// </summary>
    private static Tensor Disturb(Tensor x, NumPyRandomState noise)
    {
        int rows = x.Shape[0], units = x.Shape[1];
        double[] shifts = new double[rows * units], scales = new double[rows * units], unitShift = noise.Rand(units),
            unitScale = noise.Rand(units);
        for (int i = 0; i < shifts.Length; i++)
        {
            int unit = i % units;
            shifts[i] = (NoiseShift * ((2 * unitShift[unit]) - 1)) + (NoiseSpread * ((2 * noise.NextDouble()) - 1));
            scales[i] = 1 + ((NoiseScale - 1) * unitScale[unit]) + (NoiseSpread * noise.NextNormal());
        }

        Tape tape = x.Tape!;
        return (x * tape.Input(Tensor.From(scales, x.Shape).To(x.DType)))
            + tape.Input(Tensor.From(shifts, x.Shape).To(x.DType));
    }

    private static Moments MomentsOf(Tensor x)
    {
        (double[] means, double[] stds) = NotebookMath.MeanStd(x.Clone(), axis: 0);
        return new Moments(means, stds);
    }

    /// <summary>
    /// Root mean square over the units of the changes of mean and deviation, over the root mean square deviation
    /// before.
    /// </summary>
    private static double Distance(Moments before, Moments now)
    {
        double change = 0, variance = 0;
        for (int j = 0; j < before.Means.Length; j++)
        {
            double mean = now.Means[j] - before.Means[j], std = now.Stds[j] - before.Stds[j];
            change += (mean * mean) + (std * std);
            variance += before.Stds[j] * before.Stds[j];
        }

        return Math.Sqrt(change / variance);
    }
}
