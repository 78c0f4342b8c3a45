using System.Globalization;
using System.Runtime.CompilerServices;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Nn;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What docs/conventions.md shows is what compiles, and its numbers are what the code computes.</summary>
public sealed class ConventionsPageTests
{
    private static readonly string s_page = Repository.Text("docs", "conventions.md");

    [Fact]
    public void Every_line_of_code_on_the_page_is_in_this_file()
    {
        string source = ThisFile();
        string[] parts = s_page.Split("```");
        var lines = new List<string>();
        for (int i = 1; i < parts.Length; i += 2)
        {
            Assert.StartsWith("csharp\n", parts[i], StringComparison.Ordinal);
            lines.AddRange(
                parts[i].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[1..]);
        }

        lines.AddRange(Rows("| to have | write |").Select(row => row[1].Trim('`')));
        Assert.True(lines.Count > 15);
        Assert.All(lines, line => Assert.Contains(
            line.Replace("Console.WriteLine(", "Show(", StringComparison.Ordinal), source, StringComparison.Ordinal));
    }

    [Fact]
    public void The_lines_make_the_layers_they_promise()
    {
        RunningAverage keep = RunningAverage.Keep(0.9);
        RunningAverage notebook = keep with { Estimator = VarianceEstimator.Biased, InitialVariance = 0 };
        Module[] layers =
        [
            new BatchNorm2d(16),
            new BatchNorm2d(16, momentum: null),
            new BatchNormalization(16, NormConvention.Keras),
            new BatchNormalization(16, NormConvention.Keras, useScale: false),
            new BatchNormalization(16, NormConvention.Keras with { Average = RunningAverage.Keep(0.99) }),
            new BatchNormalization(16, NormConvention.Flax),
            new BatchNormalization(16, NormConvention.Onnx),
            new BatchNormalization(16, NormConvention.Onnx with { Average = notebook }),
            new BatchNormalization(16, NormConvention.Onnx),
            new BatchNormalization(16, NormConvention.Onnx with { Average = notebook }),
            new BatchNorm2d(16, NormConvention.Keras with { ChannelAxis = 1 }),
        ];
        string[] prints =
        [
            "eps=1e-05, momentum=0.1, affine=True",
            "momentum=None", "eps=0.001, momentum=0.01, variance=biased, affine=True", "scale=False, bias=True",
            "eps=0.001, momentum=0.01, affine=True",
            "eps=1e-05, momentum=0.01, variance=biased", "eps=1e-05, momentum=0.1, variance=biased", "convention=ONNX",
            "convention=ONNX", "convention=ONNX", "eps=0.001, momentum=0.01, variance=biased",
        ];
        for (int i = 0; i < layers.Length; i++)
            Assert.Contains(prints[i], layers[i].ToString(), StringComparison.Ordinal);
        Assert.Equal(VarianceEstimator.Unbiased, ((BatchNorm)layers[4]).Average.Estimator);
        Assert.Equal(CourseConventions.Cs231n.Average, ((BatchNorm)layers[7]).Average);
        Assert.Equal(CourseConventions.D2l.Average, ((BatchNorm)layers[8]).Average);
        Assert.Equal(0, ((BatchNorm)layers[9]).Average.InitialVariance);
        Assert.Equal(layers.Length, Rows("| to have | write |").Count);
        Assert.Equal(new Shape(2, 5, 5, 16),
            new BatchNorm2d(16, NormConvention.Keras).Forward(Tensor.Zeros([2, 5, 5, 16])).Shape);
    }

    [Fact]
    public void The_blocks_of_code_run()
    {
        var keras = new BatchNormalization(16, NormConvention.Keras);
        RunningAverage biased = RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased };
        var byHand = new BatchNorm2d(16, biased, eps: 1e-3);
        Show(keras.Average.Describe());
        Assert.Equal(keras.Average, byHand.Average);
        Assert.Equal(keras.Eps, byHand.Eps);

        var model = new Sequential(new Linear(4, 3), new BatchNorm1d(3));
        model.FreezeNorms();
        model.FreezeNormStatistics();
        model.UnfreezeNorms();

        var tape = new Tape(Mode.Train);
        Tensor x = Tensor.RandomNormal([3, 5, 16], new Philox(1)), mask = Tensor.Ones([3, 5]);
        Tensor y = keras.Forward(tape.Input(x), mask);
        Assert.Equal(x.Shape, y.Shape);

        LayerNorm layerNorm = NormConvention.Keras.LayerNorm([64]);
        GroupNorm groupNorm = NormConvention.Keras.GroupNorm(64);
        RMSNorm rmsNorm = NormConvention.Flax.RMSNorm([64]);
        Assert.Equal((1e-3, 32, 1e-6), (layerNorm.Eps, groupNorm.NumGroups, rmsNorm.Eps));

        // What is printed may be wrapped on the page.
        static void Show(string line) => Assert.Contains($" {line} ", Unwrapped(s_page), StringComparison.Ordinal);

        static string Unwrapped(string page) =>
            string.Join(' ', page.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void The_three_batches_give_the_numbers_of_the_page()
    {
        List<string[]> rows = Rows("| convention | running mean |");
        Assert.Equal(CourseConventions.Columns.Select(convention => convention.Name), rows.Select(row => row[0]));
        for (int i = 0; i < rows.Count; i++)
        {
            NormConvention convention = CourseConventions.Columns[i];
            (double mean, double variance, double y) = AfterThreeBatches(convention);
            string halfLife = convention.Average.HalfLife.ToString("F1", CultureInfo.InvariantCulture);
            Assert.Equal([Six(mean), Six(variance), Six(y), halfLife], rows[i][1..]);
        }

        Assert.Contains(
            $"gives {Six(AfterThreeBatches(NormConvention.Torch with { Average = RunningAverage.Cumulative }).Y)}.",
            s_page, StringComparison.Ordinal);
        NormConvention fast = NormConvention.Torch with { Average = RunningAverage.Torch(0.99) };
        string remembered = AfterThreeBatches(fast).Mean.ToString("F4", CultureInfo.InvariantCulture);
        Assert.Contains($"remembers {remembered} ", s_page, StringComparison.Ordinal);
        static string Six(double value) => value.ToString("F6", CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_table_says_what_the_presets_are()
    {
        Dictionary<string, string[]> table = Rows("| | PyTorch | Keras | Flax | ONNX | CS231n | D2L |")
            .ToDictionary(row => row[0], row => row[1..]);
        for (int i = 0; i < CourseConventions.Columns.Count; i++)
        {
            NormConvention convention = CourseConventions.Columns[i];
            Assert.Equal(convention.Eps, double.Parse(Cell("eps"), CultureInfo.InvariantCulture));
            Assert.Equal(convention.ChannelAxis, int.Parse(Cell("channel axis"), CultureInfo.InvariantCulture));
            Assert.Equal(convention.Average.Estimator.ToString(), Cell("running variance"), ignoreCase: true);
            double number = double.Parse(Cell("running update").Split(' ')[^1], CultureInfo.InvariantCulture);
            Assert.Equal(convention.Average.WeightOfNew, i == 0 ? number : 1 - number, Tolerances.Float64Ulps);
            // ONNX takes the statistics as inputs.
            string start = $"{convention.Average.InitialMean}, {convention.Average.InitialVariance}";
            Assert.Equal(convention == NormConvention.Onnx ? "inputs" : start, Cell("start values: mean, variance"));
            Assert.Equal(convention.SingleValue.ToString(),
                Cell("one value per channel in training").Split(' ')[0], ignoreCase: true);

            string Cell(string row) => table[row][i].Replace("**", "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_page_is_found()
    {
        Assert.Contains("(conventions.md)", Repository.Text("docs", "README.md"), StringComparison.Ordinal);
        Assert.Contains("(docs/conventions.md)", Repository.Text("README.md"), StringComparison.Ordinal);
    }

    private static (double Mean, double Variance, double Y) AfterThreeBatches(NormConvention convention)
    {
        var layer = new BatchNormalization(1, convention);
        layer.To(DType.Float64);
        for (int first = 1; first <= 3; first++)
        {
            layer.Forward(
                new Tape(Mode.Train).Input(Tensor.From([first, first + 1.0, first + 2.0, first + 3.0], [4, 1])));
        }

        return (layer.Running!.Mean.Value.Item(),
            layer.Running.Variance.Value.Item(), layer.Forward(Tensor.From([4.0], [1, 1])).Item());
    }

    /// <summary>The cells of the rows of the table that begins with this heading.</summary>
    private static List<string[]> Rows(string heading)
    {
        string[] lines = s_page.Split('\n');
        int start = Array.FindIndex(lines, line => line.StartsWith(heading, StringComparison.Ordinal));
        Assert.True(start >= 0, heading);
        return [.. lines.Skip(start + 2).TakeWhile(line => line.StartsWith('|')).Select(
            line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray())];
    }

    private static string ThisFile([CallerFilePath] string path = "") =>
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "Evenkeel.Tests", Path.GetFileName(path)));
}
