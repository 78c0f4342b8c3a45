using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>
/// bn_in_123_dim.py: what batch norm takes and keeps for one, two and three dimensions, beside the hand computation.
/// </summary>
internal sealed class BatchNormDimensions : Experiment
{
    private const double Momentum = 0.3;
    private const int Iterations = 2;

    /// <summary>Half a unit in the last place of a float near 3, twice: two updates.</summary>
    private const double Rounding = 3e-7;

    private static readonly (string Name, int[] Shape)[] s_cases =
        [("1d", [3, 5, 1]), ("2d", [3, 6, 2, 2]), ("3d", [3, 4, 2, 2, 3])];

    public override string Name => "batchnorm-dimensions";

    public override string Title => "Batch norm in 1, 2 and 3 dimensions";

    public override string Lesson => "A12";

    public override string Description =>
        "Batches whose channel c holds c + 1 everywhere, momentum 0.3, two iterations: inputs, shapes, running " +
        "statistics and the hand computation for the second feature. A constant channel is exactly 0 after batch norm.";

    public override IReadOnlyList<string> Variants => [.. s_cases.Select(static item => item.Name)];

    public override string Page => $"docs/lessons/a-initialization-and-banknotes.md#{Name}";

    public override long LessonSeed => InitDepth.ScriptSeed;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        bool means = true, byHand = true, shapes = true;
        double largest = 0;
        var shapeRows = new List<IReadOnlyList<object?>>();
        for (int d = 0; d < s_cases.Length; d++)
        {
            (string name, int[] shape) = s_cases[d];
            context.Report((double)d / s_cases.Length, name);
            int channels = shape[1];
            BatchNorm layer = d switch
            {
                0 => new BatchNorm1d(channels, momentum: Momentum),
                1 => new BatchNorm2d(channels, momentum: Momentum),
                _ => new BatchNorm3d(channels, momentum: Momentum),
            };
            layer.To(context.DType);
            Tensor x = Channels(shape, context.DType);
            var tape = new Tape(Mode.Train, recordGradients: false);
            var rows = new List<IReadOnlyList<object?>>();
            double handMean = 0, handVariance = 1, power = 1;
            for (int iteration = 0; iteration < Iterations; iteration++)
            {
                tape.Reset();
                Tensor y = layer.Forward(tape.Input(x));
                hash.Add($"{name}.{iteration}", y);
                largest = Math.Max(largest, y.To(DType.Float64).ToArray<double>().Max(Math.Abs));

                // The second feature: every value is 2, so mean_t = 2 and var_t = 0.
                handMean = ((1 - Momentum) * handMean) + (Momentum * 2);
                handVariance = ((1 - Momentum) * handVariance) + (Momentum * 0);
                power *= 1 - Momentum;
                double[] mean = Values(layer.Running!.Mean), variance = Values(layer.Running.Variance);
                byHand &= Math.Abs(mean[1] - handMean) <= Rounding && Math.Abs(variance[1] - handVariance) <= Rounding;
                for (int c = 0; c < channels; c++)
                    means &= Math.Abs(mean[c] - ((c + 1) * (1 - power))) <= 2 * Rounding
                        && Math.Abs(variance[c] - power) <= Rounding;
                rows.Add([(double)iteration, "running_mean", .. mean.Select(static value => (object?)value), handMean]);
                rows.Add([null, "running_var", .. variance.Select(static value => (object?)value), handVariance]);
                result.Figures[$"{name}.runningMeanOfFeature2At{iteration}"] = mean[1];
                result.Figures[$"{name}.runningVarianceOfFeature2At{iteration}"] = variance[1];
            }

            result.Tables.Add(new ResultTable($"{name}: input {new Shape(shape)}, feature c is c everywhere",
                ["iteration", "", .. Enumerable.Range(1, channels)
                    .Select(static c => string.Create(CultureInfo.InvariantCulture, $"feature {c}")),
                    "feature 2 by hand"], rows, ["F0", null, .. Enumerable.Repeat<string?>("F4", channels + 1)]));
            Tensor[] kept =
                [layer.Running!.Mean.Value, layer.Running.Variance.Value, layer.Weight!.Value, layer.Bias!.Value];
            shapes &= kept.All(tensor => tensor.Shape.Rank == 1 && tensor.Shape[0] == channels);
            shapeRows.Add([name, new Shape(shape).ToString(),
                .. kept.Select(static tensor => (object?)tensor.Shape.ToString())]);
            hash.Add(name, layer);
        }

        result.Tables.Add(new ResultTable("Shapes",
            ["", "input", "running_mean", "running_var", "weight", "bias"], shapeRows));
        result.Figures["largestOutput"] = largest;
        result.Checks.Add(Check.Judge("A12.running", "The statistics follow (1 - momentum)·old + momentum·new",
            "all running means are (c)(1 - 0.7^t), all running variances 0.7^t, to float rounding",
            "0.3 c and 0.7, then 0.51 c and 0.49", means));
        result.Checks.Add(Check.Judge("A12.by-hand", "The second feature by hand: 0.6, 1.02 and 0.7, 0.49",
            "the layer's running statistics are the hand computation's, to float rounding",
            string.Create(CultureInfo.InvariantCulture, $"{result.Figures["1d.runningMeanOfFeature2At0"]:F2}, " +
                $"{result.Figures["1d.runningMeanOfFeature2At1"]:F2} and " +
                $"{result.Figures["1d.runningVarianceOfFeature2At0"]:F2}, " +
                $"{result.Figures["1d.runningVarianceOfFeature2At1"]:F2}"), byHand));
        result.Checks.Add(Check.Judge("A12.shapes", "One value per channel, whatever the dimensions",
            "running_mean, running_var, weight and bias have the shape [C]", shapes ? "[C] each"
                : "other shapes", shapes));
        result.Checks.Add(Check.Judge("A12.zero", "A constant channel becomes 0", "every output is exactly 0",
            string.Create(CultureInfo.InvariantCulture, $"largest |y| {largest:G3}"), largest == 0));
        result.Notes.Add("PyTorch 1.13 gives up to 3e-5 for these constant channels: its mean is off by a rounding, " +
            "and the division by √eps multiplies that by 316.");
        result.Notes.Add("The lesson calls track_running_stats the switch between training and testing. It only says " +
            "whether statistics are kept; the mode is the switch.");
        result.Notes.Add("The running variance is that of the unbiased estimate, " +
            "n/(n - 1) times the one that normalizes; here both are 0.");
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"mean {figures["1d.runningMeanOfFeature2At1"]:F2}, var {figures["1d.runningVarianceOfFeature2At1"]:F2} by " +
        $"hand; output {figures["largestOutput"]:G2}");

    /// <summary>c + 1 at every position of channel c.</summary>
    private static Tensor Channels(int[] shape, DType dtype)
    {
        var plain = new Shape(shape);
        double[] values = new double[plain.Count];
        int inner = plain.Count / (shape[0] * shape[1]);
        for (int i = 0; i < values.Length; i++) values[i] = (i / inner % shape[1]) + 1;
        Tensor exact = Tensor.From(values, plain);
        return dtype == DType.Float64 ? exact : exact.To(dtype);
    }

    private static double[] Values(StateBuffer buffer) => buffer.Value.To(DType.Float64).ToArray<double>();
}
