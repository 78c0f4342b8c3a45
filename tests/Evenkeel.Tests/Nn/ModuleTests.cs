using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ModuleTests
{
    private static Sequential Network() => new(new Linear(4, 3),
        new FakeNorm(3), new ReLU(), new Sequential(new Dropout(0.25), new Linear(3, 2, bias: false)));

    [Fact]
    public void Keys_are_PyTorchs_in_PyTorchs_order()
    {
        Assert.Equal(
            ["0.weight", "0.bias",
                "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.1.weight"],
            Network().StateDict().Keys);
        Assert.Equal(["0.weight", "0.bias", "1.weight", "1.bias", "3.1.weight"],
            Network().NamedParameters().Select(p => p.Name));
        Assert.Equal(
            ["1.running_mean", "1.running_var", "1.num_batches_tracked"], Network().NamedBuffers().Select(b => b.Name));
        Assert.Equal(["", "0", "1", "2", "3", "3.0", "3.1"], Network().NamedModules().Select(m => m.Name));
        Assert.Equal(["0", "1", "2", "3"], Network().Children.Keys);
    }

    [Fact]
    public void Prints_like_PyTorch()
    {
        Assert.Equal(
            """
            Sequential(
              (0): Linear(in_features=4, out_features=3, bias=True)
              (1): FakeNorm()
              (2): ReLU()
              (3): Sequential(
                (0): Dropout(p=0.25, inplace=False)
                (1): Linear(in_features=3, out_features=2, bias=False)
              )
            )
            """.ReplaceLineEndings("\n"),
            Network().ToString());
        Assert.Equal("LeakyReLU(negative_slope=0.01)", new LeakyReLU().ToString());
        Assert.Equal("Dropout(p=1e-05, inplace=False)", new Dropout(1e-5).ToString());
        Assert.Equal("LeakyReLU(negative_slope=1.0)", new LeakyReLU(1).ToString());
        Assert.Equal("Softmax(dim=-1)", new Softmax().ToString());
        Assert.Equal("Flatten(start_dim=1, end_dim=-1)", new Flatten().ToString());
        Assert.Equal("Sequential()", new Sequential().ToString());
    }

    [Fact]
    public void Summary_is_a_table()
    {
        Sequential network = Network();
        network.NamedParameters()[0].Parameter.RequiresGradient = false;
        Assert.Equal(
            """
            Sequential, input (5, 4)
            -----------------------------------------
            Layer            Output shape  Parameters
            -----------------------------------------
            Sequential       (5, 2)                 -
              0: Linear      (5, 3)                15
              1: FakeNorm    (5, 3)                 6
              2: ReLU        (5, 3)                 -
              3: Sequential  (5, 2)                 -
                0: Dropout   (5, 3)                 -
                1: Linear    (5, 2)                 6
            -----------------------------------------
            Parameters: 27 (trainable 15, non-trainable 12)
            Buffers: 7 values

            """.ReplaceLineEndings("\n"),
            network.Summary([5, 4]));
        Assert.All(network.NamedModules(), m => Assert.False(m.Module.HasHooks));
    }

    [Fact]
    public void Summary_takes_its_hooks_away_when_the_pass_fails()
    {
        Sequential network = Network();
        Assert.ThrowsAny<Exception>(() => network.Summary([5, 7]));
        Assert.All(network.NamedModules(), m => Assert.False(m.Module.HasHooks));
    }

    [Fact]
    public void The_linear_layer_works_by_hand()
    {
        var layer = new Linear(2, 3);
        layer.LoadStateDict(new StateDict { { "weight", Tensor.From(new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } }) }, {
            "bias", Tensor.From(10f, 20f, 30f) }, });
        Assert.Equal([15f, 31f, 47f], layer.Forward(Tensor.From(new float[,] { { 1, 2 } })).ToArray<float>());
        Assert.Null(new Linear(2, 3, bias: false).Bias);
    }

    [Fact]
    public void Tied_weights_are_one_parameter_under_two_keys()
    {
        var tied = new Tied();
        Assert.Equal(2, tied.Parameters().Count);
        Assert.Equal(["a.weight", "a.bias"], tied.NamedParameters().Select(p => p.Name));
        Assert.Equal(["a.weight", "a.bias", "b.weight", "b.bias"], tied.StateDict().Keys);
        tied.To(DType.Float64);
        Assert.Equal(DType.Float64, tied.Parameters()[0].DType);
        Assert.Equal(tied.Parameters()[0].Value, ((Linear)tied.Children["b"]).Weight.Value);

        var half = new TiedWeight();
        Assert.Equal(["weight", "inner.bias"], half.NamedParameters().Select(p => p.Name));
        Assert.Equal(["weight", "inner.weight", "inner.bias"], half.StateDict().Keys);
        half.Initialize(Init.Normal(), seed: 3);
        Tensor once = Tensor.Zeros([3, 3]);
        Init.Normal().Fill(once, new Philox(3));
        Assert.Equal(once.ToArray<float>(), half.StateDict()["inner.weight"].ToArray<float>());
    }

    [Fact]
    public void To_converts_in_place_and_keeps_counters()
    {
        Sequential network = Network();
        var norm = (FakeNorm)network[1];
        Parameter weight = norm.Weight;
        StateBuffer mean = norm.Mean;
        norm.Mean.Value.Fill(0.1);
        norm.Batches.Value.Fill(7);
        network.To(DType.Float64);
        Assert.Same(weight, network.Parameters()[2]);
        Assert.Same(mean, norm.Mean);
        Assert.Equal(DType.Float64, weight.DType);
        Assert.Equal((double)0.1f, norm.Mean.Value.AsSpan<double>()[0]);
        Assert.Equal([7L], norm.Batches.Value.ToArray<long>());
        Assert.Equal(DType.Float64, network.Forward(Tensor.Ones([1, 4], DType.Float64)).DType);
        network.To(DType.Float32);
        Assert.Equal(0.1f, norm.Mean.Value.AsSpan<float>()[0]);
        Assert.Contains("expected a floating-point type, got Int64",
            Assert.Throws<ArgumentException>(() => network.To(DType.Int64)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Predict_equals_Forward_in_Eval_for_any_chunk()
    {
        Sequential network = Network();
        Tensor x = Init.Normal().Create([11, 4], new Philox(5));
        var tape = new Tape(Mode.Eval);
        float[] expected = network.Forward(tape.Input(x)).ToArray<float>();
        foreach (int chunk in new[] { 1, 2, 5, 11, 256 })
        {
            Tensor y = network.Predict(x, chunk);
            Assert.Null(y.Tape);
            Assert.Equal(new Shape(11, 2), y.Shape);
            Assert.Equal(expected, y.ToArray<float>());
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => network.Predict(x, 0));
        var untracked = new Sequential(new Linear(4, 3), new BatchNorm1d(3, trackRunningStats: false));
        Assert.Contains(
            "got 1 (BatchNorm1d) without running statistics: "
            + "predictions would depend on the other samples of the chunk",
            Assert.Throws<InvalidOperationException>(() => untracked.Predict(x)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "at least one sample",
            Assert.Throws<ArgumentException>(() => network.Predict(Tensor.Zeros([0, 4]))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "one row per sample",
            Assert.Throws<ArgumentException>(() => new Lambda(_ => Tensor.Scalar(1)).Predict(x)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Hooks_see_input_and_output_until_disposed()
    {
        var layer = new ReLU();
        var seen = new List<(Module, float, float)>();
        IDisposable hook = layer.AddForwardHook(
            (module, x, y) => seen.Add((module, x.AsSpan<float>()[0], y.AsSpan<float>()[0])));
        layer.Forward(Tensor.From(-2f));
        hook.Dispose();
        hook.Dispose();
        layer.Forward(Tensor.From(-3f));
        Assert.Equal([(layer, -2f, 0f)], seen);
    }

    [Fact]
    public void A_norm_and_its_ReLU_are_fused_unless_one_is_hooked()
    {
        var norm = new FakeNorm(2);
        var relu = new ReLU();
        var identity = new Identity();
        var network = new Sequential(norm, relu, norm, identity, relu, norm, new Flatten(), relu);
        Tensor x = Tensor.From(new float[,] { { -1, 2 } });
        Assert.Equal([0f, 2f], network.Forward(x).ToArray<float>());
        Assert.Equal((2, 1), (norm.Fused, norm.Plain));
        foreach ((Module hooked, int apart) in new (Module, int)[] { (norm, 3), (relu, 3), (identity, 2) })
        {
            int fused = norm.Fused, plain = norm.Plain;
            using (hooked.AddForwardHook(static (_, _, _) => { })) network.Forward(x);
            Assert.Equal((fused + 3 - apart, plain + apart), (norm.Fused, norm.Plain));
        }

        network.Forward(x);
        Assert.Equal(5, norm.Fused);
    }

    [Fact]
    public void ZeroGrad_marks_all_gradients_empty()
    {
        Sequential network = Network();
        foreach (Parameter parameter in network.Parameters()) parameter.HasGradient = true;
        network.ZeroGrad();
        Assert.All(network.Parameters(), static parameter => Assert.Null(parameter.Gradient));
    }

    [Fact]
    public void Names_are_checked()
    {
        foreach (string name in new[] { "a.b", "a/b", "" })
            Assert.ThrowsAny<ArgumentException>(() => new Sequential().Add(name, new ReLU()));
        Assert.Contains(
            "registered already",
            Assert.Throws<ArgumentException>(
                () => new Sequential { { "fc", new ReLU() }, { "fc", new ReLU() } }).Message,
            StringComparison.Ordinal);
        var outer = new Sequential();
        var inner = new Sequential(outer);
        Assert.Contains("cannot contain itself",
            Assert.Throws<ArgumentException>(() => outer.Add(inner)).Message, StringComparison.Ordinal);
        Assert.Equal(
            ["fc1.weight", "fc1.bias"], new Sequential { { "fc1", new Linear(1, 1) }, new ReLU() }.StateDict().Keys);
    }

    [Fact]
    public void Layers_refuse_impossible_settings()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Linear(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Linear(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dropout(1.01));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dropout(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LeakyReLU(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Flatten(-7));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Flatten(1, 6));
        Assert.Throws<ArgumentException>(() => new Flatten(2, 1).Forward(Tensor.Zeros([2, 2, 2])));
        Assert.Throws<ArgumentException>(() => new Flatten(2).Forward(Tensor.Zeros([2, 2])));
    }

    [Fact]
    public void Flatten_merges_the_rest()
    {
        Tensor x = Tensor.Zeros([2, 3, 4, 5]);
        Assert.Equal(new Shape(2, 60), new Flatten().Forward(x).Shape);
        Assert.Equal(new Shape(120), new Flatten(0).Forward(x).Shape);
        Assert.Equal(new Shape(2, 3, 20), new Flatten(2).Forward(x).Shape);
        Assert.Equal(new Shape(2, 12, 5), new Flatten(1, 2).Forward(x).Shape);
        Assert.Equal(new Shape(6, 4, 5), new Flatten(-4, -3).Forward(x).Shape);
        Assert.Same(x, new Flatten(3).Forward(x));
    }

    [Fact]
    public void Dropout_does_nothing_outside_Train()
    {
        Tensor x = Tensor.Ones([3]);
        Assert.Same(x, new Dropout().Forward(x));
        Tensor eval = new Tape(Mode.Eval).Input(x);
        Assert.Same(eval, new Dropout().Forward(eval));
        Tensor train = new Tape(Mode.Train).Input(x);
        Assert.Same(train, new Dropout(0).Forward(train));
        Assert.NotSame(train, new Dropout(0.5).Forward(train));
    }

    [Fact]
    public void The_model_of_the_lessons_has_their_layers()
    {
        var network = new FullyConnected(12, [5, 4], 3, NormKind.None, dropout: 0.5);
        Assert.Equal(
            """
            FullyConnected(
              (0): Linear(in_features=12, out_features=5, bias=True)
              (1): ReLU()
              (2): Dropout(p=0.5, inplace=False)
              (3): Linear(in_features=5, out_features=4, bias=True)
              (4): ReLU()
              (5): Dropout(p=0.5, inplace=False)
              (6): Linear(in_features=4, out_features=3, bias=True)
            )
            """.ReplaceLineEndings("\n"),
            network.ToString());
        Assert.Equal(["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias"], network.StateDict().Keys);
        Assert.Equal(new Shape(2, 3), network.Forward(Tensor.Zeros([2, 3, 2, 2])).Shape);
        Assert.Single(new FullyConnected(12, [], 3).Layers);
        Assert.IsType<BatchNorm1d>(new FullyConnected(12, [5], 3, NormKind.BatchNorm).Layers[1]);
        Assert.IsType<LayerNorm>(new FullyConnected(12, [5], 3, NormKind.LayerNorm).Layers[1]);
    }

    [Fact]
    public void A_group_kind_takes_the_largest_divisor_that_leaves_a_group_more_than_one_value()
    {
        NormKind kind = NormKind.GroupNorm(8);
        Assert.Equal("GroupNorm8", kind.Name);
        Assert.Equal(kind, NormKind.GroupNorm(8));
        Assert.NotEqual(kind, NormKind.GroupNorm(4));
        foreach ((Shape sample, int groups) in new (Shape, int)[] { ([16, 4, 4], 8), ([6, 5], 6), ([20, 2, 2, 2], 5),
            ([7, 3, 3], 7), ([10], 5), ([8], 4), ([7], 1), ([120], 8), ([2], 1), ([1], 1), ([6, 1, 1], 3), })
        {
            GroupNorm layer = Assert.IsType<GroupNorm>(kind.Create(sample));
            Assert.Equal(groups, layer.NumGroups);
            Assert.Equal(sample[0], layer.NumChannels);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => NormKind.GroupNorm(0));
    }

    [Fact]
    public void An_instance_kind_is_null_where_there_is_nothing_to_normalize()
    {
        Assert.Null(NormKind.InstanceNorm.Create([10]));
        Assert.Null(NormKind.InstanceNorm.Create([10, 1, 1]));
        Assert.IsType<InstanceNorm1d>(NormKind.InstanceNorm.Create([3, 4]));
        Assert.NotNull(Assert.IsType<InstanceNorm2d>(NormKind.InstanceNorm.Create([3, 4, 4])).Weight);
        Assert.IsType<InstanceNorm3d>(NormKind.InstanceNorm.Create([3, 4, 4, 4]));
        LeNet net = LeNet.Color(norm: NormKind.InstanceNorm, random: new Philox(1));
        Assert.Equal(2, net.Layers.OfType<InstanceNorm2d>().Count());
        Assert.Equal(new Shape(3, 2), net.Forward(Tensor.Zeros([3, 3, 32, 32])).Shape);
    }

    [Fact]
    public void Norm_kinds_make_the_layer_of_the_rank()
    {
        Assert.Null(NormKind.None.Create([3, 4, 4]));
        Assert.IsType<BatchNorm1d>(NormKind.BatchNorm.Create([3, 4]));
        Assert.IsType<BatchNorm2d>(NormKind.BatchNorm.Create([3, 4, 4]));
        Assert.IsType<BatchNorm3d>(NormKind.BatchNorm.Create([3, 4, 4, 4]));
        Assert.Throws<ArgumentException>(() => NormKind.BatchNorm.Create([3, 4, 4, 4, 4]));
        Assert.Equal(
            new Shape(3, 4, 4), Assert.IsType<LayerNorm>(NormKind.LayerNorm.Create([3, 4, 4])).NormalizedShape);
        Assert.Equal("BatchNorm", NormKind.BatchNorm.ToString());
        Assert.Equal(new Shape(3, 4), Assert.IsType<RMSNorm>(NormKind.RMSNorm.Create([3, 4])).NormalizedShape);
    }

    private sealed class Tied : Module
    {
        private readonly Linear _layer = new(3, 3);

        public Tied()
        {
            Register("a", _layer);
            Register("b", _layer);
        }

        protected override Tensor ForwardCore(Tensor x) => _layer.Forward(_layer.Forward(x));
    }

    private sealed class TiedWeight : Module
    {
        private readonly Inner _inner;

        public TiedWeight()
        {
            Parameter weight = Register("weight", Tensor.Zeros([3, 3]));
            _inner = Register("inner", new Inner(weight));
        }

        protected override Tensor ForwardCore(Tensor x) => _inner.Forward(x);

        private sealed class Inner : Module
        {
            public Inner(Parameter weight)
            {
                Register("weight", weight);
                Register("bias", Tensor.Ones([3]));
            }

            protected override Tensor ForwardCore(Tensor x) => x;
        }
    }
}
