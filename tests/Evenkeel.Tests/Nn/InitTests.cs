using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class InitTests
{
    // 60,000 draws: the sample's standard deviation is within 1.5 % of the true one by more than five of its own standard errors.
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
    public void ScalesAreTheFormulas(string name, double std)
    {
        var init = (Init)typeof(Init).GetProperty(name)!.GetValue(null)!;
        float[] values = init.Create([300, 200], new Philox(1)).ToArray<float>();
        double mean = values.Average(v => (double)v);
        double deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        Assert.InRange(deviation / std, 1 - SampleTolerance, 1 + SampleTolerance);
        Assert.InRange(mean / std, -0.025, 0.025);
        bool uniform = name is nameof(Init.Default) || name.EndsWith("Uniform", StringComparison.Ordinal);
        if (uniform) Assert.InRange(values.Max(v => Math.Abs((double)v)) / std, 1.7, Math.Sqrt(3) + 1e-6);
        else Assert.True(values.Max(v => Math.Abs((double)v)) / std > 3.5);
        Assert.Equal($"Init.{name}", init.ToString());
    }

    [Fact]
    public void GainsAreTorchs()
    {
        Assert.Equal(5.0 / 3, Init.Gain(Nonlinearity.Tanh));
        Assert.Equal(Math.Sqrt(2), Init.Gain(Nonlinearity.ReLU));
        Assert.Equal(Math.Sqrt(2 / 1.04), Init.Gain(Nonlinearity.LeakyReLU, 0.2), 15);
        Assert.Equal(0.75, Init.Gain(Nonlinearity.SELU));
        Assert.Equal(1, Init.Gain(Nonlinearity.Sigmoid));
        double[] plain = Init.XavierNormal.Create([2, 3], new Philox(1), DType.Float64).ToArray<double>();
        double[] tanh = Init.XavierNormal.For(Nonlinearity.Tanh).Create([2, 3], new Philox(1), DType.Float64).ToArray<double>();
        for (int i = 0; i < plain.Length; i++) Assert.Equal(plain[i] * 5 / 3, tanh[i], 15);
        Assert.Throws<InvalidOperationException>(() => Init.Normal().For(Nonlinearity.ReLU));
        Assert.Throws<InvalidOperationException>(() => Init.XavierNormal.WithFanOut());
    }

    [Fact]
    public void FansCountTheWindow()
    {
        Assert.Equal((3 * 25, 6 * 25), Init.Fans([6, 3, 5, 5]));
        Assert.Contains("expected a weight of shape (out, in, ...)", Assert.Throws<ArgumentException>(() => Init.KaimingNormal.Create([3], new Philox(1))).Message, StringComparison.Ordinal);
        double[] fanIn = Init.KaimingNormal.Create([6, 3, 5, 5], new Philox(1), DType.Float64).ToArray<double>();
        double[] fanOut = Init.KaimingNormal.WithFanOut().Create([6, 3, 5, 5], new Philox(1), DType.Float64).ToArray<double>();
        Assert.Equal(fanIn[0] * Math.Sqrt(0.5), fanOut[0], 15);
    }

    [Fact]
    public void DrawsInRowOrderFromAnyStream()
    {
        Tensor weight = Init.Normal(0.1).Create([2, 3], new NumPyRandomState(231), DType.Float64);
        double[] numpy = new NumPyRandomState(231).Randn(6);
        for (int i = 0; i < 6; i++) Assert.Equal(numpy[i] * 0.1, weight.AsSpan<double>()[i]);
        Assert.Equal([0.5f, 0.5f], Init.Constant(0.5).Create([2], new Philox(1)).ToArray<float>());
        Assert.All(Init.Uniform(2, 3).Create([100], new Philox(1)).ToArray<float>(), static v => Assert.InRange(v, 2f, 3f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Init.Uniform(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Init.Normal(double.NaN));
        Assert.Throws<ArgumentException>(() => Init.Normal().Fill(Tensor.Zeros([2], DType.Int64), new Philox(1)));
    }

    [Fact]
    public void BothElementTypesGetTheSameValues()
    {
        double[] wide = Init.KaimingNormal.Create([5, 7], new Philox(9), DType.Float64).ToArray<double>();
        float[] narrow = Init.KaimingNormal.Create([5, 7], new Philox(9)).ToArray<float>();
        Assert.Equal(wide.Select(v => (float)v), narrow);
    }

    [Fact]
    public void InitializeGivesEachModuleItsOwnStream()
    {
        var small = new Sequential(new Linear(3, 4), new FakeNorm(4), new Linear(4, 4));
        var large = new Sequential(new Linear(3, 40), new Linear(1, 1), new Linear(4, 4));
        small.Initialize(Init.KaimingNormal, seed: 1);
        large.Initialize(Init.KaimingNormal, seed: 1);
        StateDict first = small.StateDict();
        Assert.Equal(first["2.weight"].ToArray<float>(), large.StateDict()["2.weight"].ToArray<float>());
        Assert.Equal([0f, 0f, 0f, 0f], first["2.bias"].ToArray<float>());
        Assert.Equal([1f, 1f, 1f, 1f], first["1.weight"].ToArray<float>());
        Assert.Equal(Init.KaimingNormal.Create([4, 4], new Philox(1, "2")).ToArray<float>(), first["2.weight"].ToArray<float>());
        small.Initialize(Init.KaimingNormal, seed: 2);
        Assert.NotEqual(first["2.weight"].ToArray<float>(), small.StateDict()["2.weight"].ToArray<float>());
    }

    [Fact]
    public void TheDefaultDrawsWeightThenBias()
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
}
