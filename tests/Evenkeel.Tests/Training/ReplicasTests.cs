using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

public sealed class ReplicasTests
{
    /// <summary>Rounding of sums in another order, relative to the largest entry.</summary>
    private const double OtherOrder = 1e-12;

    private static readonly CrossEntropyLoss s_loss = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Parts_with_pooled_statistics_are_the_one_large_batch(int count)
    {
        Sequential model = Network(DType.Float64), whole = Network(DType.Float64);
        using var replicas = new Replicas(model, count, poolBatchStatistics: true);
        for (int step = 0; step < 3; step++)
        {
            (Tensor inputs, Tensor targets) = Data(17, step, DType.Float64);
            double loss = replicas.Accumulate(inputs, targets, s_loss);
            Assert.Equal(Train(whole, inputs, targets), loss, Tolerances.Float64Roundoff);
            AssertSame(whole, model);
            Descend(model);
            Descend(whole);
        }
    }

    [Fact]
    public void Parts_of_any_size_count_by_their_samples()
    {
        Sequential model = Network(DType.Float64), whole = Network(DType.Float64);
        (Tensor inputs, Tensor targets) = Data(9, 1, DType.Float64);
        using var replicas = new Replicas(model, 4, poolBatchStatistics: true);

        // One sample alone has no spread: by itself this part would be an error.
        MicroBatch[] parts = [Part(inputs, targets, 0, 1), Part(inputs, targets, 1, 5), Part(inputs, targets, 6, 3)];
        Assert.Equal(Train(whole, inputs, targets), replicas.Accumulate(parts, s_loss), Tolerances.Float64Roundoff);
        AssertSame(whole, model);
    }

    [Fact]
    public void Float32_parts_come_as_near_as_Float32_does()
    {
        Sequential model = Network(DType.Float32), whole = Network(DType.Float32);
        (Tensor inputs, Tensor targets) = Data(16, 2, DType.Float32);
        using var replicas = new Replicas(model, 4, poolBatchStatistics: true);
        Assert.Equal(
            Train(whole, inputs, targets), replicas.Accumulate(inputs, targets, s_loss), Tolerances.Float32Roundoff);
        AssertSame(whole, model, Tolerances.Float32Steps);
    }

    [Fact]
    public void One_cut_gives_the_same_bits_every_time()
    {
        float[] Run()
        {
            Sequential model = Network(DType.Float32);
            using var replicas = new Replicas(model, 3, poolBatchStatistics: true);
            (Tensor inputs, Tensor targets) = Data(16, 2, DType.Float32);
            replicas.Accumulate(inputs, targets, s_loss);
            return [.. model.Parameters().SelectMany(static parameter => parameter.Gradient!.ToArray<float>())];
        }

        float[] first = Run();
        for (int i = 0; i < 5; i++) Assert.Equal(first, Run());
    }

    [Fact]
    public void Gradients_add_up_over_steps()
    {
        Sequential model = Network(DType.Float64, norm: false), whole = Network(DType.Float64, norm: false);
        using var replicas = new Replicas(model, 2);
        for (int step = 0; step < 2; step++)
        {
            (Tensor inputs, Tensor targets) = Data(6, step, DType.Float64);
            replicas.Accumulate(inputs, targets, s_loss);
            Train(whole, inputs, targets);
        }

        AssertSame(whole, model);
    }

    [Fact]
    public void Without_pooling_the_model_keeps_the_statistics_of_the_first_part()
    {
        Sequential model = Network(DType.Float64), first = Network(DType.Float64);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float64);
        using var replicas = new Replicas(model, 2);
        replicas.Accumulate(inputs, targets, s_loss);
        Train(first, inputs.Slice(0, 0, 4), targets.Slice(0, 0, 4));
        Assert.Equal(((BatchNorm2d)first[1]).Running!.Mean.Value.ToArray<double>(),
            ((BatchNorm2d)model[1]).Running!.Mean.Value.ToArray<double>());
    }

    [Fact]
    public void A_loss_that_is_not_finite_leaves_no_trace()
    {
        Sequential model = Network(DType.Float32);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        Tensor spoilt = inputs.Clone();
        spoilt.AsSpan<float>()[^1] = float.NaN;
        StateDict before = model.StateDict();
        Assert.True(double.IsNaN(replicas.Accumulate(spoilt, targets, s_loss)));
        Assert.All(model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
        AssertSameState(before, model.StateDict());
    }

    [Fact]
    public void A_rejected_step_leaves_no_trace_in_the_statistics()
    {
        Sequential model = Network(DType.Float32);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        StateDict before = model.StateDict();
        replicas.Accumulate(inputs, targets, s_loss);
        replicas.Reject();
        AssertSameState(before, model.StateDict());
    }

    [Fact]
    public void What_a_part_throws_reaches_the_caller_and_the_next_batch_runs()
    {
        Sequential model = Network(DType.Float32);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        StateDict before = model.StateDict();
        Tensor wrong = Tensor.Zeros([4], DType.Int64);
        wrong.Fill(99);
        Assert.ThrowsAny<ArgumentException>(() => replicas.Accumulate(
            [Part(inputs, targets, 0, 4), new MicroBatch(inputs.Slice(0, 4, 4), wrong)], s_loss));
        AssertSameState(before, model.StateDict());
        Assert.All(model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
        Assert.True(double.IsFinite(replicas.Accumulate(inputs, targets, s_loss)));
    }

    [Fact]
    public void A_batch_in_the_middle_of_another_is_refused_before_it_touches_it()
    {
        Sequential model = Network(DType.Float32);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        InvalidOperationException? refused = null;
        using (model[2].AddForwardHook((_, _, _) => refused ??= Assert.Throws<InvalidOperationException>(
            () => replicas.Accumulate(inputs, targets, s_loss))))
        {
            replicas.Accumulate(inputs, targets, s_loss);
        }

        Assert.StartsWith(
            "Replicas.Accumulate: expected one batch at a time", refused!.Message, StringComparison.Ordinal);

        Sequential whole = Network(DType.Float32);
        Train(whole, inputs, targets);
        AssertSame(whole, model, Tolerances.Float32Steps);
        Assert.True(double.IsFinite(replicas.Accumulate(inputs, targets, s_loss)));
    }

    [Fact]
    public void A_batch_of_a_pass_that_is_over_is_refused()
    {
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        var tape = new Tape();
        Tensor stale = tape.Input(inputs);
        tape.Reset();
        using var replicas = new Replicas(Network(DType.Float32), 2);
        Assert.Throws<InvalidOperationException>(() => replicas.Accumulate(stale, targets, s_loss));
    }

    [Fact]
    public void The_replicas_follow_the_model()
    {
        Sequential model = Network(DType.Float32), whole = Network(DType.Float64);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        replicas.Accumulate(inputs, targets, s_loss);
        model.ZeroGrad();
        model.To(DType.Float64);
        model.LoadStateDict(whole.StateDict());
        ((Conv2d)model[0]).Weight.RequiresGradient = false;
        (inputs, targets) = Data(8, 4, DType.Float64);
        replicas.Accumulate(inputs, targets, s_loss);
        Assert.Null(((Conv2d)model[0]).Weight.Gradient);
        ((Conv2d)whole[0]).Weight.RequiresGradient = false;
        Train(whole, inputs, targets);
        AssertSame(whole, model);
    }

    [Fact]
    public void Pictures_of_several_sizes_make_one_batch()
    {
        var model = new Sequential(new Conv2d(1, 3, 3),
            new BatchNorm2d(3), new ReLU(), new AdaptiveAvgPool2d(1), new Flatten(), new Linear(3, 2));
        model.Initialize(Init.KaimingNormal, seed: 4);
        model.To(DType.Float64);
        using var replicas = new Replicas(model, 2, poolBatchStatistics: true);
        var random = new Philox(8);
        Tensor small = Tensor.RandomNormal([2, 1, 6, 6], random, DType.Float64),
            large = Tensor.RandomNormal([3, 1, 9, 7], random, DType.Float64);
        double[] values = [.. ChannelOf(model[0].Forward(small), 1), .. ChannelOf(model[0].Forward(large), 1)];
        replicas.Accumulate(
            [new MicroBatch(small, Tensor.Zeros([2], DType.Int64)),
                new MicroBatch(large, Tensor.Zeros([3], DType.Int64))],
            s_loss);
        double mean = values.Average(),
            variance = values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1);
        RunningStatistics running = ((BatchNorm2d)model[1]).Running!;
        Assert.Equal(0.1 * mean, running.Mean.Value.ToArray<double>()[1], Tolerances.Float64Sums);
        Assert.Equal(0.9 + (0.1 * variance), running.Variance.Value.ToArray<double>()[1], Tolerances.Float64Sums);
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        Sequential model = Network(DType.Float32);
        using var replicas = new Replicas(model, 2);
        (Tensor inputs, Tensor targets) = Data(8, 3, DType.Float32);
        MicroBatch part = Part(inputs, targets, 0, 4);
        Assert.Contains(
            "1 to 2 parts, got 3",
            Assert.Throws<ArgumentException>(() => replicas.Accumulate([part, part, part], s_loss)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "none in part 1",
            Assert.Throws<ArgumentException>(
                () => replicas.Accumulate([part, Part(inputs, targets, 0, 0)], s_loss)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => replicas.Accumulate([], s_loss));
        Assert.Throws<ArgumentException>(() => replicas.Accumulate(inputs, Tensor.Zeros([7], DType.Int64), s_loss));
    }

    private static Sequential Network(DType dtype, bool norm = true)
    {
        var model = new Sequential(new Conv2d(1, 4, 3), norm ? new BatchNorm2d(4) : new Identity(), new ReLU(),
            new Flatten(), new Linear(4 * 16, 5), norm ? new BatchNorm1d(5) : new Identity(), new Linear(5, 3));
        model.Initialize(Init.KaimingNormal, seed: 1);
        model.To(dtype);
        return model;
    }

    private static (Tensor Inputs, Tensor Targets) Data(int count, int seed, DType dtype)
    {
        Tensor inputs = Tensor.RandomNormal([count, 1, 6, 6], new Philox((ulong)seed + 100), dtype) + 1.5,
            targets = Tensor.Zeros([count], DType.Int64);
        for (int i = 0; i < count; i++) targets.AsSpan<long>()[i] = i % 3;
        return (inputs, targets);
    }

    private static MicroBatch Part(Tensor inputs, Tensor targets, int start, int count) =>
        new(inputs.Slice(0, start, count), targets.Slice(0, start, count));

    private static double Train(Sequential model, Tensor inputs, Tensor targets)
    {
        Tensor loss = s_loss.Forward(model.Forward(new Tape().Input(inputs)), targets);
        loss.Backward();
        return loss.Item();
    }

    private static void Descend(Sequential model)
    {
        var optimizer = new SGD(model.Parameters(), learningRate: 0.1);
        optimizer.Step();
        model.ZeroGrad();
    }

    private static double[] ChannelOf(Tensor y, int channel)
    {
        int plane = y.Shape[2] * y.Shape[3];
        return [.. y.ToArray<double>().Where((_, i) => i / plane % y.Shape[1] == channel)];
    }

    private static void AssertSame(Sequential expected, Sequential actual, double bound = OtherOrder)
    {
        foreach (((string name, Parameter left), (_, Parameter right)) in expected.NamedParameters()
            .Zip(actual.NamedParameters()))
        {
            Assert.Equal(left.Gradient is null, right.Gradient is null);
            if (left.Gradient is not null) AssertNear(name, left.Gradient, right.Gradient!, bound);
        }

        foreach (((string name, StateBuffer left), (_, StateBuffer right)) in expected.NamedBuffers()
            .Zip(actual.NamedBuffers()))
        {
            AssertNear(name, left.Value, right.Value, bound);
        }
    }

    private static void AssertNear(string name, Tensor expected, Tensor actual, double bound)
    {
        double[] left = Doubles(expected), right = Doubles(actual);
        double scale = Math.Max(1, left.Max(Math.Abs)), worst = left.Zip(right, static (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= bound * scale, $"{name}: {worst} of {scale}");
    }

    private static double[] Doubles(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => [.. tensor.ToArray<float>().Select(static value => (double)value)],
        DType.Float64 => tensor.ToArray<double>(),
        _ => [.. tensor.ToArray<long>().Select(static value => (double)value)],
    };

    private static void AssertSameState(StateDict expected, StateDict actual)
    {
        foreach ((string key, Tensor value) in expected) Assert.Equal(Doubles(value), Doubles(actual[key]));
    }
}
