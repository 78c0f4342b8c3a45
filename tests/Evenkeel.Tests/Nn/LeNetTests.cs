using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class LeNetTests
{
    /// <summary>Thousands of Float32 roundings on either side, through layers that enlarge by about ten.</summary>
    private const double ThroughTheNet = 2e-3;

    // The budget of a steady step: tensor handles, nothing else.
    private const long MaxBytes = 8192;

    [Fact]
    public void The_numbers_of_parameters_are_the_lessons()
    {
        Assert.Equal(61_326, Count(LeNet.Color()));
        Assert.Equal(61_610, Count(LeNet.Color(norm: NormKind.BatchNorm)));
        Assert.Equal(61_706, Count(LeNet.Gray()));
        Assert.Equal(62_158, Count(LeNet.Gray(norm: NormKind.BatchNorm)));
        Assert.Equal(61_326 + (85 * 3), Count(LeNet.Color(classes: 5)));
        Assert.Equal(100 * 256 * 256, Count(new DeepMLP()));
    }

    [Theory]
    [InlineData(16, 16, 0)]
    [InlineData(12, 37, 2)]
    [InlineData(64, 48, 0)]
    public void Images_of_any_size_give_scores(int height, int width, int padding)
    {
        var options = new LeNetOptions { Size = (height, width), Padding = padding, Norm = NormKind.LayerNorm };
        var model = new LeNet(options, new Philox(1));
        Assert.Equal([2, 2], model.Forward(Tensor.RandomNormal([2, 3, height, width], new Philox(2))).Shape);
        Exception other = Assert.Throws<ArgumentException>(() => model.Forward(Tensor.Zeros([2, 3, width + 1, width])));
        Assert.StartsWith($"LeNet: expected (N, 3, {height}, {width}), got ", other.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(15, 40, 0, "expected images of 16 or more pixels a side with a padding of 0, got (15, 40)")]
    [InlineData(40, 11, 2, "expected images of 12 or more pixels a side with a padding of 2, got (40, 11)")]
    public void Images_too_small_are_refused(int height, int width, int padding, string expected) => Assert.Contains(
        expected, Assert.Throws<ArgumentOutOfRangeException>(
            () => new LeNet(new LeNetOptions { Size = (height, width), Padding = padding })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Keys_are_those_of_the_courses_script()
    {
        Assert.Equal(
            [
                "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
                "bn1.num_batches_tracked", "conv2.weight", "conv2.bias", "bn2.weight", "bn2.bias", "bn2.running_mean",
                "bn2.running_var", "bn2.num_batches_tracked", "fc1.weight", "fc1.bias", "bn3.weight",
                "bn3.bias", "bn3.running_mean", "bn3.running_var", "bn3.num_batches_tracked",
                "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias",
            ],
            LeNet.Color(norm: NormKind.BatchNorm).StateDict().Keys);
        Assert.Equal(
            ["conv1.weight", "conv1.bias", "conv2.weight",
                "conv2.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"],
            LeNet.Gray(norm: NormKind.None).StateDict().Keys);
        Assert.Equal(
            ["linears.0.weight", "linears.1.weight", "bns.0.weight", "bns.0.bias", "bns.1.weight", "bns.1.bias"],
            new DeepMLP(3, 2, NormKind.BatchNorm).NamedParameters().Select(static parameter => parameter.Name));
        Assert.Equal(
            ["Conv2d", "BatchNorm2d", "Sigmoid", "AvgPool2d", "Conv2d", "BatchNorm2d", "Sigmoid", "AvgPool2d",
                "Flatten", "Linear", "BatchNorm1d", "Sigmoid", "Linear", "BatchNorm1d", "Sigmoid", "Linear"],
            LeNet.Gray(norm: NormKind.BatchNorm).Layers.Select(static layer => layer.GetType().Name));
    }

    [Fact]
    public void Images_of_the_right_size_give_scores()
    {
        Assert.Equal(new Shape(3, 2), LeNet.Color().Forward(Tensor.Zeros([3, 3, 32, 32])).Shape);
        Assert.Equal(new Shape(3, 10), LeNet.Gray().Forward(Tensor.Zeros([3, 1, 28, 28])).Shape);
        var tanh = new LeNet(new LeNetOptions
        {
            Channels = 1,
            Activation = Nonlinearity.Tanh,
            Pooling = LeNetPooling.Average,
            Classes = 4,
        });
        Assert.Equal(new Shape(1, 4), tanh.Forward(Tensor.Zeros([1, 1, 32, 32])).Shape);
        Assert.StartsWith(
            "LeNet: expected (N, 3, 32, 32), got (3, 1, 28, 28).",
            Assert.Throws<ArgumentException>(() => LeNet.Color().Forward(Tensor.Zeros([3, 1, 28, 28]))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "LeNet: expected ReLU, Sigmoid or Tanh",
            Assert.Throws<ArgumentOutOfRangeException>(
                () => new LeNet(new LeNetOptions { Activation = Nonlinearity.SELU })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => LeNet.Color(classes: 0));
        Assert.StartsWith("DeepMLP: expected 1 or more layers, got 0.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new DeepMLP(depth: 0)).Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// From torch 1.13.1: torch.manual_seed(1), the course's LeNet_bn(2), then its initialize_weights; first
    /// and last values of conv1, conv2, fc1, fc3 before and after; then the scores of x = arange(2·3·32·32)·7
    /// mod 11 / 11 in train mode.
    /// </summary>
    [Fact]
    public void A_seed_gives_the_weights_of_the_courses_script()
    {
        var random = new TorchGenerator(1);
        LeNet net = LeNet.Color(norm: NormKind.BatchNorm, random: random);
        Close.To(GoldenMade, Ends(net), NormalTolerance);
        net.InitializeWeights(random, linearStd: 1);
        Close.To(GoldenInitialized, Ends(net), NormalTolerance);
        Assert.All(net.NamedParameters().Where(static p => p.Name.EndsWith("bias", StringComparison.Ordinal)),
            static p => Assert.All(p.Parameter.Value.ToArray<float>(), static value => Assert.Equal(0, value)));
        Tensor x = Tensor.Zeros([2, 3, 32, 32]);
        for (int i = 0; i < x.Count; i++) x.AsSpan<float>()[i] = (i * 7 % 11) / 11f;
        double[] scores = NaiveOps.Doubles(net.Forward(new Tape().Input(x)));

        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(GoldenScores[i], scores[i], Math.Abs(GoldenScores[i]) * ThroughTheNet);

        // D5: xavier_uniform on conv1 draws within ±sqrt(6 / (25 + 150)).
        LeNet gray = LeNet.Gray();
        float bias = ((Conv2d)gray.Layers[0]).Bias!.Value.AsSpan<float>()[0];
        gray.InitializeXavierUniform(new TorchGenerator(2));
        Assert.All(((Conv2d)gray.Layers[0]).Weight.Value.ToArray<float>(),
            value => Assert.InRange(value, -Math.Sqrt(6.0 / 175), Math.Sqrt(6.0 / 175)));
        Assert.Equal(bias, ((Conv2d)gray.Layers[0]).Bias!.Value.AsSpan<float>()[0]);
    }

    [Fact]
    public void Any_norm_fits()
    {
        foreach (LeNet model in new[] { LeNet.Color(norm: NormKind.LayerNorm, random: new Philox(1)),
            LeNet.Gray(classes: 2, NormKind.LayerNorm, new Philox(1)), })
        {
            int side = 32 - (2 * model.Options.Padding);
            Assert.Equal(new Shape(6, 28, 28), Assert.IsType<LayerNorm>(model.Children["bn1"]).NormalizedShape);
            Assert.Equal(new Shape(16, 10, 10), Assert.IsType<LayerNorm>(model.Children["bn2"]).NormalizedShape);
            var tape = new Tape(Mode.Train);
            model.Forward(tape.Input(Init.Normal().Create([3, model.Options.Channels, side, side], new Philox(2))))
                .CrossEntropy(Tensor.Labels(0, 1, 1))
                .Backward();
            Assert.All(model.Parameters(),
                parameter => Assert.Contains(parameter.Gradient!.ToArray<float>(), static value => value != 0));
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void A_steady_step_allocates_next_to_nothing(bool gray, bool norm)
    {
        Action step = Step(gray, norm, batch: 8, out _);
        for (int i = 0; i < 5; i++) step();
        Assert.InRange(Allocations.Of(step), 0, MaxBytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Training_has_the_same_bits_for_any_number_of_threads(bool gray)
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        string? expected = null;
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            Action step = Step(gray, norm: true, batch: 19, out LeNet net);
            for (int i = 0; i < 3; i++) step();
            string bits = string.Join(' ', net.StateDict().Select(static entry => $"{entry.Key}:"
                + $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(entry.Value.Bytes()))}"));
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }

    [Fact]
    public void Gradients_of_a_whole_network_are_those_of_differences()
    {
        // tanh and means: smooth everywhere, so that differences see no corners. Few classes, one image
        // more than a batch norm needs.
        var net = new LeNet(
            new LeNetOptions
            {
                Channels = 1,
                Classes = 2,
                Padding = 2,
                Activation = Nonlinearity.Tanh,
                Pooling = LeNetPooling.Average,
                Norm = NormKind.BatchNorm,
            },
            new Philox(3));
        net.To(DType.Float64);
        Tensor x = Tensor.RandomNormal([3, 1, 28, 28], new Philox(1), DType.Float64), labels = Tensor.Labels([0, 1, 0]);
        Parameter[] few = [.. net.Parameters().Where(static parameter => parameter.Shape.Count <= 150)];
        GradientCheckResult result = GradientCheck.Parameters(
            tape => net.Forward(tape.Input(x)).CrossEntropy(labels), few);
        Assert.True(result.Passed, result.ToString());
    }

    private static double NormalTolerance => 1e-6;

    private static double[] GoldenMade =>
    [
        0.0594974682, -0.102063514, -0.0404952951, 0.00273407251, 0.0114130853, 0.0451744013, -0.0566425584,
        -0.0939809978,
    ];

    private static double[] GoldenInitialized =>
        [-0.0256625507, 0.133119851, -0.0190025847, 0.0294498689, 0.551173091, -0.25925833, -0.946192622, 0.573988259];

    private static double[] GoldenScores => [-12.6943874, 27.5051308, 65.0801086, -23.2079849];

    private static int Count(Module module) => module.Parameters().Sum(static parameter => parameter.Shape.Count);

    private static Tensor Ends(LeNet net) => Tensor.From([.. new[] { "conv1", "conv2", "fc1", "fc3" }.SelectMany(name =>
    {
        Tensor weight = net.StateDict()[$"{name}.weight"];
        return new[] { weight.AsSpan<float>()[0], weight.AsSpan<float>()[^1] };
    })]);

    private static Action Step(bool gray, bool norm, int batch, out LeNet net)
    {
        var random = new Philox(1);
        NormKind kind = norm ? NormKind.BatchNorm : NormKind.None;
        LeNet model = net = gray ? LeNet.Gray(norm: kind, random: random) : LeNet.Color(norm: kind, random: random);
        var optimizer = new SGD(model.Parameters(), 0.1, momentum: 0.9);
        var tape = new Tape();
        Tensor x = Tensor.RandomNormal(gray ? [batch, 1, 28, 28] : [batch, 3, 32, 32], random);
        Tensor labels = Tensor.Labels([.. Enumerable.Range(0, batch).Select(static i => i % 2)]);
        return () =>
        {
            tape.Reset();
            Tensor loss = model.Forward(tape.Input(x)).CrossEntropy(labels);
            optimizer.ZeroGrad();
            loss.Backward();
            optimizer.Step();
        };
    }
}
