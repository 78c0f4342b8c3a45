using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Nn;
using Evenkeel.Tests.Ops.Normalization;
using Xunit;

namespace Evenkeel.Tests.Surgery;

/// <summary>
/// Every batch norm there is becomes a synchronized one with all that it has, and itself again; what
/// cannot is refused by name.
/// </summary>
public sealed class SyncConversionTests
{
    /// <summary>The same sums in another order.</summary>
    private const double Tolerance = 1e-12;

    /// <summary>A layer of 3 channels, and an input of 4 samples.</summary>
    private static readonly Dictionary<string, (Func<BatchNorm> Make, int[] Shape)> s_layers = new()
    {
        ["1d"] = (static () => new BatchNorm1d(3, momentum: null), [4, 3]),
        ["1d of sequences"] = (static () => new BatchNorm1d(3, RunningAverage.Keep(0.7)), [4, 3, 5]),
        ["2d"] = (static () => new BatchNorm2d(3, eps: 1e-2, momentum: 0.3), [4, 3, 2, 5]),
        ["2d, Keras"] = (static () => new BatchNorm2d(3, NormConvention.Keras, useBias: false), [4, 2, 5, 3]),
        ["2d, no affine, no statistics"] =
            (static () => new BatchNorm2d(3, affine: false, trackRunningStats: false), [4, 3, 2, 5]),
        ["3d"] = (static () => new BatchNorm3d(3), [4, 3, 2, 2, 2]),
        ["PyTorch"] = (static () => new BatchNormalization(3, NormConvention.Torch), [4, 3, 6]),
        ["Keras"] = (static () => new BatchNormalization(3, NormConvention.Keras), [4, 6, 3]),
        ["Keras, no scale"] = (static () => new BatchNormalization(3, NormConvention.Keras, useScale: false), [4, 3]),
        ["Flax, no statistics"] =
            (static () => new BatchNormalization(3, NormConvention.Flax, trackRunningStats: false), [4, 2, 2, 3]),
        ["ONNX"] = (static () => new BatchNormalization(3, NormConvention.Onnx), [4, 3, 2]),
        ["ONNX, a vector"] = (static () => new BatchNormalization(1, NormConvention.Onnx), [8]),
        ["CS231n"] = (static () => new BatchNormalization(3, CourseConventions.Cs231n), [4, 3]),
        ["D2L"] = (static () => new BatchNormalization(3, CourseConventions.D2l), [4, 3, 2, 2]),
        ["axis 2"] =
            (static () => new BatchNormalization(3, NormConvention.Torch with { ChannelAxis = 2 }), [4, 2, 3, 5]),
        ["renorm 1d"] = (static () => new BatchRenorm1d(3, limits: Open()), [4, 3]),
        ["renorm 2d"] = (static () => new BatchRenorm2d(3, limits: Open()), [4, 3, 2, 5]),
        ["renorm 3d"] = (static () => new BatchRenorm3d(3, limits: Open(), affine: false), [4, 3, 2, 2, 2]),
    };

    public static TheoryData<string> Layers => [.. s_layers.Keys];

    [Theory]
    [MemberData(nameof(Layers))]
    public void Two_halves_of_a_batch_give_what_the_layer_gives_for_all_of_it(string name)
    {
        (BatchNorm layer, Tensor x) = Case(name);
        Module sync = SyncBatchNorm.ConvertFrom(layer);
        Assert.IsType<SyncBatchNorm>(sync);
        var whole = (BatchNorm)layer.Clone();
        double[] expected = whole.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>();
        using var group = new InProcessCollective(2);
        Module[] members = [sync, sync.Clone()];
        double[][] halves = new double[2][];
        int samples = x.Shape[0] / 2;
        group.Run(member => halves[member.Rank] = members[member.Rank]
            .Forward(new Tape(Mode.Train) { Collective = member }.Input(x.Slice(0, member.Rank * samples, samples)))
            .ToArray<double>());
        Pass.AssertClose(expected, [.. halves[0], .. halves[1]], Tolerance, "y");
        foreach ((string key, Tensor value) in whole.StateDict())
        {
            if (value.DType == DType.Float64)
            {
                Pass.AssertClose(
                    value.ToArray<double>(), members[1].StateDict()[key].ToArray<double>(), Tolerance, key);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void The_way_there_and_back_keeps_everything(string name)
    {
        foreach (NormState state in Enum.GetValues<NormState>())
        {
            (BatchNorm layer, Tensor x) = Case(name);
            if (state != NormState.Active && !layer.TrackRunningStats) continue;
            if (state == NormState.Frozen) layer.Freeze();
            else if (state == NormState.FrozenStatistics) layer.FreezeStatistics();
            else if (layer.Weight is { } weight) weight.RequiresGradient = false;
            layer.Running?.SkippedBatches = 5;
            var sync = (SyncBatchNorm)SyncBatchNorm.ConvertFrom(layer);
            var back = (BatchNorm)SyncBatchNorm.ConvertBack(sync);
            Assert.Equal(layer.GetType(), back.GetType());
            Assert.Equal(layer.ToString(), back.ToString());
            Assert.Equal(
                layer.ToString().Replace(layer.TypeName, "SyncBatchNorm", StringComparison.Ordinal), sync.ToString());
            foreach (BatchNorm copy in new[] { sync, back })
            {
                Assert.Equal(layer.Convention, copy.Convention);
                Assert.Equal(state, copy.State);
                Assert.Equal(layer.Weight?.RequiresGradient, copy.Weight?.RequiresGradient);
                Assert.Equal(layer.Bias?.RequiresGradient, copy.Bias?.RequiresGradient);
                Assert.Equal(layer.Running?.SkippedBatches, copy.Running?.SkippedBatches);
                Assert.Equal(layer.Running?.IsFrozen, copy.Running?.IsFrozen);
                StateDict expected = layer.StateDict(), actual = copy.StateDict();
                Assert.Equal(expected.Keys, actual.Keys);
                foreach ((string key, Tensor value) in expected)
                {
                    Assert.Equal(value.DType, actual[key].DType);
                    Assert.Equal(
                        value.To(DType.Float64).ToArray<double>(), actual[key].To(DType.Float64).ToArray<double>());
                }

                // Alone it is the layer, bit for bit, and training one does not move another.
                Assert.Equal(layer.Clone().Forward(new Tape(Mode.Train).Input(x)).ToArray<double>(),
                    copy.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>());
                if (layer.Running is not null) Assert.NotSame(layer.Running, copy.Running);
                if (layer.Weight is not null) Assert.NotSame(layer.Weight, copy.Weight);
            }
        }
    }

    [Fact]
    public void Every_batch_norm_of_the_library_is_converted_or_refused_by_name()
    {
        Type[] family = [.. typeof(Module).Assembly.GetTypes()
            .Where(static type => type.IsSubclassOf(typeof(BatchNorm)) && !type.IsAbstract)];
        var converted =
            new HashSet<Type>(s_layers.Values.Select(static layer => layer.Make().GetType())) { typeof(SyncBatchNorm) };
        foreach (Type type in family.Where(type => !converted.Contains(type)))
        {
            // numFeatures and virtualBatchSize; the rest has default values.
            var layer = (BatchNorm)Activator.CreateInstance(type, [3, 2, 1e-5, 0.1, true, true])!;
            string text = Assert.Throws<InvalidOperationException>(
                () => SyncBatchNorm.ConvertFrom(new Sequential(new ReLU(), layer))).Message;
            Assert.Contains($"got 1 ({type.Name}), whose are those of virtual batches of 2 samples",
                text, StringComparison.Ordinal);
            Assert.Contains("Pass keep:", text, StringComparison.Ordinal);
            Module kept = SyncBatchNorm.ConvertFrom(
                new Sequential(new ReLU(), layer), static module => module is BatchNorm { VirtualBatchSize: > 0 });
            Assert.IsType(type, ((Sequential)kept)[1]);
        }

        Assert.Contains(typeof(GhostBatchNorm2d), family);
    }

    [Fact]
    public void A_layer_that_never_was_another_becomes_one_that_takes_the_same_inputs()
    {
        var sync = new SyncBatchNorm(3, momentum: 0.2);
        var alone = (BatchNormalization)SyncBatchNorm.ConvertBack(sync);
        foreach (int[] shape in new int[][] { [4, 3], [4, 3, 2], [4, 3, 2, 2], [4, 3, 2, 2, 2] })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1));
            Assert.Equal(sync.Clone().Forward(new Tape(Mode.Train).Input(x)).ToArray<float>(),
                alone.Clone().Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
        }
    }

    [Fact]
    public void What_is_nested_shared_or_tied_stays_so_and_hooks_stay_behind()
    {
        var shared = new BatchNormalization(4, NormConvention.Keras);
        var network = new Sequential(new Tied(shared),
            shared, new Sequential(new ReLU(), shared, new Tied(shared)), new GroupNorm(2, 4), new LayerNorm([4]));
        int calls = 0;
        using IDisposable hook = shared.AddForwardHook((_, _, _) => calls++);
        var sync = (Sequential)SyncBatchNorm.ConvertFrom(network);
        var inner = (Sequential)sync[2];
        Assert.IsType<SyncBatchNorm>(sync[1]);
        Assert.Same(sync[1], inner[1]);
        // A parameter that another module has too is one parameter in the copy too, whichever is met first.
        Assert.Same(((BatchNorm)sync[1]).Weight, ((Tied)inner[2]).Scale);
        Assert.Same(((BatchNorm)sync[1]).Weight, ((Tied)sync[0]).Scale);
        Assert.IsType<GroupNorm>(sync[3]);
        Assert.False(sync[1].HasHooks);
        Assert.True(shared.HasHooks);
        Tensor x = Tensor.RandomNormal([6, 4], new Philox(2));
        Assert.Equal(network.Clone().Forward(new Tape(Mode.Train).Input(x)).ToArray<float>(),
            sync.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
        var back = (Sequential)SyncBatchNorm.ConvertBack(sync);
        Assert.Same(back[1], ((Sequential)back[2])[1]);
        Assert.IsType<BatchNormalization>(back[1]);
        Assert.Equal(0, calls);
    }

    [Fact]
    public void A_converted_layer_takes_the_masks_that_it_took()
    {
        Tensor x = Pass.Data([4, 5, 3], 1, DType.Float64), mask = Tensor.Ones([4, 5], DType.Float64);
        // All of the second member's share is left out, and some of the first's.
        mask.AsSpan<double>()[8..].Clear();
        var layer = new BatchNormalization(3, NormConvention.Flax);
        layer.To(DType.Float64);
        var sync = (SyncBatchNorm)SyncBatchNorm.ConvertFrom(layer);
        double[] expected = layer.Forward(new Tape(Mode.Train).Input(x), mask).ToArray<double>();
        SyncBatchNorm[] members = [sync, (SyncBatchNorm)sync.Clone()];
        double[][] halves = new double[2][];
        using var group = new InProcessCollective(2);
        group.Run(member => halves[member.Rank] = members[member.Rank].Forward(
            new Tape(Mode.Train) { Collective = member }.Input(x.Slice(0, member.Rank * 2, 2)),
            mask.Slice(0, member.Rank * 2, 2)).ToArray<double>());
        Pass.AssertClose(expected, [.. halves[0], .. halves[1]], Tolerance, "y");
        Pass.AssertClose(layer.Running!.Variance.Value.ToArray<double>(),
            members[1].Running!.Variance.Value.ToArray<double>(), Tolerance, "running_var");
    }

    [Fact]
    public void A_field_that_admits_one_kind_of_norm_only_is_named()
    {
        string text = Assert.Throws<InvalidOperationException>(() => SyncBatchNorm.ConvertFrom(new Typed())).Message;
        Assert.Contains("Typed.Norm admits a BatchNorm2d only", text, StringComparison.Ordinal);
        Assert.Contains("Declare it with a type that admits both", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Channels_last_are_named_where_the_shape_is_wrong()
    {
        Module sync = SyncBatchNorm.ConvertFrom(new BatchNormalization(3, NormConvention.Keras));
        string text = Assert.Throws<ArgumentException>(() => sync.Forward(Tensor.Zeros([4, 3, 5]))).Message;
        Assert.Contains("SyncBatchNorm: expected 3 channels as dimension -1 (Keras), got (4, 3, 5)",
            text, StringComparison.Ordinal);
    }

    private static RenormLimits Open() => RenormLimits.Constant(3, 5);

    /// <summary>In double, with statistics and parameters that have moved.</summary>
    private static (BatchNorm Layer, Tensor X) Case(string name)
    {
        (Func<BatchNorm> make, int[] shape) = s_layers[name];
        BatchNorm layer = make();
        layer.To(DType.Float64);
        layer.Weight?.Value.CopyFrom(Pass.Data([layer.NumFeatures], 3, DType.Float64));
        layer.Bias?.Value.CopyFrom(Pass.Data([layer.NumFeatures], 4, DType.Float64));
        Tensor x = Pass.Data(shape, 1, DType.Float64) * 1.5 + 2.0;
        layer.Forward(new Tape(Mode.Train).Input(x * 0.5));
        return (layer, x);
    }

    private sealed class Tied : Module
    {
        public Tied(BatchNorm norm) => Scale = Register("scale", norm.Weight!);

        public Parameter Scale { get; }

        protected override Tensor ForwardCore(Tensor x) => x * Scale;
    }

    private sealed class Typed : Module
    {
        public Typed() => Norm = Register("norm", new BatchNorm2d(3));

        public BatchNorm2d Norm { get; }

        protected override Tensor ForwardCore(Tensor x) => Norm.Forward(x);
    }
}
