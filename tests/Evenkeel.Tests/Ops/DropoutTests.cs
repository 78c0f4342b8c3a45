using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests;

public sealed class DropoutTests
{
    [Fact]
    public void Keeps_the_mean_and_drops_the_share()
    {
        var tape = new Tape { Seed = 5 };
        float[] y = tape.Input(Tensor.Ones([100000])).Dropout(0.25).ToArray<float>();
        Assert.All(y, v => Assert.True(v == 0 || v == 1 / 0.75f));
        // Four standard deviations of a binomial share: 4·sqrt(0.25·0.75/100000).
        Assert.Equal(0.25, y.Count(v => v == 0) / 100000.0, 0.0055);
        Assert.All(tape.Input(Tensor.Ones([100])).Dropout(1).ToArray<float>(), v => Assert.Equal(0, v));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Dropping_everything_gives_zeros_forward_and_back_whatever_was_there(DType dtype)
    {
        Tensor values = Tensor.From([1.0, -2, double.PositiveInfinity, double.NaN, double.MaxValue, -0.0], [1, 2, 3])
            .To(dtype);
        foreach (Func<Tensor, Tensor> drop in new Func<Tensor, Tensor>[] {
            x => x.Dropout(1), x => x.Dropout2d(1), new Dropout(1).Forward, new Dropout2d(1).Forward, })
        {
            var tape = new Tape();
            Tensor x = tape.Input(values, requiresGradient: true), y = drop(x);
            Assert.True(y.Bytes().SequenceEqual(Tensor.Zeros(y.Shape, dtype).Bytes()));
            y.Backward(Tensor.Full(y.Shape, double.PositiveInfinity, dtype));
            Assert.True(x.Gradient!.Bytes().SequenceEqual(Tensor.Zeros(y.Shape, dtype).Bytes()));
            Tensor eval = new Tape(Mode.Eval).Input(values);
            Assert.Same(eval, drop(eval));
        }
    }

    [Fact]
    public void Is_the_identity_in_Eval_and_without_a_tape()
    {
        Tensor x = Tensor.Ones([10]);
        Assert.Same(x, x.Dropout(0.5));
        Tensor taped = new Tape(Mode.Eval).Input(x);
        Assert.Same(taped, taped.Dropout(0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Dropout(1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Dropout(double.NaN));
    }

    [Fact]
    public void The_draw_is_named_by_seed_step_and_op()
    {
        Tensor x = Tensor.Ones([1000]);
        var tape = new Tape { Seed = 1 };
        float[] Draw() => tape.Input(x).Dropout(0.5).ToArray<float>();
        float[] first = Draw(), secondOp = Draw();
        tape.Reset();
        float[] secondStep = Draw();
        Assert.NotEqual(first, secondOp);
        Assert.NotEqual(first, secondStep);
        var again = new Tape { Seed = 1 };
        Assert.Equal(first, again.Input(x).Dropout(0.5).ToArray<float>());
        again.Reset();
        again.RandomStep = 0;
        Assert.Equal(first, again.Input(x).Dropout(0.5).ToArray<float>());
        Assert.NotEqual(first, new Tape { Seed = 2 }.Input(x).Dropout(0.5).ToArray<float>());
    }

    [Fact]
    public void Ops_that_draw_nothing_do_not_change_the_draws()
    {
        Tensor x = Tensor.Ones([1000]);
        var tape = new Tape { Seed = 1 };
        float[] alone = tape.Input(x).Dropout(0.5).ToArray<float>();
        tape.Reset();
        tape.RandomStep = 0;
        Assert.Equal(alone, tape.Input(x).ReLU().Abs().Dropout(0.5).ToArray<float>());
    }

    [Fact]
    public void Gradient_passes_the_same_mask()
    {
        GradientCheckResult result = GradientCheck.Run(
            v => v.Dropout(0.4) * v, Tensor.RandomNormal([6, 7], new Philox(1), DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }
}
