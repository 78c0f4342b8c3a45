using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Diagnostics;

public sealed class InspectTests
{
    private const int Width = 256;

    [Fact]
    public void Nothing_is_left_behind()
    {
        var norm = new BatchNorm1d(6);
        var network = new Sequential(new Linear(4, 6, random: new Philox(1)),
            norm, new ReLU(), new Dropout(0.5), new Linear(6, 2, random: new Philox(2)));
        Parameter weight = network.Parameters()[0], frozen = network.Parameters()[^1];
        var tape = new Tape(Mode.Train);
        Tensor x = Tensor.RandomNormal([8, 4], new Philox(3));
        network.Forward(tape.Input(x)).Sum().Backward();
        frozen.RequiresGradient = false;
        float[] gradient = weight.Gradient!.ToArray<float>(), mean = norm.Running!.Mean.Value.ToArray<float>();
        Tensor bad = x.Clone();
        bad.AsSpan<float>()[0] = float.NaN;

        InspectionReport report = network.Inspect(x), again = network.Inspect(x), broken = network.Inspect(bad);
        Assert.Equal(report.ToString(), again.ToString());
        Assert.Equal(gradient, weight.Gradient!.ToArray<float>());
        Assert.True(weight.RequiresGradient);
        Assert.False(frozen.RequiresGradient);
        Assert.Equal(mean, norm.Running.Mean.Value.ToArray<float>());
        Assert.Equal(1, norm.Running.NumBatchesTracked.Value.Item());
        Assert.Equal(0, norm.Running.SkippedBatches);
        Assert.Equal(5, report.Layers.Count);
        Assert.All(report.Layers, static layer => Assert.NotNull(layer.Gradient));
        Assert.Contains(
            "0 (Linear) is the first layer whose output is not finite", broken.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => network.Inspect(Tensor.Zeros([8, 5])));
        Assert.True(weight.RequiresGradient);
    }

    [Fact]
    public void Twenty_layers_foretell_where_a_hundred_overflow()
    {
        // The lesson's network, N(0, 1), seed 1: PyTorch has its first NaN at layer 35.
        Linear[] linears = Linears(100, Init.Normal(), out Tensor x);
        InspectionReport prefix = Stack(linears[..20]).Inspect(x), whole = Stack(linears).Inspect(x);
        Assert.Equal(new RangeEnd(true, 35, null), prefix.ActivationEnd);
        Assert.Equal(35, whole.ActivationEnd!.Layer);
        Assert.Equal("70", whole.ActivationEnd.Name);
        Assert.True(whole.ActivationEnd.Happened);
        Assert.Null(whole.GradientEnd);
        Assert.InRange(prefix.ActivationFactor, 11, 11.6);
        Assert.Contains("float32 would overflow at about layer 35.", prefix.ToString(), StringComparison.Ordinal);
        Assert.Contains("use Init.KaimingNormal", prefix.ToString(), StringComparison.Ordinal);
        Assert.Contains("float32 overflows at layer 35 (70).", whole.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Twenty_layers_foretell_where_a_hundred_fade()
    {
        Linear[] linears = Linears(100, null, out Tensor x);
        InspectionReport prefix = Stack(linears[..20]).Inspect(x), whole = Stack(linears).Inspect(x);
        Assert.InRange(prefix.ActivationFactor, 0.38, 0.43);
        Assert.InRange(prefix.GradientFactor, 0.36, 0.46);
        Assert.False(
            prefix.ActivationEnd!.Overflows || prefix.ActivationEnd.Happened || whole.ActivationEnd!.Overflows);
        Assert.True(whole.ActivationEnd!.Happened);
        Assert.InRange(prefix.ActivationEnd.Layer, whole.ActivationEnd.Layer - 3, whole.ActivationEnd.Layer + 3);
        Assert.Contains(prefix.Advice,
            static advice => advice.Contains("std of activations falls to 0.4", StringComparison.Ordinal));
        Assert.Contains(
            prefix.Advice, static advice => advice.Contains("Gradients fall to 0.4", StringComparison.Ordinal));
    }

    [Fact]
    public void A_healthy_network_gets_no_advice()
    {
        InspectionReport kaiming = Stack(Linears(20, Init.KaimingNormal, out Tensor x)).Inspect(x);
        Assert.Empty(kaiming.Advice);
        Assert.Null(kaiming.ActivationEnd);
        Assert.Contains("They stay inside float32's range.", kaiming.ToString(), StringComparison.Ordinal);
        Assert.InRange(kaiming.ActivationFactor, 0.95, 1.05);
        Assert.Contains("0", kaiming.Layers[0].Name, StringComparison.Ordinal);
    }

    public static TheoryData<string> Healthy =>
    [
        "LeNet with batch norm", "LeNet with sigmoids and batch norm", "LeNet with group norm", "LeNet", "ResNet",
        "MLP with batch norm", "MLP with layer norm", "MLP", "deep MLP with a norm written by hand",
    ];

    [Theory]
    [MemberData(nameof(Healthy))]
    public void A_trained_network_without_a_fault_gets_no_advice(string kind)
    {
        (Module model, Shape sample) = Network(kind);
        (IDataset data, Tensor inputs) = Samples(sample);
        Train(model, data);
        InspectionReport report = model.Inspect(inputs);
        Assert.True(report.Advice.Count == 0, report.ToString());
        Assert.Null(report.ActivationEnd);
        Assert.Null(report.GradientEnd);
    }

    [Fact]
    public void Pooling_is_no_loss_of_the_networks_gradient()
    {
        // Averages over 2x2 halve the norm of the gradient; the norms after them give it back as
        // far as the std has fallen.
        var random = new Philox(1);
        var pooled = new Sequential();
        for (int i = 0; i < 5; i++)
        {
            pooled.Add(new Conv2d(8, 8, 3, padding: 1, bias: false, random: random));
            pooled.Add(new BatchNorm2d(8));
            pooled.Add(new ReLU());
            pooled.Add(new AvgPool2d(2));
        }

        pooled.Initialize(Init.KaimingNormal, random);
        InspectionReport report = pooled.Inspect(Tensor.RandomNormal([8, 8, 32, 32], random));
        Assert.InRange(report.GradientFactor, 0.9, 1.1);
        Assert.Empty(report.Advice);
    }

    public static TheoryData<string, string> Faulty => new()
    {
        { "small start values", "std of activations falls to" },
        { "small start values", "Gradients fall to" },
        { "large start values", "std of activations grows" },
        { "sigmoids without a norm", "Gradients fall to" },
        { "gammas near 0", "look for gammas near 0" },
        { "dead channels behind a norm",
            "its channels are 0 in every sample: check the biases before it (beta of a normalization layer)" },
        { "saturated behind a norm", "look at gamma and beta of the normalization layer before it" },
        { "deep batch norm without shortcuts", "Gradients grow" },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public void A_fault_is_still_told(string fault, string advice)
    {
        var random = new TorchGenerator(1);
        bool hasNorm = fault is "gammas near 0" or "dead channels behind a norm" or "saturated behind a norm"
            or "deep batch norm without shortcuts";
        var model = new Sequential();
        for (int i = 0; i < (fault == "deep batch norm without shortcuts" ? 60 : 6); i++)
        {
            model.Add(new Linear(Width, Width, bias: false, random));
            if (hasNorm) model.Add(new BatchNorm1d(Width));
            model.Add(fault is "sigmoids without a norm" or "saturated behind a norm" ? new Sigmoid() : new ReLU());
        }

        model.Add(new Linear(Width, 10, random: random));
        model.Initialize(
            fault switch
            {
                "small start values" => Init.Normal(0.01),
                "large start values" => Init.Normal(1),
                _ => Init.KaimingNormal,
            },
            random);
        foreach (BatchNorm1d norm in model.OfType<BatchNorm1d>())
        {
            if (fault == "gammas near 0") norm.Weight!.Value.Fill(0.05);
            if (fault == "dead channels behind a norm") norm.Bias!.Value.Fill(-8);
            if (fault == "saturated behind a norm") norm.Weight!.Value.Fill(20);
        }

        // With gamma 0.05 the next norm takes the scale back, and the gradient grows as it fell:
        // only a bias keeps the fall.
        if (fault == "gammas near 0") model = WithResidualScale(random);
        InspectionReport report = model.Inspect(Tensor.RandomNormal([32, Width], random));
        Assert.True(report.Advice.Any(text => text.Contains(advice, StringComparison.Ordinal)), report.ToString());
    }

    [Fact]
    public void Saturated_and_dead_layers_are_named()
    {
        var random = new TorchGenerator(1);
        var saturated = new Sequential(new Linear(Width, Width, random: random), new Tanh());
        saturated.Initialize(Init.Normal(), random);
        Tensor x = Tensor.RandomNormal([16, Width], random);
        Assert.Contains(saturated.Inspect(x).Advice,
            static advice => advice.Contains("of 1 (Tanh) are saturated", StringComparison.Ordinal));
        var dead = new Linear(Width, Width, random: random);
        dead.Bias!.Value.Fill(-100);
        Assert.Contains(new Sequential(dead, new ReLU()).Inspect(x).Advice,
            static advice => advice.Contains("100.0% of the outputs of 1 (ReLU) are 0", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Images_and_convolutions_are_looked_through_too(bool norm)
    {
        var network = LeNet.Color(norm: norm ? NormKind.BatchNorm : null, random: new TorchGenerator(1));
        InspectionReport report = network.Inspect(Tensor.RandomNormal([4, 3, 32, 32], new Philox(1)));
        Assert.Equal(5, report.Layers.Count(static layer => layer.HasWeight));
        Assert.All(report.Layers,
            static layer => Assert.True(layer.Activation.Std > 0 && layer.Gradient?.Std > 0, layer.Name));
        Assert.Equal(new Shape(4, 6, 28, 28), report.Layers[0].Shape);
        Assert.Equal((75, 150, "U(±0.1155)"), (network.InitReport().Layers[0].FanIn,
            network.InitReport().Layers[0].FanOut, network.InitReport().Layers[0].Distribution));
    }

    [Fact]
    public void Scores_after_sigmoids_are_no_growth()
    {
        // The scores have not been through a sigmoid: taken for a step like the others, they foretold an overflow,
        // where every value lies between 0 and 1.
        InspectionReport report = LeNet.Gray(random: new Philox(1))
            .Inspect(Tensor.RandomNormal([4, 1, 28, 28], new Philox(2)));
        double[] std = [.. report.Layers.Where(static layer => layer.Name is "pool1" or "act4")
            .Select(static layer => layer.Activation.Std)];
        Assert.Equal(Math.Pow(std[1] / std[0], 1.0 / 3), report.ActivationFactor, Tolerances.Float64Roundoff);
        Assert.Null(report.ActivationEnd);
        // A sigmoid's slope is 1/4 at most.
        Assert.InRange(report.GradientFactor, 0.05, 0.25);
        var growing = new Sequential(new Linear(50, 50), new Tanh(), new Linear(50, 50), new Tanh());
        Init.Normal(0.001).Fill(((Linear)growing[0]).Weight.Value, new Philox(3));
        Init.Normal(0.3).Fill(((Linear)growing[2]).Weight.Value, new Philox(5));
        report = growing.Inspect(Tensor.RandomNormal([8, 50], new Philox(4)));
        Assert.True(report.ActivationFactor > 1.1);
        Assert.Null(report.ActivationEnd);
    }

    [Fact]
    public void The_init_report_has_no_gain_where_there_is_none()
    {
        InitReport report = new Sequential(new Linear(1, 1), new GELU(), new Linear(1, 3), new Softmax()).InitReport();
        Assert.Equal(0, report.Layers[0].MeasuredVariance);
        Assert.Equal(("GELU", null), (report.Layers[0].Through, report.Layers[0].Gain));
        Assert.Equal(("Softmax", null), (report.Layers[1].Through, report.Layers[1].Gain));
    }

    [Fact]
    public void The_init_report_says_what_the_default_does()
    {
        var network = new Sequential(new Linear(Width, Width, random: new TorchGenerator(1)), new ReLU(),
            new Linear(Width, 64, random: new TorchGenerator(2)), new BatchNorm1d(64), new ReLU(), new Linear(64, 2));
        InitReport report = network.InitReport();
        Assert.Equal(3, report.Layers.Count);
        InitLayer first = report.Layers[0];
        Assert.Equal(("0", "Linear", "U(±0.0625)", Width, Width, "ReLU"),
            (first.Name, first.Type, first.Distribution, first.FanIn, first.FanOut, first.Through));
        Assert.Equal(1.0 / (3 * Width), first.ExpectedVariance, Tolerances.Float64Ulps);
        Assert.InRange(first.MeasuredVariance / first.ExpectedVariance, 0.98, 1.02);
        Assert.Equal(Math.Sqrt(1.0 / 6), first.Gain!.Value, Tolerances.Float64Roundoff);
        Assert.Equal(("normalization", null), (report.Layers[1].Through, report.Layers[1].Gain));
        Assert.Equal("nothing", report.Layers[2].Through);
        Assert.Contains("0.408", report.ToString(), StringComparison.Ordinal);

        network.Initialize(Init.KaimingNormal, new TorchGenerator(1));
        InitLayer kaiming = network.InitReport(Init.KaimingNormal).Layers[0];
        Assert.Equal("N(0, 0.08839²)", kaiming.Distribution);
        Assert.Equal(1, kaiming.Gain!.Value, Tolerances.Float64Roundoff);
        Assert.Equal(Math.Sqrt(2), network.InitReport(Init.KaimingNormal, Nonlinearity.Linear).Layers[1].Gain!.Value,
            Tolerances.Float64Roundoff);
    }

    private static Linear[] Linears(int count, Init? init, out Tensor inputs)
    {
        var random = new TorchGenerator(1);
        var linears = new Linear[count];
        for (int i = 0; i < count; i++) linears[i] = new Linear(Width, Width, bias: false, random);
        if (init is not null) Stack(linears).Initialize(init, random);
        inputs = Tensor.RandomNormal([16, Width], random);
        return linears;
    }

    private static Sequential Stack(Linear[] linears)
    {
        var stack = new Sequential();
        foreach (Linear linear in linears)
        {
            stack.Add(linear);
            stack.Add(new ReLU());
        }

        return stack;
    }

    /// <summary>
    /// Norms before the activation, whose gammas are small and whose betas are not: what passes is constant,
    /// and the gradient is lost.
    /// </summary>
    private static Sequential WithResidualScale(TorchGenerator random)
    {
        var model = new Sequential();
        for (int i = 0; i < 6; i++)
        {
            var norm = new LayerNorm([Width]);
            norm.Weight!.Value.Fill(0.01);
            norm.Bias!.Value.CopyFrom(Tensor.RandomNormal([Width], random));
            model.Add(new Linear(Width, Width, bias: false, random));
            model.Add(norm);
            model.Add(new ReLU());
        }

        return model;
    }

    private static (Module Model, Shape Sample) Network(string kind)
    {
        var random = new Philox(1);
        (Module model, Shape sample) = kind switch
        {
            "LeNet with batch norm" =>
                ((Module)LeNet.Color(classes: 10, norm: NormKind.BatchNorm, random: random), new Shape(3, 32, 32)),
            "LeNet with sigmoids and batch norm" => (LeNet.Gray(norm: NormKind.BatchNorm, random: random), [1, 28, 28]),
            "LeNet with group norm" =>
                (LeNet.Color(classes: 10, norm: NormKind.GroupNorm(2), random: random), [3, 32, 32]),
            "LeNet" => (LeNet.Color(classes: 10, random: random), [3, 32, 32]),
            "ResNet" => (new ResNet(new ResNetOptions { Blocks = 1, Width = 4, Side = 8 }, random), [3, 8, 8]),
            "MLP with batch norm" => (new FullyConnected(30, [40, 40, 40, 40, 40], 10, NormKind.BatchNorm), [30]),
            "MLP with layer norm" => (new FullyConnected(30, [40, 40, 40, 40, 40], 10, NormKind.LayerNorm), [30]),
            "MLP" => (new FullyConnected(30, [40, 40], 10), [30]),
            _ => (HandNormed(random), [30]),
        };
        if (kind != "LeNet with sigmoids and batch norm") model.Initialize(Init.KaimingNormal, random);
        return (model, sample);
    }

    private static Sequential HandNormed(Philox random)
    {
        var model = new Sequential();
        for (int i = 0; i < 8; i++)
        {
            model.Add(new Linear(i == 0 ? 30 : 40, 40, bias: false, random));
            model.Add(new Evenkeel.Tests.Nn.ScratchBatchNorm(40));
            model.Add(new ReLU());
        }

        model.Add(new Linear(40, 10, random: random));
        return model;
    }

    /// <summary>Ten classes around ten means.</summary>
    private static (IDataset Data, Tensor Inputs) Samples(Shape sample)
    {
        const int count = 200;
        var random = new Philox(7);
        Tensor means = Tensor.RandomNormal([10, sample.Count], random),
            noise = Tensor.RandomNormal([count, sample.Count], random);
        Span<float> values = noise.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
            values[i] += means.AsSpan<float>()[(i / sample.Count % 10 * sample.Count) + (i % sample.Count)];
        Tensor inputs = noise.Reshape([count, .. sample.ToArray()]);
        return (new TensorDataset(inputs, Tensor.Labels([.. Enumerable.Range(0, count).Select(static i => i % 10)])),
            inputs.Slice(0, 0, 64));
    }

    private static void Train(Module model, IDataset data)
    {
        var trainer = new Trainer(model, new Adam(model.Parameters(), 3e-3),
            new CrossEntropyLoss(), new TrainerOptions { Epochs = 15, BatchSize = 20 });
        Assert.InRange(trainer.Fit(data, data).BestScore, 0.8, 1);
    }
}
