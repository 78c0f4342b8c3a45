using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ResNetTests
{
    // The budget of a steady step: tensor handles, nothing else, of the 30 ops of a net of three
    // blocks (LeNet's 16 have 8 KB).
    private const long MaxBytes = 30 * 512;

    private static readonly ResNetOptions s_tiny = new() { Channels = 1, Classes = 2, Side = 8, Blocks = 1, Width = 2 };

    [Fact]
    public void The_numbers_of_parameters_are_the_papers()
    {
        Assert.Equal(272_474, Count(new ResNet()));
        Assert.Equal(20, new ResNet().Depth);
        // "0.27M" and "0.46M" in the paper's table 6, which counts shortcuts without parameters: two of 16·32 and 32·64
        // weights and a norm each make the difference.
        Assert.Equal(269_722, Count(new ResNet()) - (16 * 32) - (2 * 32) - (32 * 64) - (2 * 64));
        Assert.Equal(0.46, Count(new ResNet(new ResNetOptions { Blocks = 5 })) / 1e6, 0.01);
        Assert.Equal(0.27, Count(new ResNet()) / 1e6, 0.01);
        // A bias in place of a gamma and a beta.
        Assert.Equal(272_474 - 784, Count(new ResNet(new ResNetOptions { Norm = NormKind.None })));
    }

    [Fact]
    public void Keys_are_Torchvisions()
    {
        static string[] Norm(string name) =>
        [
            $"{name}.weight", $"{name}.bias", $"{name}.running_mean", $"{name}.running_var",
            $"{name}.num_batches_tracked",
        ];
        string[] layer1 =
            ["layer1.0.conv1.weight", .. Norm("layer1.0.bn1"), "layer1.0.conv2.weight", .. Norm("layer1.0.bn2")];
        string[] layer2 =
        [
            "layer2.0.conv1.weight", .. Norm("layer2.0.bn1"), "layer2.0.conv2.weight", .. Norm("layer2.0.bn2"),
            "layer2.0.downsample.0.weight", .. Norm("layer2.0.downsample.1"),
        ];
        string[] layer3 = [.. layer2.Select(static key => key.Replace("layer2", "layer3", StringComparison.Ordinal))];
        Assert.Equal(["conv1.weight", .. Norm("bn1"), .. layer1, .. layer2, .. layer3, "fc.weight", "fc.bias"],
            new ResNet(s_tiny).StateDict().Keys);
        Assert.Equal(
            ["conv1.weight", "conv1.bias",
                "layer1.0.conv1.weight", "layer1.0.conv1.bias", "layer1.0.conv2.weight", "layer1.0.conv2.bias"],
            new ResNet(s_tiny with { Norm = NormKind.None }).StateDict().Keys.Take(6));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(7)]
    [InlineData(32)]
    public void Images_of_its_side_give_scores(int side)
    {
        ResNetOptions options = s_tiny with { Side = side, Classes = 5 };
        foreach (NormKind kind in (NormKind[])[NormKind.None, NormKind.BatchNorm, NormKind.LayerNorm])
        {
            var net = new ResNet(options with { Norm = kind }, new Philox(1));
            var tape = new Tape(Mode.Train);
            Tensor scores = net.Forward(tape.Input(Init.Normal().Create([3, 1, side, side], new Philox(2))));
            Assert.Equal(new Shape(3, 5), scores.Shape);
            scores.CrossEntropy(Tensor.Labels(0, 1, 4)).Backward();
            Assert.All(net.NamedParameters(), static entry => Assert.True(
                entry.Parameter.Gradient!.ToArray<float>().Any(static value => value != 0), entry.Name));
        }
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        Assert.StartsWith(
            "ResNet: expected (N, 1, 8, 8), got (3, 1, 16, 16).",
            Assert.Throws<ArgumentException>(() => new ResNet(s_tiny).Forward(Tensor.Zeros([3, 1, 16, 16]))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "ResNet: expected 1 or more blocks a stage, got 0.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ResNet(s_tiny with { Blocks = 0 })).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "ResNet: expected images of 1 or more pixels",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ResNet(s_tiny with { Side = 0 })).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "BasicBlock: expected a stride of 1 or more, got 0.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new BasicBlock(1, 1, 8, stride: 0)).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "BasicBlock: expected planes",
            Assert.Throws<ArgumentOutOfRangeException>(() => new BasicBlock(1, 1, 0)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>
    /// The whole block from its parts, each a module of its own; and the same bits where a hook
    /// keeps norm and ReLU apart.
    /// </summary>
    [Fact]
    public void A_block_is_its_formula()
    {
        var block = new BasicBlock(3, 4, side: 6, stride: 2, NormKind.BatchNorm, new Philox(1));
        Tensor x = Init.Normal().Create([5, 3, 6, 6], new Philox(2));
        IReadOnlyDictionary<string, Module> parts = block.Children;
        Tensor residual = parts["bn2"]
            .Forward(parts["conv2"].Forward(parts["bn1"].Forward(parts["conv1"].Forward(x)).ReLU()));
        Tensor expected = (residual + ((Sequential)parts["downsample"])[1]
            .Forward(((Sequential)parts["downsample"])[0].Forward(x))).ReLU();
        Assert.Equal(expected.ToArray<float>(), block.Forward(x).ToArray<float>());
        using (parts["relu"].AddForwardHook(static (_, _, _) => { }))
            Assert.Equal(expected.ToArray<float>(), block.Forward(x).ToArray<float>());

        var plain = new BasicBlock(3, 3, side: 6);
        Assert.DoesNotContain("downsample", plain.Children.Keys);
        Assert.Equal(
            ((parts = plain.Children)["conv2"].Forward(parts["conv1"].Forward(x).ReLU()) + x).ReLU().ToArray<float>(),
            plain.Forward(x).ToArray<float>());
    }

    [Fact]
    public void Start_values_are_Kaimings()
    {
        var net = new ResNet(random: new Philox(3));
        foreach ((string name, Parameter parameter) in
            net.NamedParameters().Where(static entry => entry.Parameter.Shape.Rank > 1))
        {
            double wanted = Math.Sqrt(2.0 / (parameter.Shape.Count / parameter.Shape[0]));
            // Six deviations of a sample deviation.
            Assert.True(
                Math.Abs((Math.Sqrt(parameter.Value.Variance().Item()) / wanted) - 1)
                < 6 / Math.Sqrt(2.0 * parameter.Shape.Count),
                name);
        }

        Assert.All(((Linear)net.Children["fc"]).Bias!.Value.ToArray<float>(), static value => Assert.Equal(0, value));
        Assert.Equal(new ResNet(s_tiny, new Philox(4)).StateDict()["layer3.0.conv1.weight"].ToArray<float>(),
            new ResNet(s_tiny, new Philox(4)).StateDict()["layer3.0.conv1.weight"].ToArray<float>());
    }

    [Fact]
    public void Gradients_of_a_whole_network_are_those_of_differences()
    {
        var net = new ResNet(s_tiny, new Philox(3));
        net.To(DType.Float64);
        Tensor x = Tensor.RandomNormal([3, 1, 8, 8], new Philox(1), DType.Float64), labels = Tensor.Labels([0, 1, 0]);
        GradientCheckResult result = GradientCheck.Parameters(
            tape => net.Forward(tape.Input(x)).CrossEntropy(labels), [.. net.Parameters()]);
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void A_steady_step_allocates_next_to_nothing()
    {
        Action step = Step(batch: 8, out _);
        for (int i = 0; i < 5; i++) step();
        Assert.InRange(Allocations.Of(step), 0, MaxBytes);
    }

    [Fact]
    public void Training_has_the_same_bits_for_any_number_of_threads()
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        string? expected = null;
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            Action step = Step(batch: 19, out ResNet net);
            for (int i = 0; i < 3; i++) step();
            string bits = string.Join(' ', net.StateDict().Select(static entry => $"{entry.Key}:"
                + $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(entry.Value.Bytes()))}"));
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }

    private static int Count(Module module) => module.Parameters().Sum(static parameter => parameter.Shape.Count);

    private static Action Step(int batch, out ResNet net)
    {
        var random = new Philox(1);
        ResNet model = net = new ResNet(new ResNetOptions { Side = 8, Blocks = 1, Width = 4 }, random);
        var optimizer = new SGD(model.Parameters(), 0.1, momentum: 0.9);
        var tape = new Tape();
        Tensor x = Tensor.RandomNormal([batch, 3, 8, 8], random),
            labels = Tensor.Labels([.. Enumerable.Range(0, batch).Select(static i => i % 10)]);
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
