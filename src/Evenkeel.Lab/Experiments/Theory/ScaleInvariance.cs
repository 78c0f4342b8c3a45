using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// Weights times k leave the output of batch norm as it is, until k² var is no longer large against eps; and what
/// follows for the gradient.
/// </summary>
internal sealed class ScaleInvariance : TheoryExperiment
{
    private const int Samples = 64;
    private const int Inputs = 50;
    private const int Outputs = 40;
    private const double DefaultEps = 1e-5;

    private static readonly double[] s_scales = [1000, 100, 10, 1, 0.1, 0.01, 0.001, 0.0001];
    private static readonly double[] s_eps = [1e-3, 1e-5, 1e-8, 1e-12];

    public override string Name => "scale-invariance";

    public override string Title => "Weights times k, and where eps ends it";

    public override string Lesson => "K9";

    public override string Description =>
        "BN(kWx) against BN(Wx) for k from 1000 to 1e-4 and four eps, beside what eps explains; W·dL/dW, which " +
        "should be 0; the gradient at kW; and the length of W over training steps.";

    public override IReadOnlyList<string> Variants => [.. s_eps.Select(Variant)];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor x = random.Randn([Samples, Inputs], context.DType);
        // As N(0, 1/in): then Wx has variance 1, and k² is the variance itself.
        Tensor w = random.Randn([Outputs, Inputs], context.DType, scale: 1 / Math.Sqrt(Inputs));
        Tensor cotangent = random.Randn([Samples, Outputs], context.DType);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        MeasureOutputs(context, x, w, result, hash);
        Gradients(context, x, w, cotangent, result, hash);
        Lengths(context, x, w, random, result, hash);
        result.Notes.Add("The lesson multiplies numerator and denominator by k and forgets eps: the denominator is " +
            $"sqrt(k²·var + eps). It shows where k·std comes near sqrt(eps) = 0.003. See {Page}.");
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"by {NotebookMath.Short(figures["eps1e-5.changeAt10"])} at k = 10, " +
        $"{NotebookMath.Short(figures["eps1e-5.changeAt0.001"])} at 0.001";

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var scale = new Axis("k, the factor on the weights", IsLog: true);
        return
        [
            new Chart("output", "BN(kWx) against BN(Wx)", scale, new Axis("largest change of an output, in standard " +
                "deviations", IsLog: true, Min: 1e-9),
            [
                .. s_eps.Select(eps =>
                    Curve.Of(result, $"{Variant(eps)}/largest-change",
                        string.Create(CultureInfo.InvariantCulture, $"eps {eps:0e-0}"), Marker.Circle)),
                .. s_eps.Select(eps =>
                    Curve.Of(result, $"{Variant(eps)}/theory", string.Create(CultureInfo.InvariantCulture,
                    $"what eps {eps:0e-0} explains"))),
            ], "The lesson says the change is 0 for every k. At k = 1 it is 0 by definition and not drawn; what is " +
                "below theory's curves elsewhere is rounding."),
            new Chart("right-angle", "The gradient is at right angles to the weights", scale,
                new Axis("largest cosine between a unit's W and dL/dW", IsLog: true),
                [Curve.Of(result, "eps1e-5/radial-cosine", "eps 1e-5", Marker.Circle)]),
            new Chart("gradient", "The gradient at kW", scale, new Axis("norm of dL/dW", IsLog: true),
                [Curve.Of(result, "eps1e-5/gradient-norm", "eps 1e-5", Marker.Circle)]),
            new Chart("length", "Steps of SGD make the weights longer", new Axis("step"), new Axis("length of W"),
                [Curve.Of(result, "eps1e-5/weight-length", "measured"),
                    Curve.Of(result, "eps1e-5/weight-length-theory", "Pythagoras, every step at right angles")]),
        ];
    }

    private static string Variant(double eps) => $"eps{eps.ToString("0e-0", CultureInfo.InvariantCulture)}";

    private static string Text(double k) => k.ToString(CultureInfo.InvariantCulture);

    /// <summary>The output at kW, measured and predicted.</summary>
    private static void MeasureOutputs(ExperimentContext context, Tensor x, Tensor w, ExperimentResult result,
        WeightsHash hash)
    {
        var tape = new Tape(Mode.Train, recordGradients: false);
        double[][] measured = new double[s_eps.Length][], theory = new double[s_eps.Length][];
        for (int e = 0; e < s_eps.Length; e++)
        {
            double eps = s_eps[e];
            Tensor Normalize(double k) => tape.Input(x.Linear(w * k))
                .BatchNorm(gamma: null, beta: null, running: null, eps).Clone();
            Tensor reference = Normalize(1);
            measured[e] = new double[s_scales.Length];
            theory[e] = new double[s_scales.Length];
            for (int s = 0; s < s_scales.Length; s++)
            {
                context.Report(0.6 * ((e * s_scales.Length) + s) / (s_eps.Length * s_scales.Length),
                    string.Create(CultureInfo.InvariantCulture, $"eps {eps}, k {s_scales[s]}"));
                Tensor y = Normalize(s_scales[s]);
                measured[e][s] = TheoryMath.LargestDifference(y, reference);
                theory[e][s] = Predicted(x, w, s_scales[s], eps);
                result.Figures[$"{Variant(eps)}.changeAt{Text(s_scales[s])}"] = measured[e][s];
                result.Figures[$"{Variant(eps)}.theoryAt{Text(s_scales[s])}"] = theory[e][s];
                if (eps == DefaultEps) hash.Add($"output-{s}", y);
            }

            result.Series.Add(new Series($"{Variant(eps)}/largest-change", s_scales, measured[e]));
            result.Series.Add(new Series($"{Variant(eps)}/theory", s_scales, theory[e]));
        }

        string[] columns = ["k", .. s_eps.SelectMany(eps => (string[])[NotebookMath.Short(eps), "theory"])];
        result.Tables.Add(new ResultTable("Largest change of an output, by eps", columns,
            [.. s_scales.Select((k, s) =>
                (IReadOnlyList<object?>)[k, .. s_eps.SelectMany((_, e) => (object?[])[measured[e][s], theory[e][s]])])],
            ["G6", .. Enumerable.Repeat("0e+00", 2 * s_eps.Length)]));

        double At(double k) => result.Figures[$"{Variant(DefaultEps)}.changeAt{Text(k)}"];
        string Say(double k) => $"{NotebookMath.Short(At(k))} at k = {Text(k)}";
        result.Checks.Add(Check.Judge("K9.invariant", "Weights times k change nothing, k = 0.1 and more",
            "largest change of an output <= 1e-2 for k = 0.1 to 1000 at eps 1e-5",
            $"{Say(1000)}, {Say(10)}, {Say(0.1)}", s_scales.Where(k => k >= 0.1).All(k => At(k) <= 1e-2)));
        result.Checks.Add(Check.Judge("K9.any-scale", "Weights times any k change nothing, as the lesson says",
            "largest change of an output <= 1e-2 for every k at eps 1e-5",
            $"{Say(0.01)}, {Say(0.001)}", s_scales.All(k => At(k) <= 1e-2)));
        // Where eps shows at all, it must explain what is measured; below that there is only rounding.
        double off = 0;
        for (int e = 0; e < s_eps.Length; e++)
        {
            for (int s = 0; s < s_scales.Length; s++)
            {
                if (theory[e][s] > 1e-3) off = Math.Max(off, Math.Abs((measured[e][s] / theory[e][s]) - 1));
            }
        }

        result.Figures["theory.largestError"] = off;
        result.Checks.Add(Check.Judge("K9.eps", "What changes is explained by eps",
            "measured change within 1 % of max |x - mean|·|k/sqrt(k²v + eps) - 1/sqrt(v + eps)|, " +
            "where that is above 1e-3",
            string.Create(CultureInfo.InvariantCulture, $"largest difference {off * 100:F3} %"), off <= 0.01));
    }

    /// <summary>max |z - mean|·|k/sqrt(k²v + eps) - 1/sqrt(v + eps)|.</summary>
    private static double Predicted(Tensor x, Tensor w, double k, double eps)
    {
        Tensor z = x.To(DType.Float64).Linear(w.To(DType.Float64));
        (double[] means, double[] stds) = NotebookMath.MeanStd(z, axis: 0);
        double[] values = z.ToArray<double>();
        double largest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int j = i % Outputs;
            double v = stds[j] * stds[j];
            largest = Math.Max(largest,
                Math.Abs(values[i] - means[j]) * Math.Abs((k / Math.Sqrt((k * k * v) + eps))
                - (1 / Math.Sqrt(v + eps))));
        }

        return largest;
    }

    /// <summary>
    /// W·dL/dW of every unit, and the gradient at kW, for a loss that is a random weighing of the outputs.
    /// </summary>
    private static void Gradients(ExperimentContext context, Tensor x, Tensor w, Tensor cotangent,
        ExperimentResult result, WeightsHash hash)
    {
        context.Report(0.6, "gradients");
        double[] ks = [10, 1, 0.1, 0.01, 0.001];
        double[] cosines = new double[ks.Length], radial = new double[ks.Length], predicted = new double[ks.Length],
            norms = new double[ks.Length];
        for (int s = 0; s < ks.Length; s++)
        {
            var weight = new Parameter((w * ks[s]).Clone(), "weight");
            var gamma = new Parameter(Tensor.Ones([Outputs], context.DType), "gamma");
            var tape = new Tape();
            Tensor z = tape.Input(x).Linear(tape.Watch(weight));
            z.BatchNorm(tape.Watch(gamma), beta: null, running: null, DefaultEps).Backward(cotangent);
            hash.Add($"gradient-{s}", weight.Gradient!);
            double[] values = weight.Value.To(DType.Float64).ToArray<double>(),
                gradient = weight.Gradient!.To(DType.Float64).ToArray<double>();
            double[] dgamma = gamma.Gradient!.To(DType.Float64).ToArray<double>();
            (_, double[] stds) = NotebookMath.MeanStd(z.Clone(), axis: 0);
            for (int o = 0; o < Outputs; o++)
            {
                double dot = 0, weights = 0, gradients = 0;
                for (int i = o * Inputs; i < (o + 1) * Inputs; i++)
                {
                    dot += values[i] * gradient[i];
                    weights += values[i] * values[i];
                    gradients += gradient[i] * gradient[i];
                }

                cosines[s] = Math.Max(cosines[s], Math.Abs(dot) / Math.Sqrt(weights * gradients));
                double v = stds[o] * stds[o];
                radial[s] = Math.Max(radial[s], Math.Abs(dot));
                predicted[s] = Math.Max(predicted[s], Math.Abs(dgamma[o]) * DefaultEps / (v + DefaultEps));
            }

            norms[s] = TheoryMath.Norm(weight.Gradient!);
            result.Figures[$"eps1e-5.radialCosineAt{Text(ks[s])}"] = cosines[s];
        }

        int one = Array.IndexOf(ks, 1.0), ten = Array.IndexOf(ks, 10.0);
        result.Series.Add(new Series("eps1e-5/radial-cosine", ks, cosines));
        result.Series.Add(new Series("eps1e-5/radial-gradient", ks, radial));
        result.Series.Add(new Series("eps1e-5/radial-gradient-theory", ks, predicted));
        result.Series.Add(new Series("eps1e-5/gradient-norm", ks, norms));
        result.Tables.Add(new ResultTable("W·dL/dW of a unit (largest), and the gradient at kW, eps 1e-5",
            ["k", "|W·dL/dW|", "theory", "cosine", "norm of dL/dW", "norm·k"],
            [.. ks.Select((k, s) =>
                (IReadOnlyList<object?>)[k, radial[s], predicted[s], cosines[s], norms[s], norms[s] * k])],
                    ["G6", "0.0e+00", "0.0e+00", "0.0e+00", "G5", "G5"]));
        result.Figures["eps1e-5.radialGradient"] = radial[one];
        result.Figures["eps1e-5.radialGradientTheory"] = predicted[one];
        result.Figures["eps1e-5.gradientNorm"] = norms[one];
        double share = radial[one] / norms[one];
        result.Checks.Add(Check.Judge("K9.radial", "The gradient is at right angles to the weights: W·dL/dW = 0",
            "largest |W·dL/dW| of a unit <= 1e-4 of the norm of dL/dW, at k = 1",
            string.Create(CultureInfo.InvariantCulture, $"{NotebookMath.Short(radial[one])} against {norms[one]:F1}; " +
                $"eps explains {NotebookMath.Short(predicted[one])}"), share <= 1e-4));
        double inverse = norms[one] / (10 * norms[ten]);
        result.Figures["eps1e-5.gradientTimesScale"] = inverse;
        result.Checks.Add(Check.Judge("K9.inverse", "Weights times 10 have a tenth of the gradient",
            "norm at k = 1 within 0.1 % of ten times that at k = 10",
            string.Create(CultureInfo.InvariantCulture, $"ratio {inverse:F6}"), Math.Abs(inverse - 1) <= 1e-3));
    }

    /// <summary>A step at right angles makes the weights longer: their length over some steps of SGD.</summary>
    private static void Lengths(ExperimentContext context, Tensor x, Tensor w, NumPyRandomState random,
        ExperimentResult result, WeightsHash hash)
    {
        context.Report(0.7, "training steps");
        int steps = context.Quick ? 20 : 100;
        var weight = new Parameter(w.Clone(), "weight");
        Tensor target = random.Randn([Samples, Outputs], context.DType);
        const double rate = 20;
        var optimizer = new SGD([weight], rate);
        var tape = new Tape();
        double[] length = new double[steps + 1], pythagoras = new double[steps + 1];
        length[0] = pythagoras[0] = TheoryMath.Norm(weight.Value);
        int shorter = 0;
        for (int step = 1; step <= steps; step++)
        {
            if (step % 10 == 0) context.Report(0.7 + (0.3 * step / steps), $"training step {step}");
            tape.Reset();
            Tensor y = tape.Input(x).Linear(tape.Watch(weight))
                .BatchNorm(gamma: null, beta: null, running: null, DefaultEps);
            y.MeanSquaredError(tape.Input(target)).Backward();
            double gradient = rate * TheoryMath.Norm(weight.Gradient!);
            optimizer.Step();
            optimizer.ZeroGrad();
            length[step] = TheoryMath.Norm(weight.Value);
            pythagoras[step] = Math.Sqrt((pythagoras[step - 1] * pythagoras[step - 1]) + (gradient * gradient));
            if (length[step] < length[step - 1] * (1 - 1e-6)) shorter++;
        }

        hash.Add("trained", weight.Value);
        result.AddSeries("eps1e-5/weight-length", length);
        result.AddSeries("eps1e-5/weight-length-theory", pythagoras);
        double off = Math.Abs((length[^1] / pythagoras[^1]) - 1);
        result.Figures["eps1e-5.lengthBefore"] = length[0];
        result.Figures["eps1e-5.lengthAfter"] = length[^1];
        result.Checks.Add(Check.Judge("K9.longer", "So steps of SGD can only make the weights longer",
            $"length over {steps} steps never falls, and ends within 1 % of the sum of squares of all steps",
            string.Create(CultureInfo.InvariantCulture, $"{length[0]:F3} to {length[^1]:F3}, Pythagoras says " +
                $"{pythagoras[^1]:F3}; shorter after {shorter} steps"), shorter == 0 && off <= 0.01));
    }
}
