using System.Reflection;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Every cell of the table of conventions (docs/conventions.md): a row is a property, a column a library. What a
/// library does is written down here from its documentation, in float64 and on its own, and the layer made with
/// the preset must do the same.
/// </summary>
public sealed class NormConventionTests
{
    /// <summary>Three sums over a channel in Float64, divided by its standard deviation.</summary>
    private const double GradientTolerance = 1e-11;

    private const double Tolerance = 1e-12;

    /// <summary>What a library's documentation says.</summary>
    private sealed record Column(NormConvention Convention)
    {
        /// <summary>The running update in the library's own form: (old, new, number of the batch).</summary>
        public required Func<double, double, int, double> Follow { get; init; }

        public bool Unbiased { get; init; }

        public double StartVariance { get; init; } = 1;

        public double Eps { get; init; } = 1e-5;

        /// <summary>A shape of three channels that the library takes, the channels where it has them.</summary>
        public int[] Shape { get; init; } = [5, 3, 4, 2];

        public int Axis { get; init; } = 1;

        public int[] Ranks { get; init; } = [2, 3, 4, 5, 6];

        public bool RefusesOneValue { get; init; }

        public bool HasMask { get; init; }

        public NaiveBatchNorm Twin(int channels = 3, Func<double, double, int, double>? follow = null) =>
            new(channels, Axis, Eps, Unbiased, 0, StartVariance, follow ?? Follow);

        public BatchNormalization Layer(
            int channels = 3, bool useScale = true, bool useBias = true, bool tracked = true)
        {
            var layer = new BatchNormalization(channels, Convention, useScale, useBias, tracked);
            layer.To(DType.Float64);
            return layer;
        }
    }

    private static readonly Dictionary<string, Column> s_columns = new()
    {
        // running_mean = (1 - momentum)·running_mean + momentum·mean, momentum 0.1; unbiased running variance.
        ["PyTorch"] = new(NormConvention.Torch)
        {
            Follow = (old, value, _) => (1 - 0.1) * old + 0.1 * value,
            Unbiased = true,
            Ranks = [2, 3, 4, 5],
            RefusesOneValue = true,
        },
        // moving_mean = moving_mean·momentum + mean·(1 - momentum), momentum 0.99; eps 1e-3; axis -1.
        ["Keras"] = new(NormConvention.Keras)
        {
            Follow = (old, value, _) => old * 0.99 + value * (1 - 0.99),
            Eps = 1e-3,
            Axis = -1,
            Shape = [5, 4, 2, 3],
            HasMask = true,
        },
        // ra_mean = momentum·ra_mean + (1 - momentum)·mean, momentum 0.99; eps 1e-5; axis -1.
        ["Flax"] = new(NormConvention.Flax)
        {
            Follow = (old, value, _) => 0.99 * old + (1 - 0.99) * value,
            Axis = -1,
            Shape = [5, 4, 2, 3],
            HasMask = true,
        },
        // running_mean = input_mean·momentum + current_mean·(1 - momentum), momentum 0.9; population variance.
        ["ONNX"] = new(NormConvention.Onnx)
        {
            Follow = (old, value, _) => old * 0.9 + value * (1 - 0.9),
            Ranks = [1, 2, 3, 4, 5, 6],
        },
        // running_mean = momentum·running_mean + (1 - momentum)·sample_mean, momentum 0.9; both start at 0; (N, D).
        ["CS231n"] = new(CourseConventions.Cs231n)
        {
            Follow = (old, value, _) => 0.9 * old + (1 - 0.9) * value,
            StartVariance = 0,
            Shape = [40, 3],
            Ranks = [2],
        },
        // moving_mean = momentum·moving_mean + (1.0 - momentum)·mean, momentum 0.9; (N, C) and (N, C, H, W).
        ["D2L"] =
            new(CourseConventions.D2l) { Follow = (old, value, _) => 0.9 * old + (1.0 - 0.9) * value, Ranks = [2, 4] },
    };

    private static readonly Dictionary<string, Action<Column>> s_rows = new()
    {
        ["running update"] = RunningUpdate,
        ["normalising variance"] = NormalisingVariance,
        ["running variance"] = RunningVariance,
        ["start values"] = StartValues,
        ["eps"] = Eps,
        ["channel axis"] = ChannelAxis,
        ["affine off"] = AffineOff,
        ["cumulative average"] = CumulativeAverage,
        ["no running statistics"] = NoRunningStatistics,
        ["train switch"] = TrainSwitch,
        ["one value per channel"] = OneValuePerChannel,
        ["rank checks"] = RankChecks,
        ["mask"] = Mask,
        ["low precision"] = LowPrecision,
    };

    public static TheoryData<string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (string row in s_rows.Keys)
            {
                foreach (string column in s_columns.Keys) cells.Add(row, column);
            }

            return cells;
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Cell(string row, string column) => s_rows[row](s_columns[column]);

    [Fact]
    public void The_table_has_all_presets_and_every_preset_its_name()
    {
        Assert.Equal(s_columns.Keys, CourseConventions.Columns.Select(convention => convention.Name));
        Assert.All(s_columns.Values, column => Assert.Contains(column.Convention, CourseConventions.Columns));
        Assert.Equal(NormConvention.All.Count,
            typeof(NormConvention).GetProperties(BindingFlags.Public | BindingFlags.Static)
                .Count(property => property.PropertyType == typeof(NormConvention)));
    }

    [Fact]
    public void The_other_norms_have_the_librarys_eps_and_groups()
    {
        (NormConvention Convention, double LayerNorm, double GroupNorm, int? Groups, double? RMSNorm)[] defaults =
        [
            (NormConvention.Torch, 1e-5, 1e-5, null, null), (NormConvention.Keras, 1e-3, 1e-3, 32, 1e-6),
            (NormConvention.Flax, 1e-6, 1e-6, 32, 1e-6), (NormConvention.Onnx, 1e-5, 1e-5, null, 1e-5),
            (CourseConventions.Cs231n, 1e-5, 1e-5, null, null), (CourseConventions.D2l, 1e-5, 1e-5, null, null),
        ];
        foreach ((
            NormConvention convention, double layerNorm, double groupNorm, int? groups, double? rmsNorm) in defaults)
        {
            Assert.Equal(layerNorm, convention.LayerNorm([64]).Eps);
            Assert.Equal(groupNorm, convention.GroupNorm(64, 8).Eps);
            Assert.Equal(rmsNorm, convention.RMSNorm([64]).Eps);
            Assert.Equal(convention.ChannelAxis, convention.GroupNorm(64, 8).ChannelAxis);
            if (groups is { } number) Assert.Equal(number, convention.GroupNorm(64).NumGroups);
            else
            {
                Assert.Contains("expected a number of groups",
                    Assert.Throws<ArgumentException>(() => convention.GroupNorm(64)).Message, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData(DType.Float32, 1e-6)]
    [InlineData(DType.Float64, 1e-13)]
    public void Group_norm_has_its_channels_where_the_library_has_them(DType dtype, double rounding)
    {
        // Keras and Flax: (N, H, W, C), the mean over H, W and the group's neighbouring channels.
        Shape shape = [2, 3, 5, 8];
        Tensor x = Tensor.RandomNormal(shape, new Philox(1), dtype);
        GroupNorm layer = NormConvention.Keras.GroupNorm(8, 4);
        layer.To(dtype);
        Tensor gamma = Tensor.RandomNormal([8], new Philox(2), dtype),
            beta = Tensor.RandomNormal([8], new Philox(3), dtype);
        layer.Weight!.Value.CopyFrom(gamma);
        layer.Bias!.Value.CopyFrom(beta);
        Tensor y = layer.Forward(x);
        Assert.Equal(shape, y.Shape);
        for (int n = 0; n < 2; n++)
        {
            for (int g = 0; g < 4; g++)
            {
                int[] members = [.. Enumerable.Range(0, 15)
                    .SelectMany(position => new[] { 0, 1 }.Select(c => (((n * 15) + position) * 8) + (g * 2) + c))];
                double mean = members.Average(x.ValueAt),
                    variance = members.Average(i => Math.Pow(x.ValueAt(i) - mean, 2));
                foreach (int i in members)
                {
                    Assert.Equal(
                        (gamma.ValueAt(i % 8) * (x.ValueAt(i) - mean) / Math.Sqrt(variance + 1e-3))
                        + beta.ValueAt(i % 8),
                        y.ValueAt(i), rounding * 10);
                }
            }
        }

        Assert.Contains("channel_axis=-1", layer.ToString(), StringComparison.Ordinal);
        Assert.StartsWith(
            "GroupNorm: expected (N, ..., 8), got (2, 8, 3, 5). "
            + "The channels are dimension -1; create the layer with 5 channels or fix the layer before it.",
            Assert.Throws<ArgumentException>("x", () => layer.Forward(Tensor.Zeros([2, 8, 3, 5]))).Message,
            StringComparison.Ordinal);
        GradientCheckResult gradient = GradientCheck.Run(
            v => new GroupNorm(2, 4, channelAxis: -1, affine: false).Forward(v),
            Tensor.RandomNormal([2, 3, 4], new Philox(4), DType.Float64));
        Assert.True(gradient.Passed, gradient.ToString());
        // Another axis, and channels first as ever.
        Tensor middle = Tensor.RandomNormal([2, 3, 4, 5], new Philox(5));
        Assert.Equal(new GroupNorm(2, 4).Forward(middle.Permute(0, 2, 1, 3)).Permute(0, 2, 1, 3).ToArray<float>(),
            new GroupNorm(2, 4, channelAxis: 2).Forward(middle).ToArray<float>());
        Assert.Equal("GroupNorm(2, 4, eps=1e-05, affine=True)", NormConvention.Torch.GroupNorm(4, 2).ToString());
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroupNorm(2, 4, channelAxis: 0));
    }

    // One row each.

    private static void RunningUpdate(Column column)
    {
        BatchNormalization layer = column.Layer(1);
        NaiveBatchNorm twin = column.Twin(1);
        for (int batch = 0; batch < 3; batch++) ThreeBatches(layer, twin, batch);
        Close.To(twin.Mean, layer.Running!.Mean.Value, Tolerance);
        // Three batches with means 2.5, 3.5 and 4.5, then eval.
        Close.To(twin.Eval([4], [1, 1]), layer.Forward(Tensor.From([4.0], [1, 1])), Tolerance);
        Assert.Equal(3, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    private static void NormalisingVariance(Column column)
    {
        double[] y = Train(column.Layer(1), [1, 2, 3, 4], [4, 1]).ToArray<double>();
        for (int i = 0; i < 4; i++) Assert.Equal((i + 1 - 2.5) / Math.Sqrt(1.25 + column.Eps), y[i], Tolerance);
    }

    private static void RunningVariance(Column column)
    {
        BatchNormalization layer = column.Layer(1);
        double expected = column.StartVariance;
        for (int batch = 1; batch <= 3; batch++)
        {
            ThreeBatches(layer, column.Twin(1), batch - 1);
            expected = column.Follow(expected, column.Unbiased ? 5.0 / 3 : 1.25, batch);
            Close.To([expected], layer.Running!.Variance.Value, Tolerance);
        }
    }

    private static void StartValues(Column column)
    {
        BatchNormalization layer = column.Layer(2);
        Close.To([0, 0], layer.Running!.Mean.Value, 0);
        Close.To([column.StartVariance, column.StartVariance], layer.Running.Variance.Value, 0);
        if (column.Convention != NormConvention.Onnx) return;
        // ONNX: the statistics are inputs; the outputs are what they become.
        layer.Running.Mean.Value.CopyFrom(Tensor.From([5.0, -1.0], [2]));
        layer.Running.Variance.Value.CopyFrom(Tensor.From([2.0, 9.0], [2]));
        Train(layer, [1, 10, 3, 14], [2, 2]);
        Close.To([5 * 0.9 + 2 * 0.1, -1 * 0.9 + 12 * 0.1], layer.Running.Mean.Value, Tolerance);
        Close.To([2 * 0.9 + 1 * 0.1, 9 * 0.9 + 4 * 0.1], layer.Running.Variance.Value, Tolerance);
    }

    private static void Eps(Column column)
    {
        // A spread of 0.01, where 1e-3 and 1e-5 are far apart.
        Assert.Equal(column.Eps, column.Layer().Eps);
        double[] y = Train(column.Layer(1), [-0.01, 0.01], [2, 1]).ToArray<double>();
        Assert.Equal(0.01 / Math.Sqrt(1e-4 + column.Eps), y[1], Tolerance);
        double fresh = column.Layer(1).Forward(Tensor.From([1.0], [1, 1])).Item();
        double expected = 1 / Math.Sqrt(column.StartVariance + column.Eps);
        Assert.Equal(expected, fresh, Tolerance * expected);
    }

    private static void ChannelAxis(Column column)
    {
        Assert.Equal(column.Axis, column.Convention.ChannelAxis);
        double[] x = Values(column.Shape, 1), dy = Values(column.Shape, 2), gamma = [0.5, -1.5, 2], beta = [1, 2, -3];
        BatchNormalization layer = column.Layer();
        NaiveBatchNorm twin = column.Twin();
        Fill(layer, gamma, beta);
        var tape = new Tape(Mode.Train);
        Tensor input = tape.Input(Tensor.From(x, new Shape(column.Shape)), requiresGradient: true);
        Tensor y = layer.Forward(input);
        Assert.Equal(new Shape(column.Shape), y.Shape);
        Close.To(twin.Train(x, column.Shape, gamma, beta), y, Tolerance);
        Close.To(twin.Mean, layer.Running!.Mean.Value, Tolerance);
        Close.To(
            twin.Eval(x, column.Shape, gamma, beta), layer.Forward(Tensor.From(x, new Shape(column.Shape))), Tolerance);

        // The gradient too is that of the channels' axis.
        y.Backward(Tensor.From(dy, new Shape(column.Shape)));
        (int C, int After) = Layout(column);
        (_, double[] dx, double[] dgamma, double[] dbeta, _) = NaiveNorm.Run(
            x, dy, gamma, beta, column.Eps, i => i / After % C, i => i / After % C);
        Close.To(dx, input.Gradient!, GradientTolerance);
        Close.To(dgamma, layer.Weight!.Gradient!, GradientTolerance);
        Close.To(dbeta, layer.Bias!.Gradient!, GradientTolerance);
    }

    private static void AffineOff(Column column)
    {
        double[] x = Values(column.Shape, 3);
        // What a library cannot leave out, it gets as a constant: gamma 1 and beta 0 change no bit.
        Tensor constant = Train(column.Layer(), x, column.Shape),
            off = Train(column.Layer(useScale: false, useBias: false), x, column.Shape);
        Assert.Equal(constant.ToArray<double>(), off.ToArray<double>());
        Assert.Equal(["running_mean", "running_var", "num_batches_tracked"],
            column.Layer(useScale: false, useBias: false).StateDict().Keys);

        BatchNormalization scale = column.Layer(useBias: false), bias = column.Layer(useScale: false);
        Assert.Null(scale.Bias);
        Assert.Null(bias.Weight);
        scale.Weight!.Value.Fill(2);
        bias.Bias!.Value.Fill(3);
        double[] plain = off.ToArray<double>();
        Close.To([.. plain.Select(value => 2 * value)], Train(scale, x, column.Shape), Tolerance);
        Close.To([.. plain.Select(value => value + 3)], Train(bias, x, column.Shape), Tolerance);
        Assert.Contains("scale=True, bias=False", scale.ToString(), StringComparison.Ordinal);
        Assert.Contains(
            "affine=False", column.Layer(useScale: false, useBias: false).ToString(), StringComparison.Ordinal);
    }

    private static void CumulativeAverage(Column column)
    {
        // PyTorch has it (momentum=None); for the others it is an addition of ours that keeps their estimator.
        NormConvention cumulative = column.Convention with
        {
            Average = RunningAverage.Cumulative with { Estimator = column.Convention.Average.Estimator },
        };
        var layer = new BatchNormalization(1, cumulative);
        layer.To(DType.Float64);
        NaiveBatchNorm twin = column.Twin(1, (old, value, batch) => old + (value - old) / batch);
        for (int batch = 0; batch < 3; batch++) ThreeBatches(layer, twin, batch);
        Close.To([3.5], layer.Running!.Mean.Value, Tolerance);
        Close.To([column.Unbiased ? 5.0 / 3 : 1.25], layer.Running.Variance.Value, Tolerance);
        Close.To(twin.Mean, layer.Running.Mean.Value, Tolerance);
    }

    private static void NoRunningStatistics(Column column)
    {
        double[] x = Values(column.Shape, 4);
        BatchNormalization layer = column.Layer(tracked: false);
        Assert.False(layer.TrackRunningStats);
        Assert.Equal(["weight", "bias"], layer.StateDict().Keys);
        double[] expected = column.Twin().Train(x, column.Shape);
        Close.To(expected, Train(layer, x, column.Shape), Tolerance);
        Close.To(expected, layer.Forward(Tensor.From(x, new Shape(column.Shape))), Tolerance);
    }

    private static void TrainSwitch(Column column)
    {
        double[] x = Values(column.Shape, 5);
        BatchNormalization layer = column.Layer();
        NaiveBatchNorm twin = column.Twin();
        Close.To(twin.Train(x, column.Shape), Train(layer, x, column.Shape), Tolerance);
        Close.To(twin.Eval(x, column.Shape),
            layer.Forward(new Tape(Mode.Eval).Input(Tensor.From(x, new Shape(column.Shape)))), Tolerance);
        Close.To(twin.Mean, layer.Running!.Mean.Value, Tolerance);
        if (column.Convention == NormConvention.Keras)
        {
            // trainable = False is inference, and gamma and beta are constants.
            layer.Freeze();
            Close.To(twin.Eval(x, column.Shape), Train(layer, x, column.Shape), Tolerance);
            Assert.False(layer.Weight!.RequiresGradient);
        }
        else if (column.Convention == NormConvention.Flax)
        {
            // use_running_average = True in training: the statistics are constants, scale and bias learn.
            layer.FreezeStatistics();
            Close.To(twin.Eval(x, column.Shape), Train(layer, x, column.Shape), Tolerance);
            Assert.True(layer.Weight!.RequiresGradient);
        }
        else if (column.Convention == NormConvention.Torch)
        {
            // no_grad is not eval: the statistics follow.
            twin.Train(x, column.Shape);
            layer.Forward(new Tape(Mode.Train, recordGradients: false).Input(Tensor.From(x, new Shape(column.Shape))));
            Close.To(twin.Mean, layer.Running.Mean.Value, Tolerance);
        }
        else if (column.Convention == CourseConventions.D2l)
        {
            // A pass without gradients is eval there: here that is said by the mode.
            layer.Forward(new Tape(Mode.Eval, recordGradients: false).Input(Tensor.From(x, new Shape(column.Shape))));
            Close.To(twin.Mean, layer.Running.Mean.Value, Tolerance);
        }
    }

    private static void OneValuePerChannel(Column column)
    {
        BatchNormalization layer = column.Layer();
        Fill(layer, [2, 3, 4], [0.5, -1, 7]);
        if (column.RefusesOneValue)
        {
            string text = Assert.Throws<ArgumentException>(() => Train(layer, [1, 2, 3], [1, 3])).Message;
            Assert.Contains("expected more than one value per channel", text, StringComparison.Ordinal);
            Assert.Equal(0, layer.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
            return;
        }

        Close.To([0.5, -1, 7], Train(layer, [1, 2, 3], [1, 3]), 0);
        Close.To([column.Follow(0, 1, 1), column.Follow(0, 2, 1), column.Follow(0, 3, 1)],
            layer.Running!.Mean.Value, Tolerance);
        Close.To([.. Enumerable.Repeat(column.Follow(column.StartVariance, 0, 1), 3)],
            layer.Running.Variance.Value, Tolerance);
    }

    private static void RankChecks(Column column)
    {
        for (int rank = 1; rank <= Shape.MaxRank; rank++)
        {
            int[] shape = new int[rank];
            Array.Fill(shape, 2);
            int channels = rank == 1 ? 1 : 2;
            double[] x = Values(shape, 6);
            Assert.Equal(column.Ranks.Contains(rank), column.Convention.Ranks.Takes(rank));
            if (column.Ranks.Contains(rank))
            {
                Close.To(column.Twin(channels).Train(x, shape), Train(column.Layer(channels), x, shape), Tolerance);
                if (rank == 1) continue;
                string wrong = Assert.Throws<ArgumentException>(() => Train(column.Layer(5), x, shape)).Message;
                Assert.Contains(
                    $"5 channels as dimension {column.Axis} ({column.Convention.Name}), got {new Shape(shape)}. "
                    + $"The channels are dimension {column.Axis}; create the layer with 2 features",
                    wrong, StringComparison.Ordinal);
            }
            else
            {
                string text = Assert.Throws<ArgumentException>(() => Train(column.Layer(channels), x, shape)).Message;
                Assert.StartsWith(
                    $"BatchNormalization: expected an input of {column.Convention.Ranks} with {channels} channels",
                    text, StringComparison.Ordinal);
            }
        }
    }

    private static void Mask(Column column)
    {
        // Keras and Flax have masks; the others compute with one what they would compute without the masked samples.
        int[] shape = column.HasMask ? [4, 5, 3] : [6, 3], positions = shape[..^1];
        double[] x = Values(shape, 7), dy = Values(shape, 8), gamma = [0.5, -1.5, 2], beta = [1, 2, -3];
        double[] mask = [.. Enumerable.Range(0, x.Length / 3).Select(i => i % 3 == 1 ? 0.0 : 1.0)];
        BatchNormalization layer = column.Layer();
        NaiveBatchNorm twin = column.Twin();
        Fill(layer, gamma, beta);
        var tape = new Tape(Mode.Train);
        Tensor weights = Tensor.From(mask, new Shape(positions));
        Close.To(twin.Train(x, shape, gamma, beta, mask),
            layer.Forward(tape.Input(Tensor.From(x, new Shape(shape))), weights), Tolerance);
        Close.To(twin.Mean, layer.Running!.Mean.Value, Tolerance);
        Close.To(twin.Variance, layer.Running.Variance.Value, Tolerance);
        tape.Reject();
        Close.To([0, 0, 0], layer.Running.Mean.Value, 0);
        tape.Reset();

        // A mask of ones is none; in eval none changes anything.
        Close.To(
            Train(column.Layer(), x, shape).ToArray<double>(),
            column.Layer().Forward(tape.Input(Tensor.From(x, new Shape(shape))), Tensor.Ones(new Shape(positions))),
            Tolerance);
        Assert.Equal(layer.Forward(Tensor.From(x, new Shape(shape))).ToArray<double>(),
            layer.Forward(Tensor.From(x, new Shape(shape)), weights).ToArray<double>());
        Assert.True(GradientCheck.Run(
            v => layer.Forward(v[0], weights), [Tensor.From(x, new Shape(shape))]).Passed);
    }

    private static void LowPrecision(Column column)
    {
        // Float32 with a mean 10,000 spreads away, where E[x²] - E[x]² has no digit left: centred sums,
        // in double between blocks.
        double[] x = [.. Values(column.Shape, 9).Select(value => (double)(float)(100 + 0.01 * value))];
        var layer = new BatchNormalization(3, column.Convention);
        NaiveBatchNorm twin = column.Twin();
        double[] expected = twin.Train(x, column.Shape);
        Tensor y = layer.Forward(new Tape(Mode.Train).Input(Tensor.From(x, new Shape(column.Shape)).To(DType.Float32)));
        Assert.Equal(DType.Float32, y.DType);
        Close.To(expected, y, 2 * Tolerances.Float32Steps);
        Close.To(twin.Variance, layer.Running!.Variance.Value, 2 * Tolerances.Float32Ulps);
        // Mixed types are an error that names both.
        Assert.Contains(
            "of the input's type Float64, got Float32",
            Assert.Throws<ArgumentException>(() => layer.Forward(Tensor.From(x, new Shape(column.Shape)))).Message,
            StringComparison.Ordinal);
    }

    private static void ThreeBatches(BatchNormalization layer, NaiveBatchNorm twin, int batch)
    {
        double[] x = [1 + batch, 2 + batch, 3 + batch, 4 + batch];
        Train(layer, x, [4, 1]);
        twin.Train(x, [4, 1]);
    }

    private static Tensor Train(BatchNorm layer, double[] x, int[] shape) =>
        layer.Forward(new Tape(Mode.Train).Input(Tensor.From(x, new Shape(shape))));

    private static double[] Values(int[] shape, ulong seed) =>
        Tensor.RandomNormal(new Shape(shape), new Philox(seed), DType.Float64).ToArray<double>();

    private static void Fill(BatchNorm layer, double[] gamma, double[] beta)
    {
        layer.Weight!.Value.CopyFrom(Tensor.From(gamma, [gamma.Length]));
        layer.Bias!.Value.CopyFrom(Tensor.From(beta, [beta.Length]));
    }

    private static (int Channels, int After) Layout(Column column)
    {
        int after = 1;
        for (int d = column.Axis < 0 ? column.Shape.Length : column.Axis + 1; d < column.Shape.Length; d++)
            after *= column.Shape[d];
        return (3, after);
    }
}
