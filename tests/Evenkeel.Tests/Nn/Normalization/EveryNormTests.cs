using Evenkeel.Diagnostics;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Everything that treats norms otherwise than other layers, on every norm of the library: none is passed over.
/// </summary>
public sealed class EveryNormTests
{
    /// <summary>
    /// Every norm, over 4 channels of the rank it takes, with running statistics where it can have them.
    /// </summary>
    private static readonly Dictionary<Type, (Func<Module> Make, int[] Shape)> s_norms = new()
    {
        [typeof(BatchNorm1d)] = (static () => new BatchNorm1d(4), [6, 4]),
        [typeof(BatchNorm2d)] = (static () => new BatchNorm2d(4), [6, 4, 3, 3]),
        [typeof(BatchNorm3d)] = (static () => new BatchNorm3d(4), [6, 4, 2, 2, 2]),
        [typeof(BatchNormalization)] = (static () => new BatchNormalization(4, NormConvention.Keras), [6, 4]),
        [typeof(SyncBatchNorm)] = (static () => new SyncBatchNorm(4), [6, 4]),
        [typeof(GhostBatchNorm1d)] = (static () => new GhostBatchNorm1d(4, 3), [6, 4]),
        [typeof(GhostBatchNorm2d)] = (static () => new GhostBatchNorm2d(4, 3), [6, 4, 3, 3]),
        [typeof(GhostBatchNorm3d)] = (static () => new GhostBatchNorm3d(4, 3), [6, 4, 2, 2, 2]),
        [typeof(BatchRenorm1d)] = (static () => new BatchRenorm1d(4), [6, 4]),
        [typeof(BatchRenorm2d)] = (static () => new BatchRenorm2d(4), [6, 4, 3, 3]),
        [typeof(BatchRenorm3d)] = (static () => new BatchRenorm3d(4), [6, 4, 2, 2, 2]),
        [typeof(InstanceNorm1d)] =
            (static () => new InstanceNorm1d(4, affine: true, trackRunningStats: true), [6, 4, 5]),
        [typeof(InstanceNorm2d)] =
            (static () => new InstanceNorm2d(4, affine: true, trackRunningStats: true), [6, 4, 3, 3]),
        [typeof(InstanceNorm3d)] =
            (static () => new InstanceNorm3d(4, affine: true, trackRunningStats: true), [6, 4, 2, 2, 2]),
        [typeof(GroupNorm)] = (static () => new GroupNorm(2, 4), [6, 4]),
        [typeof(LayerNorm)] = (static () => new LayerNorm([4]), [6, 4]),
        [typeof(RMSNorm)] = (static () => new RMSNorm([4]), [6, 4]),
        [typeof(FilterResponseNorm)] = (static () => new FilterResponseNorm(4), [6, 4, 3]),
        [typeof(LpNormalization)] = (static () => new LpNormalization(), [6, 4]),
        [typeof(UnitNormalization)] = (static () => new UnitNormalization(), [6, 4]),
        [typeof(LocalResponseNorm)] = (static () => new LocalResponseNorm(3), [6, 4, 3]),
    };

    private static readonly HashSet<Type> s_others =
    [
        typeof(Conv3d), typeof(ConvTranspose1d), typeof(ConvTranspose2d), typeof(ConvTranspose3d),
        typeof(Linear), typeof(Conv1d), typeof(Conv2d), typeof(Sequential), typeof(Identity), typeof(Flatten),
        typeof(Unflatten), typeof(Dropout), typeof(Dropout2d), typeof(ReLU), typeof(LeakyReLU), typeof(GELU),
        typeof(Sigmoid), typeof(Tanh), typeof(Softmax), typeof(LogSoftmax),
        typeof(ReLU6), typeof(Hardtanh), typeof(Hardswish), typeof(Hardsigmoid), typeof(SiLU), typeof(ELU),
        typeof(SELU), typeof(CELU), typeof(PReLU), typeof(Softplus), typeof(Softsign), typeof(Mish), typeof(GLU),
        typeof(LogSigmoid), typeof(Upsample), typeof(ZeroPad2d), typeof(PixelShuffle), typeof(Embedding),
        typeof(MaxPool1d), typeof(MaxPool2d), typeof(MaxPool3d), typeof(AvgPool1d), typeof(AvgPool2d),
        typeof(AvgPool3d),
        typeof(AdaptiveAvgPool1d), typeof(AdaptiveAvgPool2d), typeof(AdaptiveAvgPool3d), typeof(AdaptiveMaxPool1d),
        typeof(AdaptiveMaxPool2d), typeof(AdaptiveMaxPool3d),
        typeof(FullyConnected), typeof(DeepMLP), typeof(LeNet), typeof(ResNet), typeof(ImageNetResNet),
        typeof(BasicBlock), typeof(DynamicTanh), typeof(DynamicErf), typeof(ConditionalBatchNorm), typeof(WeightNorm),
        typeof(SpectralNorm), typeof(SpectralNorm.SingularVectors),
    ];

    public static TheoryData<Type> Norms => [.. s_norms.Keys];

    /// <summary>The norms that keep statistics.</summary>
    public static TheoryData<Type> Tracking =>
        [.. s_norms.Keys.Where(static type => type.IsAssignableTo(typeof(ITrackingNorm)))];

    [Fact]
    public void Every_module_of_the_library_is_a_norm_or_is_none()
    {
        Type[] all = [.. typeof(Module).Assembly.GetTypes()
            .Where(static type => type.IsSubclassOf(typeof(Module)) && !type.IsAbstract)];
        string[] unknown = [.. all.Where(type => !s_norms.ContainsKey(type) && !s_others.Contains(type))
            .Select(static type => type.Name)];
        Assert.True(unknown.Length == 0, $"say here whether these are norms: {string.Join(", ", unknown)}");
        foreach (Type type in all) Assert.Equal(s_norms.ContainsKey(type), type.IsAssignableTo(typeof(INormalization)));
    }

    [Theory]
    [MemberData(nameof(Norms))]
    public void The_report_on_start_values_sees_a_norm_behind_a_weight(Type type)
    {
        InitReport report = new Sequential(new Linear(4, 4), s_norms[type].Make(), new ReLU()).InitReport();
        // Local response norm divides by 1 and a little: the scale stays the weight's.
        bool setsScale = type != typeof(LocalResponseNorm);
        Assert.Equal(setsScale ? "normalization" : "ReLU", report.Layers[0].Through);
        Assert.Equal(setsScale, report.Layers[0].Gain is null);
    }

    [Theory]
    [MemberData(nameof(Norms))]
    public void Folding_says_what_becomes_of_it(Type type)
    {
        (Func<Module> make, int[] shape) = s_norms[type];
        FoldResult result = new Sequential(
            make(), new ReLU()).Fold(Tensor.RandomNormal(new Shape(shape), new Philox(1)));
        FoldedLayer layer = Assert.Single(result.Layers);
        Assert.Equal((type.Name, FoldStatus.Kept), (layer.Type, layer.Status));
        Assert.NotEmpty(layer.Reason!);
    }

    [Theory]
    [MemberData(nameof(Norms))]
    public void A_copy_is_the_same(Type type)
    {
        (Func<Module> make, int[] shape) = s_norms[type];
        Module norm = make(), copy = norm.Clone();
        if (norm is ITrackingNorm tracking)
        {
            tracking.Freeze();
            copy = norm.Clone();
            Assert.Equal(NormState.Frozen, ((ITrackingNorm)copy).State);
        }

        Assert.Equal(norm.ToString(), copy.ToString());
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1));
        Assert.Equal(norm.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>(),
            copy.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
    }

    [Theory]
    [MemberData(nameof(Norms))]
    public void Start_values_are_its_own(Type type)
    {
        Module norm = s_norms[type].Make();
        string[] before = [.. norm.StateDict()
            .Select(static entry => string.Join(' ', entry.Value.To(DType.Float64).ToArray<double>()))];
        foreach ((_, Parameter parameter) in norm.NamedParameters()) parameter.Value.Fill(7);
        foreach ((_, StateBuffer buffer) in norm.NamedBuffers()) buffer.Value.Fill(7);
        norm.Initialize(Init.KaimingNormal, seed: 1);
        Assert.Equal(before,
            norm.StateDict().Select(static entry => string.Join(' ', entry.Value.To(DType.Float64).ToArray<double>())));
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Its_state_is_set_shown_saved_and_followed(Type type)
    {
        (Func<Module> make, int[] shape) = s_norms[type];
        var network = new Sequential(make());
        Assert.Equal(1, network.FreezeNorms());
        Assert.Contains("(frozen)", network.Summary(new Shape(shape)), StringComparison.Ordinal);
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        try
        {
            network.Save(path);
            var loaded = new Sequential(make());
            loaded.Load(path);
            Assert.Equal(NormState.Frozen, ((ITrackingNorm)loaded[0]).State);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Equal(1, network.FreezeNormStatistics());
        Assert.Contains("(statistics frozen)", network.Summary(new Shape(shape)), StringComparison.Ordinal);
        // Frozen statistics are used on every replica; a part of two samples would give others.
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1));
        using var replicas = new Replicas(network, 3);
        network.FreezeNormStatistics();
        double loss = replicas.Accumulate(x, Tensor.Zeros(new Shape(shape)), new MSELoss());
        double expected = network.Forward(x).ToArray<float>().Average(static y => (double)y * y);
        Assert.Equal(expected, loss, Tolerances.Float32Sums);
        Assert.Equal(1, network.UnfreezeNorms());
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Recalibration_reports_it(Type type)
    {
        (Func<Module> make, int[] shape) = s_norms[type];
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1));
        RecalibratedLayer layer = Assert.Single(new Sequential(make()).Recalibrate(x).Layers);
        Assert.Equal((type.Name, RecalibrationStatus.Recalibrated), (layer.Type, layer.Status));
    }

    [Fact]
    public void A_batch_norm_without_statistics_is_named_wherever_they_are_wanted()
    {
        Tensor x = Tensor.RandomNormal([6, 4], new Philox(1));
        foreach (BatchNorm norm in new BatchNorm[]
        {
            new BatchNorm1d(4, trackRunningStats: false),
            new BatchNormalization(4, NormConvention.Keras, trackRunningStats: false),
            new SyncBatchNorm(4, trackRunningStats: false), new GhostBatchNorm1d(4, 3, trackRunningStats: false),
        })
        {
            var network = new Sequential(new Linear(4, 4), norm);
            string named = $"1 ({norm.TypeName})";
            Assert.Contains(named,
                Assert.Throws<InvalidOperationException>(() => network.Predict(x)).Message, StringComparison.Ordinal);
            Assert.Contains(named, Assert.Throws<InvalidOperationException>(() => network.FreezeNorms()).Message,
                StringComparison.Ordinal);
            FoldedLayer folded = Assert.Single(network.Fold(x).Layers);
            Assert.Contains("it keeps no running statistics", folded.Reason, StringComparison.Ordinal);
            RecalibrationReport report = network.Recalibrate(x);
            RecalibratedLayer layer = Assert.Single(report.Layers);
            Assert.Equal(("1", RecalibrationStatus.NoStatistics), (layer.Name, layer.Status));
            Assert.Contains("keeps no statistics", report.ToString(), StringComparison.Ordinal);
        }
    }
}
