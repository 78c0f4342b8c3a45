using Evenkeel.Nn;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class StateDictTests
{
    private static Sequential Network() => new(new Linear(2, 3), new FakeNorm(3));

    [Fact]
    public void A_snapshot_is_a_copy_and_loads_back_bit_for_bit()
    {
        Sequential network = Network();
        StateDict snapshot = network.StateDict();
        float[] weight = snapshot["0.weight"].ToArray<float>();
        Parameter parameter = network.Parameters()[0];
        Tensor value = parameter.Value;
        value.Fill(9);
        Assert.Equal(weight, snapshot["0.weight"].ToArray<float>());
        LoadReport report = network.LoadStateDict(snapshot);
        Assert.True(report.IsComplete);
        Assert.Equal(7, report.KeysWith(LoadStatus.Loaded).Count);
        Assert.Same(value, parameter.Value);
        Assert.Equal(weight, value.ToArray<float>());
    }

    /// <summary>An encoder and a decoder with one weight, and a layer that runs twice.</summary>
    private sealed class TiedNet : Module
    {
        public TiedNet()
        {
            Weight = Register("encoder", Tensor.Ones([4]));
            Register("decoder", Weight);
            Shared = Register("first", new BatchNorm1d(2));
            Register("second", Shared);
        }

        public Parameter Weight { get; }

        public BatchNorm1d Shared { get; }

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    [Theory]
    [InlineData("encoder", "first")]
    [InlineData("decoder", "second")]
    public void One_key_of_a_tied_tensor_is_enough(string weight, string layer)
    {
        StateDict full = new TiedNet().StateDict(), one = [];
        foreach ((string key, Tensor value) in full)
        {
            value.Fill(3);
            if (key == weight || key.StartsWith(layer, StringComparison.Ordinal)) one.Add(key, value);
        }

        var model = new TiedNet();
        LoadReport report = model.LoadStateDict(one);
        Assert.True(report.IsComplete);
        Assert.Equal(6, report.KeysWith(LoadStatus.Tied).Count);
        Assert.Equal(6, report.KeysWith(LoadStatus.Loaded).Count);
        Assert.StartsWith("12 of 12 keys loaded", report.ToString(), StringComparison.Ordinal);
        Assert.Equal([3f, 3, 3, 3], model.Weight.Value.ToArray<float>());
        Assert.Equal([3f, 3], model.Shared.Running!.Variance.Value.ToArray<float>());
        // Neither key is one too few.
        one.Remove(weight);
        Assert.Contains("encoder: missing",
            Assert.Throws<ArgumentException>(() => model.LoadStateDict(one)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Different_values_for_a_tied_tensor_are_refused()
    {
        var model = new TiedNet();
        StateDict state = model.StateDict();
        state["decoder"].Fill(2);
        string message = Assert.Throws<ArgumentException>(() => model.LoadStateDict(state)).Message;
        Assert.Contains(
            "encoder: the model has one tensor under this and another key, the state dict has different values there",
            message, StringComparison.Ordinal);
        Assert.Contains("decoder: the model has one tensor", message, StringComparison.Ordinal);
        state["first.weight"].Fill(7);
        state["second.weight"].Fill(7);
        LoadReport report = model.LoadStateDict(state, strict: false);
        Assert.Equal(["encoder", "decoder"], report.KeysWith(LoadStatus.TiedDifferently));
        Assert.Equal([1f, 1, 1, 1], model.Weight.Value.ToArray<float>());
        Assert.Equal([7f, 7], model.Shared.Weight!.Value.ToArray<float>());
        // The same value in another type is the same value.
        state["encoder"].Fill(2);
        state["encoder"] = state["encoder"].To(DType.Float64);
        Assert.True(model.LoadStateDict(state).IsComplete);
        Assert.Equal([2f, 2, 2, 2], model.Weight.Value.ToArray<float>());
    }

    [Fact]
    public void A_strict_load_lists_everything_and_changes_nothing()
    {
        Sequential network = Network();
        StateDict state = network.StateDict();
        foreach ((_, Tensor tensor) in state) tensor.Fill(5);
        state["0.weight"] = Tensor.Zeros([3, 5]);
        state["1.running_mean"] = Tensor.Zeros([3], DType.Int64);
        state.Remove("0.bias");
        state.Add("2.weight", Tensor.Zeros([7]));
        StateDict before = network.StateDict();
        string message = Assert.Throws<ArgumentException>(() => network.LoadStateDict(state)).Message;
        foreach (string part in new[]
        {
            "Sequential.LoadStateDict", "nothing was changed", "0.weight: expected shape (3, 2), got (3, 5)",
            "0.bias: missing, expected shape (3)",
            "1.running_mean: expected and got integers", "2.weight: unexpected, got shape (7)", "strict: false",
        })
        {
            Assert.Contains(part, message, StringComparison.Ordinal);
        }

        foreach ((string key, Tensor tensor) in network.StateDict())
            Assert.True(tensor.Bytes().SequenceEqual(before[key].Bytes()), key);

        LoadReport report = network.LoadStateDict(state, strict: false);
        Assert.False(report.IsComplete);
        Assert.Equal(["0.weight"], report.KeysWith(LoadStatus.ShapeMismatch));
        Assert.Equal(["1.running_mean"], report.KeysWith(LoadStatus.TypeMismatch));
        Assert.Equal(["0.bias"], report.KeysWith(LoadStatus.Missing));
        Assert.Equal(["2.weight"], report.KeysWith(LoadStatus.Unexpected));
        Assert.Equal(
            ["1.weight", "1.bias", "1.running_var", "1.num_batches_tracked"], report.KeysWith(LoadStatus.Loaded));
        Assert.Equal([5f, 5f, 5f], network.StateDict()["1.bias"].ToArray<float>());
        Assert.StartsWith("4 of 7 keys loaded\n", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Older_files_may_lack_the_batch_counter()
    {
        Sequential network = Network();
        StateDict state = network.StateDict();
        state.Remove("1.num_batches_tracked");
        LoadReport report = network.LoadStateDict(state);
        Assert.True(report.IsComplete);
        Assert.Equal(["1.num_batches_tracked"], report.KeysWith(LoadStatus.KeptDefault));
    }

    [Fact]
    public void Values_are_converted_to_the_models_type()
    {
        Sequential network = Network();
        StateDict single = network.StateDict();
        network.To(DType.Float64);
        network.LoadStateDict(single);
        Assert.Equal(DType.Float64, network.Parameters()[0].DType);
        Assert.Equal((double)single["0.weight"].AsSpan<float>()[0], network.Parameters()[0].Value.AsSpan<double>()[0]);
    }

    [Fact]
    public void Keys_are_checked()
    {
        var state = new StateDict { { "a", Tensor.Scalar(1) } };
        Assert.Throws<ArgumentException>(() => state.Add("a", Tensor.Scalar(2)));
        Assert.Contains("no key \"b\" among 1: a.",
            Assert.Throws<KeyNotFoundException>(() => state["b"]).Message, StringComparison.Ordinal);
        Assert.True(state.ContainsKey("a"));
    }
}
