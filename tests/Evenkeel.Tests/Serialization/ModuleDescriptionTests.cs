using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Tests.Nn;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class ModuleDescriptionTests
{
    private static readonly NormConvention s_own = NormConvention.Flax with
    {
        Name = "Mine",
        Eps = 0.1,
        ChannelAxis = 1,
        Ranks = RankRule.Of(3),
        SingleValue = SingleValue.Error,
        Average = RunningAverage.Keep(0.75) with { InitialVariance = 0 },
        GroupNormGroups = null,
        RMSNormEps = null,
    };

    /// <summary>
    /// Networks with the shape of a batch for them: each type at its defaults, and with its arguments at other values.
    /// </summary>
    private static readonly (Func<Module> Make, int[] Batch)[] s_examples =
    [
        (() => new Linear(3, 2), [4, 3]),
        (() => new Linear(3, 2, bias: false) { WeightStandardization = new() }, [4, 3]),
        (() => new Linear(3, 2) { WeightStandardization = new(0.25) }, [4, 3]),
        (() => new Conv1d(2, 4, 3), [2, 2, 9]),
        (() => new Conv1d(2, 4, 3, 2, 1, 2, 2, bias: false) { WeightStandardization = new() }, [2, 2, 9]),
        (() => new Conv2d(2, 4, 3), [2, 2, 7, 7]),
        (() => new Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, bias: false), [2, 2, 7, 7]),
        (() => new Conv2d(2, 4, 3, padding: Padding.Same) { WeightStandardization = new() }, [2, 2, 7, 7]),
        .. ConvolutionCases.All.Select(static one => ((Func<Module>)one.Value.Create, one.Value.Input)),
        (() => new BatchNorm1d(3), [4, 3]),
        (() => new BatchNorm1d(3, 0.1, null, affine: false, trackRunningStats: false), [4, 3]),
        (() => new BatchNorm1d(3, RunningAverage.Keep(0.9) with { InitialVariance = 0.5 }, 0.01, affine: false),
            [4, 3]),
        (() => new BatchNorm1d(3, NormConvention.Keras, useScale: false), [4, 3]),
        (() => new BatchNorm2d(3, 1e-3, 0.01), [2, 3, 4, 4]),
        (() => new BatchNorm2d(3, RunningAverage.Cumulative), [2, 3, 4, 4]),
        (() => new BatchNorm2d(4, NormConvention.Flax, useBias: false, trackRunningStats: false), [2, 3, 4, 4]),
        (() => new BatchNorm3d(3), [2, 3, 2, 2, 2]),
        (() => new BatchNorm3d(3, RunningAverage.Keep(0.5) with { Estimator = VarianceEstimator.Biased }),
            [2, 3, 2, 2, 2]),
        (() => new BatchNorm3d(3, NormConvention.Torch with { Eps = 0.5 }, useBias: false), [2, 3, 2, 2, 2]),
        (() => new BatchNormalization(3, NormConvention.Keras), [4, 2, 3]),
        (() => new BatchNormalization(3, s_own, useScale: false, useBias: false, trackRunningStats: false), [4, 3, 2]),
        (() => new BatchNormalization(3, NormConvention.Onnx), [4, 3]),
        (() => new GhostBatchNorm1d(3, 2), [4, 3]),
        (() => new GhostBatchNorm2d(3, 2, 0.1, 0.5, affine: false, trackRunningStats: false), [4, 3, 2, 2]),
        (() => new GhostBatchNorm3d(3, 2, RunningAverage.Keep(0.5) with { InitialMean = 0.25 }), [4, 3, 2, 2, 2]),
        (() => new BatchRenorm1d(3), [4, 3]),
        (() => new BatchRenorm2d(3, 0.1, null, affine: false, RenormLimits.Constant(2, 0.5)), [4, 3, 2, 2]),
        (() => new BatchRenorm3d(3, RunningAverage.Keep(0.5) with { InitialVariance = 2 },
            limits: RenormLimits.Paper with { PlainBatches = 1, RReachedAt = 4, DReachedAt = 5 }), [4, 3, 2, 2, 2]),
        (() => new SyncBatchNorm(3, 0.1, 0.5), [4, 3, 2]),
        (() => new SyncBatchNorm(3, RunningAverage.Keep(0.5) with { InitialVariance = 2 }, affine: false), [4, 3]),
        (() => SyncBatchNorm.ConvertFrom(new BatchNorm2d(3, 0.1, 0.5)), [4, 3, 2, 2]),
        (() => SyncBatchNorm.ConvertFrom(new BatchRenorm1d(3, momentum: 0.1)), [4, 3]),
        (() => SyncBatchNorm.ConvertFrom(new BatchNormalization(3, NormConvention.Keras)), [4, 2, 3]),
        (() => new InstanceNorm1d(3), [2, 3, 5]),
        (() => new InstanceNorm2d(3, 0.1, 0.5, affine: true, trackRunningStats: true), [2, 3, 5, 5]),
        (() => new InstanceNorm3d(3, momentum: null, trackRunningStats: true), [2, 3, 2, 2, 2]),
        (() => new LayerNorm(3), [4, 3]),
        (() => new LayerNorm([2, 3], 0.1, elementwiseAffine: true, bias: false), [4, 2, 3]),
        (() => new LayerNorm([2, 3], elementwiseAffine: false), [4, 2, 3]),
        (() => new RMSNorm(3), [4, 3]),
        (() => new RMSNorm([2, 3], 0.1, elementwiseAffine: false), [4, 2, 3]),
        (() => new GroupNorm(2, 4), [2, 4, 3]),
        (() => new GroupNorm(2, 4, 0.1, affine: false, channelAxis: -1), [2, 3, 4]),
        (() => new Linear(3, 2).AddWeightNorm(), [4, 3]),
        (() => new Conv2d(2, 4, 3).AddWeightNorm(dim: null), [2, 2, 7, 7]),
        (() => new Conv1d(2, 4, 3).AddSpectralNorm(2, 1e-6, dim: 1), [2, 2, 9]),
        (() => new LpNormalization(), [2, 4, 3]),
        (() => new LpNormalization(double.PositiveInfinity, -1, 0.5), [2, 4, 3]),
        (() => new UnitNormalization(), [2, 4]),
        (() => new UnitNormalization(1, -1), [2, 4, 3]),
        (() => new FilterResponseNorm(4), [2, 4, 3]),
        (() => new FilterResponseNorm(4, 0.5, applyAct: false), [2, 4, 3]),
        (() => new DynamicTanh([3]), [2, 4, 3]),
        (() => new DynamicTanh([4], channelsLast: false, 0.25), [2, 4, 3]),
        (() => new DynamicErf([4, 3]), [2, 4, 3]),
        (() => new DynamicErf([4], channelsLast: false, 0.25, 0.125), [2, 4, 3]),
        (() => new ConditionalBatchNorm(4, 3), [2, 4, 3]),
        (() => new ConditionalBatchNorm(4, 3, 0.5, null, trackRunningStats: false), [2, 4, 3]),
        (() => new LocalResponseNorm(3), [2, 4, 3]),
        (() => new LocalResponseNorm(3, 0.1, 0.5, 2), [2, 4, 3]),
        (() => new ReLU(), [2, 4]),
        (() => new LeakyReLU(), [2, 4]),
        (() => new LeakyReLU(0.5), [2, 4]),
        (() => new GELU(), [2, 4]),
        (() => new GELU(approximate: true), [2, 4]),
        (() => new ReLU6(), [2, 4]),
        (() => new Hardtanh(), [2, 4]),
        (() => new Hardtanh(-0.5, 0.25), [2, 4]),
        (() => new Hardswish(), [2, 4]),
        (() => new Hardsigmoid(), [2, 4]),
        (() => new SiLU(), [2, 4]),
        (() => new ELU(), [2, 4]),
        (() => new ELU(0.5), [2, 4]),
        (() => new SELU(), [2, 4]),
        (() => new CELU(), [2, 4]),
        (() => new CELU(0.5), [2, 4]),
        (() => new PReLU(), [2, 4]),
        (() => new PReLU(4, 0.5), [2, 4]),
        (() => new Softplus(), [2, 4]),
        (() => new Softplus(2, 0.5), [2, 4]),
        (() => new Softsign(), [2, 4]),
        (() => new Mish(), [2, 4]),
        (() => new GLU(), [2, 4]),
        (() => new GLU(1), [2, 4, 3]),
        (() => new LogSigmoid(), [2, 4]),
        (() => new Sigmoid(), [2, 4]),
        (() => new Tanh(), [2, 4]),
        (() => new Softmax(), [2, 4]),
        (() => new Softmax(0), [2, 4]),
        (() => new LogSoftmax(), [2, 4]),
        (() => new LogSoftmax(0), [2, 4]),
        (() => new MaxPool1d(2), [2, 3, 8]),
        (() => new MaxPool1d(3, 2, 1, 2, ceilMode: true), [2, 3, 8]),
        (() => new MaxPool2d(2), [2, 3, 8, 8]),
        (() => new MaxPool2d((3, 2), (2, 3), (1, 1), (2, 1), ceilMode: true), [2, 3, 8, 8]),
        (() => new MaxPool2d(3, 2, Padding.Sides(0, 1, 2, 1)), [2, 3, 8, 8]),
        (() => new MaxPool3d(2), [2, 3, 4, 5, 6]),
        (() => new MaxPool3d((3, 2, 1), (2, 3, 1), (1, 1, 0), (1, 2, 1), ceilMode: true), [2, 3, 4, 5, 6]),
        (() => new AvgPool1d(2), [2, 3, 8]),
        (() => new AvgPool1d(2, 1, Padding.Same, dilation: 2), [2, 3, 8]),
        (() => new AvgPool1d(3, 2, 1, ceilMode: true, countIncludePad: false), [2, 3, 8]),
        (() => new AvgPool2d(2), [2, 3, 8, 8]),
        (() => new AvgPool2d((3, 2), 2, (1, 0), ceilMode: true, countIncludePad: false, divisorOverride: 5),
            [2, 3, 8, 8]),
        (() => new AvgPool2d(2, dilation: (2, 1)), [2, 3, 8, 8]),
        (() => new AvgPool3d(2), [2, 3, 4, 5, 6]),
        (() => new AvgPool3d((3, 2, 1), 2, Padding.Sides(1, 0, 0, 1, 1, 2), true, false, 5, 2), [2, 3, 4, 5, 6]),
        (() => new AdaptiveAvgPool1d(3), [2, 3, 8]),
        (() => new AdaptiveAvgPool2d(2), [2, 3, 8, 8]),
        (() => new AdaptiveAvgPool2d((3, null)), [2, 3, 8, 8]),
        (() => new AdaptiveAvgPool3d(2), [2, 3, 4, 5, 6]),
        (() => new AdaptiveAvgPool3d((3, null, 2)), [2, 3, 4, 5, 6]),
        (() => new AdaptiveMaxPool1d(3), [2, 3, 8]),
        (() => new AdaptiveMaxPool2d(2), [2, 3, 8, 8]),
        (() => new AdaptiveMaxPool2d((null, 3)), [2, 3, 8, 8]),
        (() => new AdaptiveMaxPool3d(2), [2, 3, 4, 5, 6]),
        (() => new AdaptiveMaxPool3d((3, 2, 4)), [2, 3, 4, 5, 6]),
        (() => new Dropout(), [2, 4]),
        (() => new Dropout(0.25), [2, 4]),
        (() => new Dropout2d(), [2, 4, 3]),
        (() => new Dropout2d(0.25), [2, 4, 3]),
        (() => new Flatten(), [2, 4, 3]),
        (() => new Flatten(0, 1), [2, 4, 3]),
        (() => new Unflatten(1, 2, -1), [2, 4]),
        (() => new Upsample((3, 5)), [2, 4, 3, 3]),
        (() => new Upsample(scaleFactor: 2, mode: UpsampleMode.Bilinear, alignCorners: true), [2, 4, 3, 3]),
        (() => new Upsample(scaleFactor: (1.5, 0.5), mode: UpsampleMode.Bilinear), [2, 4, 3, 3]),
        (() => new ZeroPad2d(1), [2, 4, 3, 3]),
        (() => new ZeroPad2d(1, 0, -1, 2), [2, 4, 3, 3]),
        (() => new PixelShuffle(2), [2, 4, 3, 3]),
        (() => new Embedding(7, 3), [2, 4]),
        (() => new Embedding(7, 3, paddingIdx: -1), [2, 4]),
        (() => new Identity(), [2, 4]),
        (() => new Sequential(), [2, 4]),
        (Named, [2, 4]),
        (() => new FullyConnected(4, [3, 2], 2), [4, 4]),
        (() => new FullyConnected(4, [3], 2, NormKind.BatchNorm.With(eps: 0.1, momentum: 0.5), 0.25), [4, 4]),
        (() => new FullyConnected(4, [], 2, NormKind.None), [4, 2, 2]),
        (() => new DeepMLP(4, 3, NormKind.GroupNorm(2).With(eps: 0.1)), [2, 4]),
        (() => new DeepMLP(4, 2), [2, 4]),
        (() => new LeNet(new LeNetOptions()), [2, 3, 32, 32]),
        (() => LeNet.Gray(norm: NormKind.LayerNorm), [2, 1, 28, 28]),
        (() => new LeNet(new LeNetOptions { Size = (20, 16), Activation = Nonlinearity.Tanh }), [2, 3, 20, 16]),
        (() => new ResNet(new ResNetOptions { Side = 8, Blocks = 1, Width = 2 }), [2, 3, 8, 8]),
        (() => new ResNet(new ResNetOptions
            { Channels = 1, Classes = 2, Side = 7, Blocks = 2, Width = 4, Norm = NormKind.InstanceNorm }),
            [2, 1, 7, 7]),
        (() => new BasicBlock(2, 2, 4), [2, 2, 4, 4]),
        (() => new BasicBlock(2, 4, 5, 2, NormKind.RMSNorm), [2, 2, 5, 5]),
        (() => new ImageNetResNet(new ImageNetResNetOptions { Side = 32, Classes = 2 }), [2, 3, 32, 32]),
    ];

    public static TheoryData<int> Examples => [.. Enumerable.Range(0, s_examples.Length)];

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_network_of_its_description_has_its_keys_and_with_its_weights_its_outputs_to_the_bit(int example)
    {
        (Func<Module> make, int[] batch) = s_examples[example];
        Module model = make();
        Tensor x = model is Embedding
            ? Tensor.From([.. Enumerable.Range(0, 8).Select(i => (long)(i % 7))], new Shape(batch))
            : Tensor.RandomNormal(new Shape(batch), new Philox(1));
        // Running statistics and weights of their own.
        model.Initialize(Init.XavierNormal, seed: 7);
        for (int i = 0; i < 3; i++) Run(model, x, Mode.Train);
        string json = model.ToJson();
        Module made = ModuleDescription.FromJson(json, new Philox(2));
        Assert.Equal(json, made.ToJson());
        Assert.Equal(model.ToString(), made.ToString());
        Assert.Equal(model.StateDict().Select(static entry => (entry.Key, entry.Value.Shape)),
            made.StateDict().Select(static entry => (entry.Key, entry.Value.Shape)));
        made.LoadStateDict(model.StateDict());
        Assert.Equal(Run(model, x, Mode.Eval), Run(made, x, Mode.Eval));
        Assert.Equal(Run(model, x, Mode.Train), Run(made, x, Mode.Train));
        Assert.Equal(Run(model, x, Mode.Eval), Run(made, x, Mode.Eval));
    }

    [Fact]
    public void Every_layer_of_the_library_is_in_the_table_and_in_the_examples()
    {
        string[] layers = [.. typeof(Module).Assembly.GetExportedTypes()
            .Where(static type => type.IsSubclassOf(typeof(Module)) && type.IsSealed)
            .Select(static type => type.Name).Order(StringComparer.Ordinal)];
        Assert.True(layers.Length > 40);
        Assert.Equal(layers, LayerTable.Names);
        Assert.Equal(layers, s_examples.Select(static example => example.Make().GetType().Name)
            .Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_stream_gives_the_start_values_of_the_constructors()
    {
        Same(LeNet.Color(random: new Philox(3)), ModuleDescription.FromJson("""{"type": "LeNet"}""", new Philox(3)));
        var shared = new Philox(3);
        Same(new Sequential(new Linear(4, 3, random: shared), new ReLU(), new Linear(3, 2, random: shared)),
            ModuleDescription.FromJson(
                """
                {"layers": [ // As in code.
                  {"type": "Linear", "inFeatures": 4, "outFeatures": 3},
                  {"type": "ReLU"},
                  {"type": "Linear", "inFeatures": 3, "outFeatures": 2},
                ]}
                """,
                new Philox(3)));
        Same(ModuleDescription.FromJson("""[{"type": "Linear", "inFeatures": 4, "outFeatures": 3}]""", new Philox(3)),
            new Sequential(new Linear(4, 3, random: new Philox(3))));
    }

    [Fact]
    public void A_model_as_layers_is_the_same_network()
    {
        (Module Model, Func<IRandomStream, Module> Make)[] models =
        [
            (LeNet.Gray(norm: NormKind.BatchNorm), random => LeNet.Gray(norm: NormKind.BatchNorm, random: random)),
            (new ResNet(new ResNetOptions { Side = 8, Width = 2 }),
                random => new ResNet(new ResNetOptions { Side = 8, Width = 2 }, random)),
        ];
        foreach ((Module model, Func<IRandomStream, Module> make) in models)
        {
            string json = model.ToJson(asLayers: true);
            Module chain = ModuleDescription.FromJson(json, new Philox(5));
            Assert.IsType<Sequential>(chain);
            Same(make(new Philox(5)), chain);
        }

        var full = new FullyConnected(12, [4], 2);
        Module layers = ModuleDescription.FromJson(full.ToJson(asLayers: true));
        layers.LoadStateDict(full.StateDict());
        Tensor pictures = Tensor.RandomNormal([2, 3, 2, 2], new Philox(1));
        Assert.Equal(Run(full, pictures, Mode.Eval), Run(layers, pictures, Mode.Eval));
    }

    [Fact]
    public void Replaced_modules_are_described()
    {
        var model = new ResNet(new ResNetOptions { Side = 8, Width = 2, Blocks = 1 });
        Tensor x = Tensor.RandomNormal([4, 3, 8, 8], new Philox(1));
        Run(model, x, Mode.Train);
        var standardized = (ResNet)model.Clone();
        ((Conv2d)standardized.Children["conv1"]).WeightStandardization = new WeightStandardization(0.5);
        foreach (Module changed in new[] { model.Fold(x).Model, SyncBatchNorm.ConvertFrom(model), standardized })
        {
            Module made = ModuleDescription.FromJson(changed.ToJson());
            Assert.Equal(changed.ToString(), made.ToString());
            made.LoadStateDict(changed.StateDict());
            Assert.Equal(Run(changed, x, Mode.Eval), Run(made, x, Mode.Eval));
        }

        Assert.DoesNotContain("replaced", model.ToJson(), StringComparison.Ordinal);
        Assert.Contains("\"conv1\": {", standardized.ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_shared_module_stays_shared()
    {
        var linear = new Linear(3, 3);
        var model = new Sequential(linear, new Sequential(new ReLU(), linear));
        string json = model.ToJson();
        Assert.Contains("{ \"sameAs\": \"0\" }", json, StringComparison.Ordinal);
        var made = (Sequential)ModuleDescription.FromJson(json);
        Assert.Same(made[0], ((Sequential)made[1])[1]);
        Assert.Equal(json, made.ToJson());
    }

    [Fact]
    public void The_element_type_is_described()
    {
        var model = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        Assert.DoesNotContain("dtype", model.ToJson(), StringComparison.Ordinal);
        model.To(DType.Float64);
        Module made = ModuleDescription.FromJson(model.ToJson());
        Assert.All(made.Parameters(), static parameter => Assert.Equal(DType.Float64, parameter.DType));
    }

    [Fact]
    public void The_text_has_a_layer_per_line_and_no_defaults()
    {
        var model = new Sequential(new Conv2d(3, 6, 5), new BatchNorm2d(6), new Sequential(new ReLU()));
        Assert.Equal(
            """
            {
              "type": "Sequential",
              "layers": [
                { "type": "Conv2d", "inChannels": 3, "outChannels": 6, "kernelSize": 5 },
                { "type": "BatchNorm2d", "numFeatures": 6 },
                {
                  "type": "Sequential",
                  "layers": [
                    { "type": "ReLU" }
                  ]
                }
              ]
            }

            """,
            model.ToJson());
    }

    [Fact]
    public void A_module_of_ones_own_is_shown_and_refused_by_name()
    {
        string json = new Sequential(new ReLU(), new Own()).ToJson();
        Assert.Contains("\"type\": \"Own\"", json, StringComparison.Ordinal);
        Assert.Contains("\"opaque\": true", json, StringComparison.Ordinal);
        Assert.Contains("\"inFeatures\": 3", json, StringComparison.Ordinal);
        Assert.Contains("layers[1]: expected a layer of the library, got Own", Refused(json), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"layers": [{"type": "Lineer"}]}""",
        "layers[0]: expected the type of a layer, got Lineer. Did you mean Linear?")]
    [InlineData("""{"layers": [{"type": "ReLU"}, {"type": "Linear", "infeatures": 3, "outFeatures": 2}]}""",
        "layers[1]: Linear: expected the argument inFeatures, a whole number, got type, infeatures, outFeatures. "
        + "Is infeatures meant for it?")]
    [InlineData("""{"layers": [{"type": "Linear", "inFeatures": "3", "outFeatures": 2}]}""",
        "layers[0].inFeatures: Linear: expected a whole number, got \"3\".")]
    [InlineData("""{"layers": [{"type": "Linear", "inFeatures": 3, "outFeatures": 2, "biass": false}]}""",
        "layers[0]: Linear: expected the arguments inFeatures, outFeatures, bias, weightStandardization, got biass. "
        + "Did you mean bias?")]
    [InlineData("""{"layers": [{"type": "ReLU", "slope": 1}]}""", "layers[0]: ReLU: expected no arguments, got slope.")]
    [InlineData("""{"layers": [{"type": "Linear", "inFeatures": 0, "outFeatures": 2}]}""",
        "layers[0]: Linear: expected 1 or more input features, got 0.")]
    [InlineData("""{"layers": [{"type": "Sequential", "layers": [{"type": "MaxPool2d", "kernelSize": [1, 2, 3]}]}]}""",
        "layers[0].layers[0].kernelSize: MaxPool2d: expected a whole number, or [height, width], got [1, 2, 3].")]
    [InlineData("""{"layers": [{"inFeatures": 3}]}""",
        "layers[0]: expected \"type\", the layer's name, got inFeatures.")]
    [InlineData("""{"layers": {}}""", "layers: expected an array of layers, got {}.")]
    [InlineData("""{"layers": [3]}""", "layers[0]: expected an object with the type of a layer, got 3.")]
    [InlineData("""{"layers": [{"sameAs": "1"}]}""", "layers[0].sameAs: expected the name of a module further up")]
    [InlineData("""{"layers": [{"type": "ReLU", "name": "a.b"}]}""",
        "layers[0]: Sequential: expected a name without '.'")]
    [InlineData("""{"type": "LeNet", "norm": "BachNorm"}""",
        "norm: LeNet: expected None, BatchNorm, LayerNorm, RMSNorm, InstanceNorm, GroupNorm as the norm, got BachNorm. "
        + "Did you mean BatchNorm?")]
    [InlineData("""{"type": "LeNet", "norm": "GroupNorm"}""", "norm: LeNet: expected the groups of a GroupNorm")]
    [InlineData("""{"type": "LeNet", "norm": {"type": "LayerNorm", "momentum": 0.5}}""",
        "expected no momentum, got 0.5")]
    [InlineData("""{"type": "LeNet", "activation": "Relu"}""", "activation: LeNet: expected ")]
    [InlineData("""{"type": "LeNet", "replaced": {"conv9": {"type": "ReLU"}}}""",
        "replaced: expected names of modules of the LeNet, got \"conv9\". Did you mean conv1?")]
    [InlineData("""{"type": "BatchNorm1d", "numFeatures": 2, "convention": "Kears"}""",
        "convention: BatchNorm1d: expected PyTorch or Keras or Flax or ONNX, got Kears. Did you mean Keras?")]
    [InlineData("""{"type": "SyncBatchNorm", "convertedFrom": {"type": "ReLU"}}""",
        "convertedFrom: SyncBatchNorm: expected a batch norm")]
    [InlineData("""{"type": "ReLU", "dtype": "int"}""", "dtype: expected \"float32\" or \"float64\", got \"int\".")]
    [InlineData("""{"type": "ReLU", "init": "Kaiming"}""", "init: expected Default or ")]
    [InlineData("""{"type": "ReLU", "type": "ReLU"}""", "expected JSON")]
    [InlineData("{\n\"type\": ReLU}",
        "expected JSON, got something else. 'R' is an invalid start of a value. LineNumber: 1")]
    [InlineData("""{"type": "Unflatten", "dim": 1, "unflattenedSize": [1.5]}""",
        "unflattenedSize: Unflatten: expected a whole number, got 1.5.")]
    [InlineData("""{"type": "BatchNorm1d", "numFeatures": 2, "eps": null}""",
        "eps: BatchNorm1d: expected a number, got null.")]
    [InlineData("7", "expected an object with the type of a layer, got 7.")]
    public void An_error_names_the_place_and_what_was_meant(string json, string expected)
    {
        string message = Refused(json);
        Assert.StartsWith("ModuleDescription.FromJson: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", message, StringComparison.Ordinal);
    }

    private static string Refused(string json) =>
        Assert.Throws<InvalidDataException>(() => ModuleDescription.FromJson(json)).Message;

    private static void Same(Module expected, Module actual)
    {
        Assert.Equal(expected.StateDict().Keys, actual.StateDict().Keys);
        foreach ((string key, Tensor tensor) in expected.StateDict())
            Assert.Equal(Values(tensor), Values(actual.StateDict()[key]));
    }

    private static double[] Values(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static float[] Run(Module model, Tensor x, Mode mode)
    {
        Tensor input = new Tape(mode).Input(x);
        Tensor y = model is TwoInputModule two
            ? two.Forward(input, Tensor.Zeros([x.Shape[0]], DType.Int64))
            : model.Forward(input);
        return y.ToArray<float>();
    }

    private static Sequential Named()
    {
        var model = new Sequential();
        model.Add("first", new Linear(4, 3));
        model.Add(new ReLU());
        model.Add("a \"b\" ü", new Sequential(new Linear(3, 2)));
        return model;
    }

    private sealed class Own : Module
    {
        private readonly Linear _linear;

        public Own() => _linear = Register("linear", new Linear(3, 3));

        protected override Tensor ForwardCore(Tensor x) => _linear.Forward(x);
    }
}
