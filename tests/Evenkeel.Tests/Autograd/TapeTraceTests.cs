using Evenkeel.Nn;
using Xunit;

namespace Evenkeel.Tests.Autograd;

public sealed class TapeTraceTests
{
    [Fact]
    public void A_traced_op_says_what_it_is_its_settings_and_the_module_it_ran_in()
    {
        var model = new Sequential(
            new Conv2d(2, 4, (3, 1), stride: (2, 1), padding: (1, 0), bias: false), new BatchNorm2d(4, eps: 1e-3));
        TapeTrace trace = Trace(model, [2, 2, 5, 5], out _, out _);

        Assert.Equal(["Conv", "FixedNorm"], trace.Ops.Select(static op => op.Kind));
        Assert.Equal(["Conv2d", "BatchNorm"], trace.Ops.Select(static op => op.Name));
        Assert.Equal([model[0], model[1]], trace.Ops.Select(static op => op.Scope));
        OpSettings convolution = trace.Ops[0].Settings, norm = trace.Ops[1].Settings;
        Assert.Equal([2, 1], convolution.Integers("stride"));
        Assert.Equal([1, 0], convolution.Integers("before"));
        Assert.Equal([1, 0], convolution.Integers("after"));
        Assert.Equal(1, convolution.Integer("groups"));
        Assert.False(convolution.Flag("relu"));
        Assert.Equal(1e-3, norm.Number("eps"));
        Assert.Same(((BatchNorm2d)model[1]).Running!.Mean.Value, norm.TensorOf("mean"));
        Assert.Same(((BatchNorm2d)model[1]).Weight, norm.TensorOf("gamma")!.Parameter);
    }

    [Fact]
    public void Ops_that_share_a_name_are_of_different_kinds()
    {
        TapeTrace trace = Trace(
            new Formula(static x => ((x + x) + 2) / 4 / x), [3], out _, out _);

        Assert.Equal(["Add", "AddScalar", "DivideByScalar", "Divide"], trace.Ops.Select(static op => op.Kind));
        Assert.Equal(2, trace.Ops[1].Settings.Number("value"));
        Assert.Equal(4, trace.Ops[2].Settings.Number("value"));
    }

    [Fact]
    public void Integers_that_pass_through_ops_stay_on_the_trace()
    {
        var trace = new TapeTrace();
        var tape = new Tape(Mode.Eval) { Trace = trace };
        Tensor numbers = tape.Input(Tensor.From(new long[] { 0, 2, 1, 0 }, [2, 2]));
        Tensor rows = numbers.Slice(0, 1, 1).Embedding(Tensor.Ones([3, 4]));

        Assert.Equal(
            ["Reinterpret", "Slice", "Reinterpret", "Embedding"], trace.Ops.Select(static op => op.Kind));
        TracedOp embedding = trace.Maker(rows)!;
        Assert.Same(trace.Ops[2].Output, embedding.Settings.TensorOf("rows"));
        Assert.Same(numbers, trace.Ops[0].Operands[0]);
    }

    [Fact]
    public void Settings_that_follow_the_batch_are_found()
    {
        var model = new Formula(static x => x / x.Shape[0]);
        TapeTrace two = Trace(model, [2, 3], out _, out _), three = Trace(model, [3, 3], out _, out _);

        Assert.Equal("value", two.Ops[0].Settings.DifferenceTo(three.Ops[0].Settings));
        Assert.Null(two.Ops[0].Settings.DifferenceTo(two.Ops[0].Settings));
    }

    private static TapeTrace Trace(Module model, Shape shape, out Tensor x, out Tensor y)
    {
        var trace = new TapeTrace();
        x = new Tape(Mode.Eval) { Trace = trace }.Input(Tensor.Ones(shape));
        y = model.Forward(x);
        return trace;
    }

    private sealed class Formula(Func<Tensor, Tensor> formula) : Module
    {
        protected override Tensor ForwardCore(Tensor x) => formula(x);
    }
}
