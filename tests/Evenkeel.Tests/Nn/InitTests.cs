using System.Reflection;
using System.Runtime.InteropServices;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class InitTests
{
    // 60,000 draws: the sample's standard deviation is within 1.5 % of the true one by more than five
    // of its own standard errors.
    private const double SampleTolerance = 0.015;

    public static TheoryData<string, double> Scales => new()
    {
        { nameof(Init.Default), Math.Sqrt(1.0 / (3 * 200)) },
        { nameof(Init.KaimingNormal), Math.Sqrt(2.0 / 200) },
        { nameof(Init.KaimingUniform), Math.Sqrt(2.0 / 200) },
        { nameof(Init.XavierNormal), Math.Sqrt(2.0 / 500) },
        { nameof(Init.XavierUniform), Math.Sqrt(2.0 / 500) },
    };

    [Theory]
    [MemberData(nameof(Scales))]
    public void Scales_are_the_formulas(string name, double std)
    {
        var init = (Init)typeof(Init).GetProperty(name)!.GetValue(null)!;
        float[] values = init.Create([300, 200], new Philox(1)).ToArray<float>();
        double mean = values.Average(v => (double)v);
        double deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        Assert.InRange(deviation / std, 1 - SampleTolerance, 1 + SampleTolerance);
        Assert.InRange(mean / std, -0.025, 0.025);
        bool uniform = name is nameof(Init.Default) || name.EndsWith("Uniform", StringComparison.Ordinal);
        double largest = values.Max(v => Math.Abs((double)v)) / std;
        if (uniform) Assert.InRange(largest, 1.7, Math.Sqrt(3) + Tolerances.Float32Roundoff);
        else Assert.True(largest > 3.5);
        Assert.Equal($"Init.{name}", init.ToString());
    }

    [Fact]
    public void Every_way_to_say_start_values_gives_an_Init()
    {
        string[] others = [.. typeof(Init)
            .GetMembers(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(member => member is PropertyInfo { PropertyType: var type } && type != typeof(Init)
                || member is MethodInfo { IsSpecialName: false } method && method.ReturnType != typeof(Init))
            .Select(member => member.Name)];
        Assert.Equal([nameof(Init.Fans), nameof(Init.Gain)], others.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Gains_are_Torchs()
    {
        Assert.Equal(5.0 / 3, Init.Gain(Nonlinearity.Tanh));
        Assert.Equal(Math.Sqrt(2), Init.Gain(Nonlinearity.ReLU));
        Assert.Equal(Math.Sqrt(2 / 1.04), Init.Gain(Nonlinearity.LeakyReLU, 0.2), 15);
        Assert.Equal(0.75, Init.Gain(Nonlinearity.SELU));
        Assert.Equal(1, Init.Gain(Nonlinearity.Sigmoid));
        double[] plain = Init.XavierNormal.Create([2, 3], new Philox(1), DType.Float64).ToArray<double>();
        double[] tanh =
            Init.XavierNormal.For(Nonlinearity.Tanh).Create([2, 3], new Philox(1), DType.Float64).ToArray<double>();
        for (int i = 0; i < plain.Length; i++) Assert.Equal(plain[i] * 5 / 3, tanh[i], 15);
        Assert.Throws<InvalidOperationException>(() => Init.Normal().For(Nonlinearity.ReLU));
        Assert.Throws<InvalidOperationException>(() => Init.XavierNormal.WithFanOut());
    }

    [Fact]
    public void Fans_count_the_window()
    {
        Assert.Equal((3 * 25, 6 * 25), Init.Fans([6, 3, 5, 5]));
        Assert.Contains(
            "expected a weight of shape (out, in, ...)",
            Assert.Throws<ArgumentException>(() => Init.KaimingNormal.Create([3], new Philox(1))).Message,
            StringComparison.Ordinal);
        double[] fanIn = Init.KaimingNormal.Create([6, 3, 5, 5], new Philox(1), DType.Float64).ToArray<double>();
        double[] fanOut =
            Init.KaimingNormal.WithFanOut().Create([6, 3, 5, 5], new Philox(1), DType.Float64).ToArray<double>();
        Assert.Equal(fanIn[0] * Math.Sqrt(0.5), fanOut[0], 15);
    }

    [Fact]
    public void Draws_in_row_order_from_any_stream()
    {
        Tensor weight = Init.Normal(0.1).Create([2, 3], new NumPyRandomState(231), DType.Float64);
        double[] numpy = new NumPyRandomState(231).Randn(6);
        for (int i = 0; i < 6; i++) Assert.Equal(numpy[i] * 0.1, weight.AsSpan<double>()[i]);
        Assert.Equal([0.5f, 0.5f], Init.Constant(0.5).Create([2], new Philox(1)).ToArray<float>());
        Assert.All(
            Init.Uniform(2, 3).Create([100], new Philox(1)).ToArray<float>(), static v => Assert.InRange(v, 2f, 3f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Init.Uniform(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Init.Normal(double.NaN));
        Assert.Throws<ArgumentException>(() => Init.Normal().Fill(Tensor.Zeros([2], DType.Int64), new Philox(1)));
    }

    [Fact]
    public void Both_element_types_get_the_same_values()
    {
        double[] wide = Init.KaimingNormal.Create([5, 7], new Philox(9), DType.Float64).ToArray<double>();
        float[] narrow = Init.KaimingNormal.Create([5, 7], new Philox(9)).ToArray<float>();
        Assert.Equal(wide.Select(v => (float)v), narrow);
    }

    [Fact]
    public void Initialize_gives_each_module_its_own_stream()
    {
        var small = new Sequential(new Linear(3, 4), new FakeNorm(4), new Linear(4, 4));
        var large = new Sequential(new Linear(3, 40), new Linear(1, 1), new Linear(4, 4));
        small.Initialize(Init.KaimingNormal, seed: 1);
        large.Initialize(Init.KaimingNormal, seed: 1);
        StateDict first = small.StateDict();
        Assert.Equal(first["2.weight"].ToArray<float>(), large.StateDict()["2.weight"].ToArray<float>());
        Assert.Equal([0f, 0f, 0f, 0f], first["2.bias"].ToArray<float>());
        Assert.Equal([1f, 1f, 1f, 1f], first["1.weight"].ToArray<float>());
        Assert.Equal(
            Init.KaimingNormal.Create([4, 4], new Philox(1, "2")).ToArray<float>(), first["2.weight"].ToArray<float>());
        small.Initialize(Init.KaimingNormal, seed: 2);
        Assert.NotEqual(first["2.weight"].ToArray<float>(), small.StateDict()["2.weight"].ToArray<float>());
    }

    [Fact]
    public void The_default_draws_weight_then_bias()
    {
        var random = new Philox(4);
        var layer = new Linear(16, 3, random: random);
        var again = new Philox(4);
        double[] draws = new double[16 * 3 + 3];
        again.Fill(draws);
        Assert.Equal(draws.Take(48).Select(u => (float)(-0.25 + u * 0.5)), layer.Weight.Value.ToArray<float>());
        Assert.Equal(draws.Skip(48).Select(u => (float)(-0.25 + u * 0.5)), layer.Bias!.Value.ToArray<float>());
        layer.Initialize(Init.Default, seed: 4);
        Assert.Equal(draws.Skip(48).Select(u => (float)(-0.25 + u * 0.5)), layer.Bias.Value.ToArray<float>());
        Assert.NotEqual(new Linear(4, 4).Weight.Value.ToArray<float>(), new Linear(4, 4).Weight.Value.ToArray<float>());
    }

    /// <summary>
    /// Golden values of torch 1.13.1: <c>torch.manual_seed(1)</c>, then <c>nn.Linear(7, 5)</c>,
    /// <c>nn.Conv2d(3, 6, 5)</c>, <c>nn.Conv2d(8, 4, 3, groups=2, bias=False)</c> and
    /// <c>nn.Linear(2, 1, dtype=torch.float64)</c>.
    /// </summary>
    [Fact]
    public void Defaults_are_Torchs_bits()
    {
        var random = new TorchGenerator(1);
        var linear = new Linear(7, 5, random: random);
        Assert.Equal([0.19475117325782776f, -0.1668252944946289f, -0.07327274978160858f],
            linear.Weight.Value.ToArray<float>()[..3]);
        Assert.Equal(0x046c43aau, Crc(linear.Weight.Value));
        Assert.Equal(0x14010ff2u, Crc(linear.Bias!.Value));
        var convolution = new Conv2d(3, 6, 5, random: random);
        Assert.Equal(0x4152603bu, Crc(convolution.Weight.Value));
        Assert.Equal(0xa31afef8u, Crc(convolution.Bias!.Value));
        Assert.Equal(0x46f37a33u, Crc(new Conv2d(8, 4, 3, groups: 2, bias: false, random: random).Weight.Value));
        Assert.Equal([0.22370613726551458, 0.6661249424448172],
            Init.Default.Create([1, 2], random, DType.Float64).ToArray<double>());
    }

    /// <summary>
    /// Golden values of torch 1.13.1: <c>torch.manual_seed(3)</c>, then these in this order on a tensor (6, 3, 5, 5),
    /// in floats and, seeded anew, in doubles.
    /// </summary>
    [Theory]
    [InlineData(DType.Float32, new[] { 0xe214caafu, 0xae376c06u, 0x80c43d04u, 0x757adbb7u, 0xd9e2fcddu, 0xfe7749aeu },
        new[] { -0.10776550322771072, -0.4566681981086731, 0.1230635717511177 })]
    [InlineData(DType.Float64, new[] { 0x097c45e8u, 0x00261141u, 0xb03b8df4u, 0x61d90a2bu, 0xc9a59591u, 0xdf1f215eu },
        new[] { -0.14436674188948184, 0.06536288005896249, 0.1063511789979911 })]
    public void Schemes_are_Torchs(DType dtype, uint[] uniform, double[] normal)
    {
        var random = new TorchGenerator(3);
        Assert.Equal(uniform[0], Crc(Draw(Init.XavierUniform)));
        Assert.Equal(uniform[1], Crc(Draw(Init.XavierUniform.For(Nonlinearity.Tanh))));
        Assert.Equal(uniform[2], Crc(Draw(Init.KaimingUniform)));
        Assert.Equal(uniform[3], Crc(Draw(Init.KaimingUniform.WithFanOut())));
        Assert.Equal(uniform[4], Crc(Draw(Init.KaimingUniform.For(Nonlinearity.LeakyReLU, 0.2))));
        double tolerance = dtype == DType.Float32 ? Tolerances.Float32Rounding : Tolerances.Float64Ulps;
        Assert.Equal(normal[0], First(Draw(Init.XavierNormal)), tolerance);
        Assert.Equal(normal[1], First(Draw(Init.KaimingNormal)), tolerance);
        Assert.Equal(normal[2], First(Draw(Init.Normal(0.02, 0.1))), tolerance);
        Assert.Equal(uniform[5], Crc(Draw(Init.Uniform(-0.1, 0.3))));

        Tensor Draw(Init init) => init.Create([6, 3, 5, 5], random, dtype);

        static double First(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>()[0];
    }

    [Fact]
    public void A_model_may_draw_from_one_stream()
    {
        var model = new Sequential(new Linear(3, 4), new FakeNorm(4), new Linear(4, 2));
        model.Initialize(Init.Default, new TorchGenerator(1));
        var random = new TorchGenerator(1);
        Linear first = new(3, 4, random: random), second = new(4, 2, random: random);
        StateDict state = model.StateDict();
        Assert.Equal(first.Weight.Value.ToArray<float>(), state["0.weight"].ToArray<float>());
        Assert.Equal(first.Bias!.Value.ToArray<float>(), state["0.bias"].ToArray<float>());
        Assert.Equal(second.Weight.Value.ToArray<float>(), state["2.weight"].ToArray<float>());
        Assert.Equal([1f, 1f, 1f, 1f], state["1.weight"].ToArray<float>());
    }

    private static uint Crc(Tensor tensor) => Checksum.Crc32(tensor.DType == DType.Float32
        ? MemoryMarshal.AsBytes(tensor.ToArray<float>().AsSpan())
        : MemoryMarshal.AsBytes(tensor.ToArray<double>().AsSpan()));
}
