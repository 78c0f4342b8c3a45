using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Tests.Optim;
using Xunit;

namespace Evenkeel.Tests.Nn;

/// <summary>Values that no training leaves behind, in what is loaded.</summary>
public sealed class ImpossibleStateTests
{
    public static TheoryData<string, double> Statistics
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (double value in new[] { -1e-5, double.NaN, double.PositiveInfinity, double.NegativeInfinity,
                -double.Epsilon, }) data.Add("running_var", value);
            foreach (double value in new[] { double.NaN, double.PositiveInfinity,
                double.NegativeInfinity, }) data.Add("running_mean", value);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Statistics))]
    public void An_impossible_statistic_is_refused_with_layer_channel_and_value(string name, double value)
    {
        Module[] norms =
        [
            new BatchNorm1d(5), new BatchNorm2d(5), new BatchNorm3d(5), new BatchNormalization(5, NormConvention.Keras),
                new BatchRenorm2d(5), new GhostBatchNorm2d(5, 2),
            new SyncBatchNorm(5), new InstanceNorm2d(5, trackRunningStats: true),
        ];
        foreach (Module norm in norms)
        {
            var network = new Sequential(new Linear(3, 5), norm);
            network.To(DType.Float64);
            StateDict before = network.StateDict(), state = network.StateDict();
            foreach ((string key, Tensor tensor) in state)
            {
                if (tensor.DType.IsFloatingPoint()) tensor.Fill(0.5);
            }

            state[$"1.{name}"].AsSpan<double>()[3] = value;
            foreach (bool strict in new[] { true, false })
            {
                string message = Assert.Throws<ArgumentException>(() => network.LoadStateDict(state, strict)).Message;
                Assert.Contains($"1.{name}, channel 3: expected a finite number", message, StringComparison.Ordinal);
                Assert.Contains(value.ToString(System.Globalization.CultureInfo.InvariantCulture), message,
                    StringComparison.Ordinal);
            }

            foreach ((string key,
                Tensor tensor) in network.StateDict()) Assert.True(tensor.Bytes().SequenceEqual(before[key].Bytes()),
                key);
        }
    }

    [Fact]
    public void A_negative_count_of_batches_is_refused()
    {
        var network = new Sequential(new BatchNorm1d(2));
        StateDict state = network.StateDict();
        state["0.num_batches_tracked"].AsSpan<long>()[0] = -1;
        Assert.Contains("0.num_batches_tracked: expected",
            Assert.Throws<ArgumentException>(() => network.LoadStateDict(state)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variance_that_overflows_in_the_models_type_is_refused()
    {
        var network = new Sequential(new BatchNorm1d(2));
        StateDict state = network.StateDict();
        state["0.running_var"] = Tensor.From(1, 1e300);
        Assert.Contains("channel 1", Assert.Throws<ArgumentException>(() => network.LoadStateDict(state)).Message,
            StringComparison.Ordinal);
    }

    public static TheoryData<string, string, double> Moments => new()
    {
        { "adam", "exp_avg_sq", -1e-12 }, { "adam", "exp_avg_sq", double.NaN }, { "adam", "exp_avg", double.NaN },
            { "adam", "exp_avg", double.PositiveInfinity },
        { "adamw", "exp_avg_sq", -1 }, { "rmsprop", "square_avg", -1e-30 }, { "rmsprop", "square_avg", double.NaN },
            { "rmsprop", "momentum_buffer", double.NaN },
        { "sgd", "momentum_buffer", double.NaN },
    };

    [Theory]
    [MemberData(nameof(Moments))]
    public void An_impossible_moment_is_refused_with_parameter_element_and_value(
        string kind, string moment, double value)
    {
        Parameter[] parameters = [new(Tensor.Ones([2], DType.Float64), "first"),
            new(Tensor.Ones([2, 3], DType.Float64), "kernel")];
        Optimizer optimizer = kind switch
        {
            "adam" => new Adam(parameters),
            "adamw" => new AdamW(parameters),
            "rmsprop" => new RMSprop(parameters, momentum: 0.9),
            _ => new SGD(parameters, momentum: 0.9),
        };
        StateDict state = optimizer.StateDict();
        foreach ((string key, Tensor tensor) in state)
        {
            if (key.Contains(".0.", StringComparison.Ordinal)) tensor.Fill(0.25);
        }

        state[$"{optimizer.Name}.1.{moment}"].AsSpan<double>()[4] = value;
        string message = Assert.Throws<ArgumentException>(() => optimizer.LoadStateDict(state)).Message;
        Assert.Contains($"'{optimizer.Name}.1.{moment}' (kernel), element 4: expected", message,
            StringComparison.Ordinal);
        Assert.Contains(value.ToString(System.Globalization.CultureInfo.InvariantCulture), message,
            StringComparison.Ordinal);
        Assert.Equal(0, optimizer.StateDict()[$"{optimizer.Name}.0.{moment}"].AsSpan<double>()[0]);
    }

    [Fact]
    public void Impossible_values_are_taken_on_request()
    {
        var network = new Sequential(new BatchNorm1d(2));
        StateDict state = network.StateDict();
        state["0.running_var"].AsSpan<float>()[1] = -1;
        Assert.True(network.LoadStateDict(state, checkValues: false).IsComplete);
        Assert.Equal(-1, network.StateDict()["0.running_var"].AsSpan<float>()[1]);

        Parameter[] parameters = [new(Tensor.Ones([2]))];
        var optimizer = new Adam(parameters);
        StateDict moments = optimizer.StateDict();
        moments["Adam.0.exp_avg_sq"].AsSpan<float>()[1] = -1;
        optimizer.LoadStateDict(moments, checkValues: false);
        Assert.Equal(-1, optimizer.StateDict()["Adam.0.exp_avg_sq"].AsSpan<float>()[1]);
    }

    [Fact]
    public void Every_impossible_number_is_listed_by_its_layer()
    {
        var network = new Sequential(new BatchNorm1d(2), new BatchNorm1d(3));
        StateDict state = network.StateDict();
        state["0.running_var"].AsSpan<float>()[1] = -2;
        state["1.running_mean"].AsSpan<float>()[2] = float.NaN;
        string message = Assert.Throws<ArgumentException>(() => network.LoadStateDict(state)).Message;
        Assert.Contains("  0.running_var, channel 1: expected a finite number of 0 or more, got -2\n  1.running_mean, "
            + "channel 2: expected a finite number, got NaN\n", message, StringComparison.Ordinal);
        Assert.Contains("checkValues: false", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_moment_that_has_overflowed_is_loaded()
    {
        // The square of a finite gradient of 1e30; the element takes no steps, but the state is what training left.
        var parameter = new Parameter(Tensor.Ones([2]));
        var optimizer = new Adam([parameter]);
        OptimizerTests.SetGradient(parameter, static _ => 1e30);
        optimizer.Step();
        new Adam([new Parameter(Tensor.Ones([2]))]).LoadStateDict(optimizer.StateDict());
    }

    [Fact]
    public void A_layer_of_the_users_own_says_what_its_buffers_can_hold()
    {
        var layer = new Scratch();
        StateDict state = layer.StateDict();
        state["moving_var"].AsSpan<float>()[1] = -1;
        state["free"].AsSpan<float>()[1] = float.NaN;
        Assert.Contains("moving_var, channel 1",
            Assert.Throws<ArgumentException>(() => layer.LoadStateDict(state)).Message, StringComparison.Ordinal);
        Assert.Contains("moving_var, channel 1",
            Assert.Throws<ArgumentException>(() => layer.Clone().LoadStateDict(state)).Message,
            StringComparison.Ordinal);
        state["moving_var"].AsSpan<float>()[1] = 0;
        Assert.True(layer.LoadStateDict(state).IsComplete);
    }

    private sealed class Scratch : Module
    {
        public Scratch()
        {
            RegisterBuffer("moving_var", Tensor.Ones([2]), range: StateRange.Variance);
            RegisterBuffer("free", Tensor.Ones([2]));
        }

        protected override Tensor ForwardCore(Tensor x) => x;
    }
}
