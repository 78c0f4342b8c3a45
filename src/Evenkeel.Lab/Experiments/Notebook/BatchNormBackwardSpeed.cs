using System.Diagnostics;
using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[6]: the closed-form backward pass equals the graph's and is faster.</summary>
internal sealed class BatchNormBackwardSpeed : Experiment
{
    private const double Allowed = 1e-10;

    public override string Name => "batchnorm-backward-speed";

    public override string Title => "Two backward passes of batch norm";

    public override string Lesson => "N8";

    public override string Description =>
        "float64, 1000 samples of 5000 features: the backward pass through the graph of primitive operations and the " +
        "one closed formula; the fastest of several passes by turns, forward pass not counted.";

    public override IReadOnlyList<string> Variants => ["graph", "closed-form"];

    public override DType? OnlyDType => DType.Float64;

    public override bool IsTimed => true;

    public override (double Lesson, double Quick) Cost => (8, 1);

    public override ExperimentResult Run(ExperimentContext context)
    {
        (int samples, int features, int passes) = context.Quick ? (200, 1000, 30) : (1000, 5000, 4);
        var random = new NumPyRandomState((uint)context.Seed);
        var x = new Parameter(random.Randn([samples, features], DType.Float64, scale: 5, shift: 12));
        var gamma = new Parameter(random.Randn([features], DType.Float64));
        var beta = new Parameter(random.Randn([features], DType.Float64));
        Tensor dout = random.Randn([samples, features], DType.Float64);

        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        Dictionary<string, double[][]> gradients = [];
        Dictionary<string, double> fastest =
            Variants.ToDictionary(static variant => variant, static _ => double.PositiveInfinity,
                StringComparer.Ordinal);
        Tape[] tapes = [.. Variants.Select(static _ => new Tape(Mode.Train))];
        // By turns, so that whatever else the machine does meets both; the first pass makes memory and machine code and
        // is not counted.
        for (int pass = 0; pass <= passes; pass++)
        {
            for (int v = 0; v < Variants.Count; v++)
            {
                string variant = Variants[v];
                Tape tape = tapes[v];
                tape.Reset();
                foreach (Parameter parameter in (Parameter[])[x, gamma, beta]) parameter.ZeroGrad();
                Tensor y = variant == "graph"
                    ? GraphNorms.BatchNorm(tape.Watch(x), tape.Watch(gamma), tape.Watch(beta))
                    : tape.Watch(x).BatchNorm(gamma, beta, running: null);
                long start = Stopwatch.GetTimestamp();
                y.Backward(dout);
                // What else the machine does can only make a pass slower: the fastest is the truest.
                if (pass > 0)
                    fastest[variant] = Math.Min(fastest[variant], Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                context.Report((pass + ((v + 1.0) / Variants.Count)) / (passes + 1), $"{variant} backward pass",
                    milestone: pass == passes);
                if (pass < passes) continue;
                result.Figures[$"{variant}.milliseconds"] = fastest[variant];
                gradients[variant] =
                    [x.Gradient!.ToArray<double>(), gamma.Gradient!.ToArray<double>(),
                        beta.Gradient!.ToArray<double>()];
                hash.Add($"{variant}.dx", x.Gradient!);
            }
        }

        string[] names = ["dx", "dgamma", "dbeta"];
        double worst = 0, worstOfEntries = 0;
        var rows = new List<IReadOnlyList<object?>>();
        for (int i = 0; i < names.Length; i++)
        {
            double[] graph = gradients["graph"][i], closed = gradients["closed-form"][i];
            double difference = LargestDifference(graph, closed), entry = NotebookMath.RelativeError(graph, closed);
            result.Figures[$"difference.{names[i]}"] = difference;
            result.Figures[$"relativeError.{names[i]}"] = entry;
            worst = Math.Max(worst, difference);
            worstOfEntries = Math.Max(worstOfEntries, entry);
            rows.Add([names[i], difference, entry]);
        }

        double speedup = fastest["graph"] / fastest["closed-form"];
        result.Figures["speedup"] = speedup;
        result.Figures["difference.worst"] = worst;
        result.Tables.Add(new ResultTable("Fastest backward pass", ["backward pass", "ms"],
            [["graph", fastest["graph"]], ["closed-form", fastest["closed-form"]]], [null, "F2"]));
        result.Tables.Add(new ResultTable("How far the two differ", ["gradient", "of the largest", "of the entry"],
            rows, [null, "0.00e+00", "0.00e+00"]));
        result.Checks.Add(Check.Judge("N8.equal", "Both give the same gradients",
            "largest difference <= 1e-10 of the largest entry", $"they differ by {NotebookMath.Short(worst)}",
            worst <= Allowed));
        result.Checks.Add(Check.Judge("N8.faster", "The closed form is faster", "speedup > 1",
            string.Create(CultureInfo.InvariantCulture,
            $"{speedup:F1} times (the lesson printed 1.22)"), speedup > 1));
        result.Notes.Add($"Relative to each entry the difference is up to {NotebookMath.Short(worstOfEntries)}: " +
            "among five million entries some dx are nearly 0, and the order of a sum shows there. " +
            $"See {NotebookExperiment.Page}#n8.");
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("milliseconds", "One backward pass", new Axis("", Categories: [
            "graph of primitive operations", "short formula"]), new Axis(
            "milliseconds, the fastest of several"),
            [new Curve("measured", [0, 1],
                [result.Figures["graph.milliseconds"], result.Figures["closed-form.milliseconds"]], HasLine: false)],
            "The lesson prints a ratio of 1.22, measured with NumPy.", ChartKind.Bar),
    ];

    /// <summary>max |a - b| / max |a|.</summary>
    private static double LargestDifference(double[] a, double[] b)
    {
        double largest = 0, difference = 0;
        for (int i = 0; i < a.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(a[i]));
            difference = Math.Max(difference, Math.Abs(a[i] - b[i]));
        }

        return difference / largest;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture, $"equal to {NotebookMath.Short(figures["difference.worst"])}; " +
            $"closed form {figures["speedup"]:F1}x");
}
