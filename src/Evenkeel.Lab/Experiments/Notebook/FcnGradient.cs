using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[7]: loss and gradients of a small net with batch norm, against numerical gradients.</summary>
internal sealed class FcnGradient : Experiment
{
    private const int Classes = 10;
    private const double Step = 1e-5;
    private const double WeightScale = 5e-2;

    private static readonly double[] s_regs = [0, 3.14];

    public override string Name => "fcn-gradient";

    public override string Title => "Loss and gradients of a net with batch norm";

    public override string Lesson => "N9";

    public override string Description =>
        "FullyConnectedNet 15-20-30-10 with batch norm, two samples, L2 regularization 0 and 3.14: the loss, and " +
        "every gradient against centred differences with h = 1e-5.";

    public override IReadOnlyList<string> Variants => ["reg-0", "reg-3.14"];

    public override DType? OnlyDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor x = random.Randn([2, 15], DType.Float64);
        Tensor labels = Tensor.From(random.RandInt(0, Classes, 2), [2]);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var errors = new Dictionary<string, double[]>(StringComparer.Ordinal);
        double[] twins = new double[s_regs.Length];
        for (int r = 0; r < s_regs.Length; r++)
        {
            double reg = s_regs[r];
            FullyConnectedNet net =
                FullyConnectedNet.Create(random, 15, [20, 30], Classes, WeightScale, FullyConnectedNet.BatchNorm,
                    DType.Float64);
            hash.Add(Variants[r], net.Model);
            var tape = new Tape(Mode.Train);
            Tensor loss = Loss(tape);
            double value = loss.Item();
            result.Figures[$"{Variants[r]}.loss"] = value;
            twins[r] = PlainLoss(net, x, labels, reg);
            loss.Backward();
            double worstOfReg = 0;
            for (int p = 0; p < net.Parameters.Count; p++)
            {
                (string name, Parameter parameter) = net.Parameters[p];
                context.Report((r + ((double)p / net.Parameters.Count)) / s_regs.Length, $"{Variants[r]} {name}");
                double[] gradient = parameter.Gradient!.ToArray<double>();
                double[] coarse = Numerical(parameter.Value, Step), fine = Numerical(parameter.Value, Step / 2);
                double printed = NotebookMath.RelativeError(gradient, coarse),
                    judged = Judged(gradient, coarse, fine, value);
                result.Figures[$"{Variants[r]}.{name}Error"] = printed;
                if (!errors.TryGetValue(name, out double[]? row)) errors[name] = row = new double[2 * s_regs.Length];
                (row[2 * r], row[(2 * r) + 1]) = (printed, judged);
                if (!(judged <= worstOfReg)) worstOfReg = judged;
                hash.Add($"{Variants[r]}.{name}.gradient", parameter.Gradient!);
            }

            result.Figures[$"{Variants[r]}.worstError"] = worstOfReg;
            context.Report((r + 1.0) / s_regs.Length, $"{Variants[r]}, loss {value:F6}", milestone: true);

            double[] Numerical(Tensor weights, double step)
            {
                var plain = new Tape(Mode.Train, recordGradients: false);
                double[] numerical = new double[weights.Count];
                for (int i = 0; i < numerical.Length; i++)
                {
                    double old = weights.AsSpan<double>()[i];
                    weights.AsSpan<double>()[i] = old + step;
                    double plus = Loss(plain).Item();
                    weights.AsSpan<double>()[i] = old - step;
                    double minus = Loss(plain).Item();
                    weights.AsSpan<double>()[i] = old;
                    numerical[i] = (plus - minus) / (2 * step);
                }

                return numerical;
            }

            Tensor Loss(Tape on)
            {
                on.Reset();
                Tensor total = net.Model.Forward(on.Input(x)).CrossEntropy(labels);
                if (reg == 0) return total;
                foreach ((string name, Parameter parameter) in net.Parameters)
                {
                    if (name[0] != 'W') continue;
                    Tensor weight = on.Watch(parameter);
                    total += (weight * weight).Sum() * (0.5 * reg);
                }

                return total;
            }
        }

        Judge(result, context, errors, twins);
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"losses {figures["reg-0.loss"]:F4}, {figures["reg-3.14.loss"]:F4}; errors <= " +
        $"{NotebookMath.Short(Math.Max(figures["reg-0.worstError"], figures["reg-3.14.worstError"]))}");

    private static void Judge(ExperimentResult result, ExperimentContext context, Dictionary<string, double[]> errors,
        double[] twins)
    {
        double[] losses = [result.Figures["reg-0.loss"], result.Figures["reg-3.14.loss"]];
        result.Tables.Add(new ResultTable("Loss", ["regularization", "loss", "in plain loops", "published"],
            [["0", losses[0], twins[0], Reference(0)], ["3.14", losses[1], twins[1], Reference(1)]],
            [null, "R", "R", "R"]));
        result.Tables.Add(new ResultTable("Relative error of each gradient: " +
            "as the lesson prints it, and beyond what the differences can tell",
            ["parameter", "reg 0: printed", "beyond", "reg 3.14: printed", "beyond"],
            [.. errors.Select(pair =>
                (IReadOnlyList<object?>)[pair.Key, .. pair.Value.Select(error => (object?)error)])],
            [null, "0.00e+00", "0.0e+00;;0", "0.00e+00", "0.0e+00;;0"]));

        double difference = 0;
        for (int r = 0; r < losses.Length; r++) difference =
            Math.Max(difference,
                Math.Max(Math.Abs(losses[r] - twins[r]), Math.Abs(losses[r] - (Reference(r) ?? twins[r]))));
        result.Checks.Add(Check.Judge("N9.loss", Reference(0) is null ? "The losses are those of plain loops" :
            "The losses are those of plain loops, and CS231n's published ones",
            "both equal to 1e-10; published for seeds 231 and 114514",
            $"differ by at most {NotebookMath.Short(difference)}", difference <= 1e-10));

        double weights = Worst('W'), biases = Worst('b'), norms = Math.Max(Worst('g'), Worst('B'));
        result.Checks.Add(Check.Judge("N9.gradients", "Every gradient is inside the lesson's bounds",
            "relative error, beyond rounding and h² of the differences, of W <= 1e-4, of b, gamma and beta <= 1e-8",
            $"W {NotebookMath.Short(weights)}, b {NotebookMath.Short(biases)}, gamma and beta " +
            $"{NotebookMath.Short(norms)}", weights <= 1e-4 && biases <= 1e-8 && norms <= 1e-8));
        result.Notes.Add("The losses printed in the lesson (2.0800, 5.8221) belong to no seed; those of seed 231 are " +
            $"CS231n's own. See {NotebookExperiment.Page}#n9.");

        double? Reference(int reg) => context.Seed switch
        {
            231 => reg == 0 ? 2.2611955101340957 : 6.996533220108303,
            114514 => reg == 0 ? 2.235474733246369 : 7.2994933963403685,
            _ => null,
        };

        // b1 and beta1 begin alike.
        double Worst(char kind) =>
            errors.Where(pair => (pair.Key.StartsWith("beta", StringComparison.Ordinal) ? 'B' : pair.Key[0]) == kind)
                .Max(pair => Math.Max(pair.Value[1], pair.Value[3]));
    }

    /// <summary>
    /// The loss once more, as a page of formulas has it: plain loops over doubles that share nothing with the library
    /// but the numbers they begin with.
    /// </summary>
    private static double PlainLoss(FullyConnectedNet net, Tensor x, Tensor labels, double reg)
    {
        const double eps = 1e-5;
        int samples = x.Shape[0], width = x.Shape[1];
        double[] values = x.ToArray<double>();
        double penalty = 0;
        for (int layer = 1; ; layer++)
        {
            double[] weight = Values($"W{layer}"), bias = Values($"b{layer}");
            int outputs = bias.Length;
            double[] next = new double[samples * outputs];
            for (int n = 0; n < samples; n++)
            {
                for (int o = 0; o < outputs; o++)
                {
                    double sum = bias[o];
                    for (int i = 0; i < width; i++) sum += values[(n * width) + i] * weight[(o * width) + i];
                    next[(n * outputs) + o] = sum;
                }
            }

            foreach (double w in weight) penalty += 0.5 * reg * w * w;
            (values, width) = (next, outputs);
            if (net.Parameters.All(entry => entry.Name != $"gamma{layer}")) break;
            double[] gamma = Values($"gamma{layer}"), beta = Values($"beta{layer}");
            for (int c = 0; c < width; c++)
            {
                double mean = 0, variance = 0;
                for (int n = 0; n < samples; n++) mean += values[(n * width) + c] / samples;
                for (int n = 0; n < samples; n++) variance += (values[(n * width) + c]
                    - mean) * (values[(n * width) + c] - mean) / samples;
                for (int n = 0; n < samples; n++)
                {
                    double normalized = (values[(n * width) + c] - mean) / Math.Sqrt(variance + eps);
                    values[(n * width) + c] = Math.Max(0, (gamma[c] * normalized) + beta[c]);
                }
            }
        }

        double loss = 0;
        for (int n = 0; n < samples; n++)
        {
            double largest = double.NegativeInfinity, sum = 0;
            for (int c = 0; c < width; c++) largest = Math.Max(largest, values[(n * width) + c]);
            for (int c = 0; c < width; c++) sum += Math.Exp(values[(n * width) + c] - largest);
            loss += (largest + Math.Log(sum) - values[(n * width) + (int)labels.AsSpan<long>()[n]]) / samples;
        }

        return loss + penalty;

        double[] Values(string name) =>
            net.Parameters.First(entry => entry.Name == name).Parameter.Value.ToArray<double>();
    }

    /// <summary>
    /// The largest relative error beyond what the differences themselves can tell. A difference quotient of a loss L is
    /// uncertain by the loss's last bit over h,
    /// so that a true zero (a bias before batch norm) is no error; and off by h² times the third derivative, which the
    /// pair h and h/2 removes.
    /// </summary>
    private static double Judged(double[] computed, double[] coarse, double[] fine, double loss)
    {
        double unsure = Math.BitIncrement(loss) - loss, worst = 0;
        unsure = 2 * unsure / Step;
        for (int i = 0; i < computed.Length; i++)
        {
            double extrapolated = ((4 * fine[i]) - coarse[i]) / 3;
            double off = Math.Min(Math.Abs(computed[i] - coarse[i]), Math.Abs(computed[i] - extrapolated));
            double error = off <= unsure ? 0 : off / (Math.Abs(computed[i]) + Math.Abs(coarse[i]));
            if (!(error <= worst)) worst = error;
        }

        return worst;
    }
}
