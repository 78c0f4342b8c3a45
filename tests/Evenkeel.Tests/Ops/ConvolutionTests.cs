using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class ConvolutionTests
{
    [Theory]
    [InlineData(2, 3, 5, 6, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1)]
    [InlineData(2, 1, 6, 5, 2, 5, 5, 1, 1, 2, 2, 1, 1, 1)]
    [InlineData(1, 4, 7, 9, 6, 3, 2, 2, 3, 1, 0, 1, 2, 2)]
    [InlineData(2, 3, 8, 7, 6, 2, 3, 3, 2, 2, 3, 2, 1, 3)]
    [InlineData(2, 3, 4, 3, 5, 1, 1, 1, 1, 0, 0, 1, 1, 1)]
    [InlineData(2, 2, 5, 7, 17, 2, 3, 1, 1, 0, 1, 1, 1, 1)]
    public void Gradients_of_planes(
        int n, int c, int h, int w, int filters, int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw,
        int groups) =>
        Passes(GradientCheck.Run(t => t[0].Conv2d(t[1], t[2], (sh, sw), (ph, pw), (dh, dw), groups), [
            Random([n, c, h, w], 1), Random([filters, c / groups, kh, kw], 2), Random([filters], 3)]));

    [Theory]
    [InlineData(3, 1, 1, 1, 1)]
    [InlineData(2, 2, 1, 1, 1)]
    [InlineData(3, 1, 2, 2, 2)]
    [InlineData(4, 3, 0, 1, 1)]
    public void Gradients_of_rows(int kernel, int stride, int padding, int dilation, int groups) =>
        Passes(GradientCheck.Run(t => t[0].Conv1d(t[1], t[2], stride, padding, dilation, groups),
            [Random([2, 4, 11], 1), Random([6, 4 / groups, kernel], 2), Random([6], 3)]));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(4, 3)]
    public void Same_keeps_the_size_and_puts_the_extra_column_at_the_end(int kernel, int dilation)
    {
        Tensor x = Random([2, 2, 6, 7], 1), weight = Random([3, 2, kernel, kernel], 2);
        Tensor y = x.Conv2d(weight, padding: Padding.Same, dilation: dilation);
        Assert.Equal(new Shape([2, 3, 6, 7]), y.Shape);
        int total = dilation * (kernel - 1), before = total / 2;

        // As much as the larger side on every side, then without the places that begin too early.
        Tensor twin = x.Conv2d(weight, padding: total - before, dilation: dilation);
        int extra = total - (2 * before);
        Close.To(NaiveOps.Doubles(twin.Slice(2, extra, 6).Slice(3, extra, 7)), y);
        Passes(GradientCheck.Run((u, v) => u.Conv2d(v, padding: Padding.Same, dilation: dilation), x, weight));
    }

    /// <summary>The numbers of docs/derivations/convolution.md, worked out by hand.</summary>
    [Theory]
    [InlineData(1, new[] { 0.0, 5, 1 }, new[] { 1.0, 0, 2 })]
    [InlineData(2, new[] { 0.0, 1 }, new[] { 1.0, 2 })]
    public void The_example_of_the_derivation(int stride, double[] y, double[] dy)
    {
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.From([1.0, 3, 2, 4], [1, 4]), requiresGradient: true),
            weight = tape.Input(Tensor.From([2.0, -1], [1, 1, 2]), requiresGradient: true);
        Tensor bias = tape.Input(Tensor.From([1.0], [1]), requiresGradient: true);
        Tensor result = x.Conv1d(weight, bias, stride);
        Assert.Equal(y, result.ToArray<double>());
        result.Backward(Tensor.From(dy, [1, dy.Length]));
        Assert.Equal([5.0, 11], weight.Gradient!.ToArray<double>());
        Assert.Equal([3.0], bias.Gradient!.ToArray<double>());
        Assert.Equal([2.0, -1, 4, -2], x.Gradient!.ToArray<double>());
    }

    [Fact]
    public void Rows_are_planes_of_one_row()
    {
        Tensor x = Random([2, 4, 19], 1), weight = Random([6, 2, 3], 2), bias = Random([6], 3);
        Tensor y = x.Conv1d(weight, bias, stride: 2, padding: 3, dilation: 2, groups: 2);
        Assert.Equal(new Shape([2, 6, 11]), y.Shape);
        Close.To(
            NaiveOps.Doubles(
                x.Reshape(2, 4, 1, 19).Conv2d(weight.Reshape(6, 2, 1, 3), bias, (1, 2), (0, 3), (1, 2), 2)),
            y);
    }

    [Fact]
    public void One_image_needs_no_batch()
    {
        Tensor x = Random([2, 5, 6], 1), weight = Random([3, 2, 3, 3], 2), row = Random([2, 9], 3),
            rowWeight = Random([3, 2, 4], 4);
        Tensor y = x.Conv2d(weight, padding: 1);
        Assert.Equal(new Shape([3, 5, 6]), y.Shape);
        Close.To(NaiveOps.Doubles(x.Reshape(1, 2, 5, 6).Conv2d(weight, padding: 1)), y);
        Assert.Equal(new Shape([3, 6]), row.Conv1d(rowWeight).Shape);
        Passes(GradientCheck.Run((u, v) => u.Conv2d(v, padding: 1), x, weight));
        Passes(GradientCheck.Run((u, v) => u.Conv1d(v), row, rowWeight));
    }

    [Fact]
    public void A_window_of_one_point_is_a_linear_map_of_the_channels()
    {
        Tensor x = Random([2, 5, 3, 4], 1), weight = Random([7, 5, 1, 1], 2), bias = Random([7], 3);
        Tensor twin = x.Permute(0, 2, 3, 1).Linear(weight.Reshape(7, 5), bias).Permute(0, 3, 1, 2);
        Close.To(NaiveOps.Doubles(twin), x.Conv2d(weight, bias));
    }

    [Fact]
    public void A_NaN_reaches_the_windows_that_see_it_and_no_others()
    {
        Tensor x = Tensor.Ones([1, 1, 40, 40]), weight = Tensor.Ones([1, 1, 3, 3]);
        x.AsSpan<float>()[(20 * 40) + 20] = float.NaN;
        float[] y = x.Conv2d(weight, padding: 1).ToArray<float>();
        for (int i = 0; i < y.Length; i++)
            Assert.Equal(Math.Abs((i / 40) - 20) <= 1 && Math.Abs((i % 40) - 20) <= 1, float.IsNaN(y[i]));
    }

    [Fact]
    public void An_empty_batch_has_an_empty_result_and_gradients_of_zero()
    {
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.Zeros([0, 2, 5, 5]), requiresGradient: true),
            weight = tape.Input(Random([3, 2, 3, 3], 1).To(DType.Float32), requiresGradient: true);
        Tensor bias = tape.Input(Tensor.Ones([3]), requiresGradient: true);
        Tensor y = x.Conv2d(weight, bias);
        Assert.Equal(new Shape([0, 3, 3, 3]), y.Shape);
        y.Backward(Tensor.Zeros(y.Shape));
        Assert.All(weight.Gradient!.ToArray<float>(), value => Assert.Equal(0, value));
        Assert.All(bias.Gradient!.ToArray<float>(), value => Assert.Equal(0, value));
        Assert.Equal(x.Shape, x.Gradient!.Shape);
    }

    [Fact]
    public void A_step_beyond_the_input_is_no_step()
    {
        // One window each way, whose steps are never taken: they must not cost memory, nor overflow.
        foreach (int stride in new[] { 6, 20_000, int.MaxValue })
        {
            var tape = new Tape();
            Tensor x = tape.Input(Random([2, 2, 8, 8], 1), requiresGradient: true),
                weight = tape.Input(Random([3, 2, 3, 3], 2), requiresGradient: true), dy = Random([2, 3, 1, 1], 3);
            Tensor y = x.Conv2d(weight, stride: stride);
            Assert.Equal(new Shape([2, 3, 1, 1]), y.Shape);
            y.Backward(dy);
            var twin = new Tape();
            Tensor corner = twin.Input(x.Detach().Slice(2, 0, 3).Slice(3, 0, 3), requiresGradient: true),
                again = twin.Input(weight.Detach(), requiresGradient: true);
            Tensor z = corner.Conv2d(again);
            z.Backward(dy);
            Assert.Equal(z.ToArray<double>(), y.ToArray<double>());
            Close.To(again.Gradient!.ToArray<double>(), weight.Gradient!);
            Close.To(corner.Gradient!.ToArray<double>(), x.Gradient!.Slice(2, 0, 3).Slice(3, 0, 3));
            Assert.Equal(2 * 2 * 9, x.Gradient!.ToArray<double>().Count(static value => value != 0));
        }
    }

    [Fact]
    public void A_padded_plane_beyond_an_int_is_refused()
    {
        // Each gave wrong values or read memory that is not there.
        Tensor x = Tensor.Zeros([1, 1, 8, 8]), weight = Tensor.Zeros([1, 1, 3, 3]);
        Fails(
            "Conv2d: expected padded planes of fewer than 2^31 values, got (80008, "
            + "80008) from an input of shape (1, 1, 8, 8).",
            () => x.Conv2d(weight, stride: 40_000, padding: 40_000));
        Fails("Conv2d: expected padded planes of fewer than 2^31 values, got (4294967302, 4294967302)",
            () => x.Conv2d(weight, padding: int.MaxValue));
        Fails("Conv1d: expected padded planes of fewer than 2^31 values, got (4294967299)",
            () => Tensor.Zeros([1, 5]).Conv1d(Tensor.Zeros([1, 1, 3]), stride: int.MaxValue, padding: int.MaxValue));
    }

    [Fact]
    public void Errors_say_what_is_expected()
    {
        Tensor x = Tensor.Zeros([8, 3, 5, 6]), weight = Tensor.Zeros([4, 3, 3, 3]);
        Fails(
            "Conv2d: expected an input of shape (N, 3, H, W) or (3, H, W) for a weight of shape (4, 3, 3, "
            + "3) and 1 group, got (8, 4, 5, 6).",
            () => Tensor.Zeros([8, 4, 5, 6]).Conv2d(weight));
        Fails(
            "Conv2d: expected an input of shape (N, 6, H, W) or (6, H, W) for a weight of shape (4, 3, 3, "
            + "3) and 2 groups, got (8, 3, 5, 6).",
            () => x.Conv2d(weight, groups: 2));
        Fails(
            "Conv2d: expected an input of shape (N, 3, H, W) or (3, H, W) for a weight of shape (4, 3, 3, "
            + "3) and 1 group, got (3, 5). Reshape",
            () => Tensor.Zeros([3, 5]).Conv2d(weight));
        Fails("Conv2d: expected a number of filters that 3 groups divide, got 4",
            () => Tensor.Zeros([8, 9, 5, 6]).Conv2d(weight, groups: 3));
        Fails(
            "Conv2d: expected an input that, padded, is as large as the window of (3, 7) or larger, got (7, "
            + "6) from an input of shape (8, 3, 5, 6).",
            () => x.Conv2d(Tensor.Zeros([4, 3, 3, 7]), padding: (1, 0)));
        Fails("Conv2d: expected an input that, padded, is as large as the window of (9, 3) or larger, got (7, 6)",
            () => x.Conv2d(weight, padding: (1, 0), dilation: (4, 1)));
        Fails("Conv2d: expected a weight of shape (out, in/groups, kh, kw), got (4, 27).",
            () => x.Conv2d(Tensor.Zeros([4, 27])));
        Fails("Conv2d: expected a weight with sizes of 1 or more, got (4, 3, 0, 3).",
            () => x.Conv2d(Tensor.Zeros([4, 3, 0, 3])));
        Fails("Conv2d: expected a bias of shape (4) for a weight of shape (4, 3, 3, 3), got (3).",
            () => x.Conv2d(weight, Tensor.Zeros([3])));
        Fails("Conv2d: expected a stride of 1 or more, got (0, 1).", () => x.Conv2d(weight, stride: (0, 1)));
        Fails("Conv2d: expected a dilation of 1 or more, got (1, 0).", () => x.Conv2d(weight, dilation: (1, 0)));
        Fails("Conv2d: expected a padding of 0 or more, got (-1, 0).", () => x.Conv2d(weight, padding: (-1, 0)));
        Fails("Conv2d: expected a stride of 1 with Padding.Same, got (2, 2).",
            () => x.Conv2d(weight, stride: 2, padding: Padding.Same));
        Fails("Conv2d: expected 1 or more groups, got 0.", () => x.Conv2d(weight, groups: 0));
        Fails("Conv2d: expected an input with sizes of 1 or more except for N, got (8, 3, 0, 6).",
            () => Tensor.Zeros([8, 3, 0, 6]).Conv2d(weight, padding: 2));
        Fails("Conv2d: expected operands of one element type", () => x.Conv2d(weight.To(DType.Float64)));
        Fails(
            "Conv1d: expected an input of shape (N, 3, L) or (3, L) for a weight of shape (4, 3, "
            + "3) and 1 group, got (8, 3, 5, 6).",
            () => x.Conv1d(Tensor.Zeros([4, 3, 3])));
        Fails(
            "Conv1d: expected an input that, padded, is as large as the window of (9) or larger, "
            + "got (7) from an input of shape (3, 5).",
            () => Tensor.Zeros([3, 5]).Conv1d(Tensor.Zeros([4, 3, 3]), padding: 1, dilation: 4));
        Fails("Conv1d: expected one padding for both ends, got (1, 2).",
            () => Tensor.Zeros([3, 5]).Conv1d(Tensor.Zeros([4, 3, 3]), padding: (1, 2)));
        Fails("Conv1d: expected a stride of 1 or more, got -1.",
            () => Tensor.Zeros([3, 5]).Conv1d(Tensor.Zeros([4, 3, 3]), stride: -1));
    }

    private static void Fails(string message, Action action) =>
        Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);

    private static Tensor Random(Shape shape, ulong seed) =>
        Tensor.RandomNormal(shape, new Philox(seed), DType.Float64);

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
