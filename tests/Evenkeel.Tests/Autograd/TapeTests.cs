using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests;

public sealed class TapeTests
{
    [Fact]
    public void Mathematics_without_a_tape_is_plain()
    {
        Tensor y = ((Tensor.From(1.0, 2.0) + 1) * Tensor.From(3.0, 4.0)).Sum();
        Assert.Equal(18, y.Item());
        Assert.Null(y.Tape);
        Assert.False(y.RequiresGradient);
        Assert.StartsWith("Backward: expected a result computed on a tape, got a plain tensor.",
            Assert.Throws<InvalidOperationException>(y.Backward).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kept_activation_throws_after_Reset()
    {
        var tape = new Tape();
        Tensor y = tape.Input(Tensor.Ones([3])) * 2;
        Tensor kept = y.Clone();
        tape.Reset();
        Assert.Equal([2f, 2f, 2f], kept.ToArray<float>());
        Assert.StartsWith(
            "Tensor: this activation of shape (3) belonged to step 0 of its tape, which is now at step 1;",
            Assert.Throws<InvalidOperationException>(() => y + 1).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => tape.Input(Tensor.Ones([3])) + y);
        Assert.Throws<InvalidOperationException>(() => y.Reshape(3, 1));
    }

    [Fact]
    public void A_second_backward_throws()
    {
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.Ones([3]), requiresGradient: true);
        Tensor loss = x.Square().Sum();
        loss.Backward();
        Assert.StartsWith("Backward: the backward pass of this step has already run.",
            Assert.Throws<InvalidOperationException>(loss.Backward).Message, StringComparison.Ordinal);
        Assert.StartsWith("Exp: the backward pass of this step has run;",
            Assert.Throws<InvalidOperationException>(() => x.Exp()).Message, StringComparison.Ordinal);
        tape.Reset();
        x = tape.Input(Tensor.Ones([3]), requiresGradient: true);
        x.Square().Sum().Backward();
        Assert.Equal([2f, 2f, 2f], x.Gradient!.ToArray<float>());
    }

    [Fact]
    public void Backward_wants_a_scalar_or_a_cotangent()
    {
        var tape = new Tape();
        Tensor y = tape.Input(Tensor.Ones([3]), requiresGradient: true) * 2;
        Assert.StartsWith("Backward: expected a single value (a loss), got shape (3).",
            Assert.Throws<InvalidOperationException>(y.Backward).Message, StringComparison.Ordinal);
        Assert.StartsWith("Backward: expected a cotangent of Float32 with shape (3), got Float32 with shape (2).",
            Assert.Throws<ArgumentException>(() => y.Backward(Tensor.Ones([2]))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "Backward: this result depends on no parameter",
            Assert.Throws<InvalidOperationException>(tape.Input(Tensor.Ones([1])).Backward).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "Backward: this tape (Eval) records no gradients.",
            Assert.Throws<InvalidOperationException>(
                new Tape(Mode.Eval).Input(Tensor.Ones([1]), true).Backward).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameters_gradient_is_never_silently_lost()
    {
        var parameter = new Parameter(Tensor.Ones([3]), "weight");
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.Ones([3]));
        foreach (Func<Tensor, Tensor> early in
            new Func<Tensor, Tensor>[] { w => w * 2, w => w.Reshape(3), w => Tensor.Concat([w]), w => w.Sum() })
        {
            Tensor computed = early(parameter);
            Assert.Contains("was computed from a parameter without a tape",
                Assert.Throws<InvalidOperationException>(() => x * computed).Message, StringComparison.Ordinal);
            Assert.Equal(
                early(Tensor.Ones([3])).ToArray<float>(), (x * computed.Detach()).ToArray<float>()[..computed.Count]);
        }

        (x * parameter).Sum().Backward();
        Assert.Equal([1f, 1f, 1f], parameter.Gradient!.ToArray<float>());
    }

    [Fact]
    public void An_optional_operand_joins_the_tape_of_any_other()
    {
        Parameter weight = new(Tensor.Ones([2, 3])), bias = new(Tensor.Zeros([2]));
        var tape = new Tape();
        Tensor.Ones([4, 3]).Linear(tape.Watch(weight), bias).Sum().Backward();
        Assert.Equal([4f, 4f], bias.Gradient!.ToArray<float>());
    }

    [Fact]
    public void Parameter_gradients_add_up_until_ZeroGrad()
    {
        var weight = new Parameter(Tensor.From(1.0, 2.0));
        var tape = new Tape();
        for (int pass = 1; pass <= 2; pass++)
        {
            tape.Reset();
            (tape.Watch(weight) * tape.Watch(weight)).Sum().Backward();
            Assert.Equal([2.0 * pass, 4.0 * pass], weight.Gradient!.ToArray<double>());
        }

        weight.ZeroGrad();
        Assert.Null(weight.Gradient);
        tape.Reset();
        tape.Watch(weight).Sum().Backward();
        Assert.Equal([1.0, 1.0], weight.Gradient!.ToArray<double>());
    }

    [Fact]
    public void A_parameter_converted_in_the_middle_of_a_pass_is_refused()
    {
        var parameter = new Parameter(Tensor.Ones([1000], DType.Float64), "weight");
        var tape = new Tape();
        Tensor y = (tape.Watch(parameter) * 2.0).Sum();
        parameter.To(DType.Float32);
        Assert.Contains("it was converted to another type in the middle of a pass. Reset the tape",
            Assert.Throws<InvalidOperationException>(y.Backward).Message, StringComparison.Ordinal);
        Assert.Null(parameter.Gradient);
        tape.Reset();
        (tape.Watch(parameter) * 2.0).Sum().Backward();
        Assert.All(parameter.Gradient!.ToArray<float>(), g => Assert.Equal(2, g));
    }

    [Fact]
    public unsafe void A_pointer_of_another_type_is_refused() =>
        Assert.Throws<InvalidOperationException>(() => (nint)Tensor.Ones([3]).Pointer<double>());

    [Fact]
    public void Input_refuses_what_would_lose_a_gradient()
    {
        var parameter = new Parameter(Tensor.Ones([3], DType.Float64), "weight");
        var tape = new Tape();
        foreach (Tensor values in new[] {
            parameter, parameter.Value * 2, parameter.Value.To(DType.Float32), (parameter.Value * 2).To(DType.Float32),
            tape.Watch(parameter), tape.Watch(parameter) * 2, (tape.Watch(parameter) * 2).To(DType.Float32), })
        {
            Assert.StartsWith("Tape.Input: expected data, got values of shape (3) that belong to a parameter",
                Assert.Throws<InvalidOperationException>(() => tape.Input(values)).Message, StringComparison.Ordinal);
            Assert.Equal(values.DType, tape.Input(values.Detach()).DType);
            tape.Input(values.Clone());
        }

        Tensor converted = parameter.Value.To(DType.Float32);
        Assert.Throws<InvalidOperationException>(() => tape.Input(Tensor.Ones([3])) * converted);
        Assert.Equal(3, converted.Sum().Item());
        tape.Input(new Parameter(Tensor.Ones([3])).Value.Clone().To(DType.Float64));
        (tape.Input(Tensor.Ones([3])) * new Parameter(converted)).Sum().Backward();
    }

    [Fact]
    public void Operands_that_share_a_slot_all_contribute()
    {
        // The same values once through one parameter in every role, once through one parameter for each role.
        var shared = new Parameter(Tensor.From(0.5, -1, 2), "shared");
        var tape = new Tape();
        Tensor weights = Tensor.From(new double[,] { { 1, -2, 3 } });
        Tensor x = tape.Watch(shared);
        (x.LayerNorm([3], x, x) * weights.Reshape(3)).Sum().Backward();
        Parameter a = new(shared.Value.Clone()), b = new(shared.Value.Clone()), c = new(shared.Value.Clone());
        tape.Reset();
        (tape.Watch(a).LayerNorm([3], b, c) * weights.Reshape(3)).Sum().Backward();
        Assert.Equal((a.Gradient! + b.Gradient! + c.Gradient!).ToArray<double>(), shared.Gradient!.ToArray<double>());
        tape.Reset();
        Tensor activation = tape.Input(shared.Value.Clone(), requiresGradient: true);
        (activation.LayerNorm([3], activation, null) * weights.Reshape(3)).Sum().Backward();
        Assert.Equal((a.Gradient! + b.Gradient!).ToArray<double>(), activation.Gradient!.ToArray<double>());
    }

    [Fact]
    public void A_pass_given_up_between_Open_and_Close_leaves_no_slot_open()
    {
        var parameter = new Parameter(Tensor.Ones([3]));
        var tape = new Tape();
        tape.OpenGradient(tape.Watch(parameter)).Fill(7);
        tape.Reset();
        tape.Watch(parameter).Sum().Backward();
        Assert.Equal([1f, 1f, 1f], parameter.Gradient!.ToArray<float>());
    }

    [Fact]
    public void The_cotangent_of_a_parameter_is_its_gradient()
    {
        var parameter = new Parameter(Tensor.Ones([2], DType.Float64));
        var tape = new Tape();
        for (int pass = 1; pass <= 2; pass++)
        {
            tape.Reset();
            Tensor cotangent = Tensor.From(3.0, 4.0);
            tape.Watch(parameter).Backward(cotangent);
            Assert.Equal([3.0 * pass, 4.0 * pass], parameter.Gradient!.ToArray<double>());
            Assert.Equal([3.0, 4.0], cotangent.ToArray<double>());
        }
    }

    [Fact]
    public void An_op_refused_after_the_backward_pass_leaves_no_trace()
    {
        var norm = new BatchNorm1d(3);
        var tape = new Tape();
        norm.Forward(tape.Input(Tensor.RandomNormal([8, 3], new Philox(1)))).Square().Sum().Backward();
        float[] mean = norm.Running!.Mean.Value.ToArray<float>();
        long tracked = norm.Running!.NumBatchesTracked.Value.AsSpan<long>()[0];
        Tensor more = tape.Input(Tensor.RandomNormal([8, 3], new Philox(2)));
        Assert.StartsWith(
            "BatchNorm", Assert.Throws<InvalidOperationException>(object? () => norm.Forward(more)).Message,
            StringComparison.Ordinal);
        Assert.Equal(mean, norm.Running!.Mean.Value.ToArray<float>());
        Assert.Equal(tracked, norm.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(8 * 3, (more + 1).Count);
    }

    [Fact]
    public void A_stale_cotangent_does_not_spend_the_pass()
    {
        Tape tape = new(), other = new();
        Tensor cotangent = other.Input(Tensor.Ones([3]));
        other.Reset();
        Tensor x = tape.Input(Tensor.Ones([3]), requiresGradient: true);
        Tensor y = x * 2;
        Assert.Throws<InvalidOperationException>(() => y.Backward(cotangent));
        y.Backward(Tensor.Ones([3]));
        Assert.Equal([2f, 2f, 2f], x.Gradient!.ToArray<float>());
    }

    [Fact]
    public void Freezing_a_parameter_in_the_pass_leaves_earlier_ops_as_they_were()
    {
        var parameter = new Parameter(Tensor.Ones([3]));
        var tape = new Tape();
        Tensor early = tape.Watch(parameter) * 2;
        parameter.RequiresGradient = false;
        Tensor late = tape.Watch(parameter) * 5;
        Assert.False(late.RequiresGradient);
        (early + late).Sum().Backward();
        Assert.Equal([2f, 2f, 2f], parameter.Gradient!.ToArray<float>());
    }

    [Fact]
    public void Reset_works_from_any_state()
    {
        var tape = new Tape();
        tape.Reset();
        Tensor x = tape.Input(Tensor.Ones([4, 3]), requiresGradient: true);
        Tensor y = x.Square();
        Assert.Throws<ArgumentException>(() => y + tape.Input(Tensor.Ones([2])));
        tape.Reset();
        x = tape.Input(Tensor.Ones([2, 2]), requiresGradient: true);
        x.Square().Sum().Backward();
        Assert.Equal([2f, 2f, 2f, 2f], x.Gradient!.ToArray<float>());
        tape.Reset();
        tape.Reset();
        Assert.Equal(0, tape.OpCount);
    }

    [Fact]
    public void Two_tapes_do_not_mix()
    {
        Tensor a = new Tape().Input(Tensor.Ones([3])), b = new Tape().Input(Tensor.Ones([3]));
        Assert.StartsWith("Add: the operands ride on two different tapes.",
            Assert.Throws<InvalidOperationException>(() => a + b).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Tensor.Concat([a, b]));
    }

    [Fact]
    public void A_steady_step_allocates_only_handles()
    {
        Parameter w1 = new(Tensor.RandomNormal([100, 64], new Philox(1)) * 0.1), b1 = new(Tensor.Zeros([100])),
            w2 = new(Tensor.RandomNormal([10, 100], new Philox(2)) * 0.1);
        Tensor batch = Tensor.RandomNormal([50, 64], new Philox(3)), labels = Tensor.Labels(new int[50]);
        var tape = new Tape();
        void Step()
        {
            tape.Reset();
            tape.Input(batch).Linear(w1, b1).ReLU().Dropout(0.1).Linear(w2).CrossEntropy(labels).Backward();
            w1.ZeroGrad();
            b1.ZeroGrad();
            w2.ZeroGrad();
        }

        for (int i = 0; i < 5; i++) Step();
        long capacity = tape.CapacityInBytes, before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) Step();
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before <= 10 * 4096,
            $"{(GC.GetAllocatedBytesForCurrentThread() - before) / 10} bytes a step");
        Assert.Equal(capacity, tape.CapacityInBytes);
    }

    [Fact]
    public void The_same_bits_for_any_number_of_threads()
    {
        Tensor x = Tensor.RandomNormal([300, 257], new Philox(1)), w = Tensor.RandomNormal([33, 257], new Philox(2)),
            scale = Tensor.RandomNormal([257], new Philox(3));
        Tensor labels = Tensor.Labels(new int[300]);
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        byte[]? expected = null;
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            var tape = new Tape { Seed = 1 };
            Tensor a = tape.Input(x, requiresGradient: true), b = tape.Input(w, requiresGradient: true),
                s = tape.Input(scale, requiresGradient: true);
            Tensor centered = a - a.Mean([0], keepDims: true);
            Tensor hidden = (centered / (a.Variance([0], keepDims: true) + 1e-5).Sqrt() * s).GELU().Dropout(0.2);
            Tensor loss = hidden.Linear(b).CrossEntropy(labels) + hidden.Transpose(0, 1).Softmax().Square().Sum();
            loss.Backward();
            byte[] bits = [.. loss.Bytes(), .. a.Gradient!.Bytes(), .. b.Gradient!.Bytes(), .. s.Gradient!.Bytes()];
            expected ??= bits;
            Assert.Equal(expected, bits);
        }
    }
}
