using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class PoolingTests
{
    public static TheoryData<int[], bool> Windows
    {
        get
        {
            var data = new TheoryData<int[], bool>();
            int[][] all =
            [
                // h, w, kh, kw, sh, sw, ph, pw, dh, dw
                [28, 28, 2, 2, 2, 2, 0, 0, 1, 1],
                [10, 10, 2, 2, 2, 2, 0, 0, 1, 1],
                [14, 6, 2, 2, 2, 2, 0, 0, 1, 1],
                [2, 2, 2, 2, 2, 2, 0, 0, 1, 1],
                [4, 34, 2, 2, 2, 2, 0, 0, 1, 1],
                [6, 16, 2, 2, 2, 2, 0, 0, 1, 1],
                [7, 18, 2, 2, 2, 2, 0, 0, 1, 1],
                [8, 15, 2, 2, 2, 2, 0, 0, 1, 1],
                [9, 35, 2, 2, 2, 2, 0, 0, 1, 1],
                [3, 3, 2, 2, 2, 2, 0, 0, 1, 1],
                [9, 11, 3, 3, 2, 2, 1, 1, 1, 1],
                [8, 7, 3, 2, 1, 3, 1, 0, 1, 1],
                [7, 7, 3, 3, 3, 2, 0, 1, 2, 1],
                [11, 10, 2, 3, 2, 2, 1, 1, 3, 2],
                [5, 5, 5, 5, 1, 1, 2, 2, 1, 1],
                [6, 5, 1, 1, 2, 3, 0, 0, 1, 1],
                [1, 9, 1, 4, 1, 2, 0, 2, 1, 2],
                [5, 6, 2, 2, 3, 4, 1, 1, 1, 1],
                [1, 1, 2, 2, 1, 1, 1, 1, 2, 2],
            ];
            foreach (int[] one in all)
            {
                data.Add(one, false);
                data.Add(one, true);
            }

            return data;
        }
    }

    /// <summary>
    /// The planes fall into one chunk and into several; the values have ties, and the largest of
    /// a window may be negative.
    /// </summary>
    [Theory]
    [MemberData(nameof(Windows))]
    public void MaxPool_is_the_naive_one(int[] sizes, bool ceil)
    {
        NaivePool naive = Naive(sizes, ceil);
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (int planes in new[] { 1, 3, 2 + 40_000 / naive.Height / naive.Width })
            {
                Tensor x = Coarse([planes, naive.Height, naive.Width], dtype);
                (Tensor y, Tensor dx, Tensor dy) = Pass(
                    x, input => input.MaxPool2d(naive.Kernel, naive.Stride, naive.Padding, naive.Dilation, naive.Ceil));
                Assert.Equal(new Shape(planes, naive.Rows, naive.Columns), y.Shape);
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Close.To(gradient, dx);
                Assert.Equal(expected, NaiveOps.Doubles(
                    x.MaxPool2d(naive.Kernel, naive.Stride, naive.Padding, naive.Dilation, naive.Ceil)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void AvgPool_is_the_naive_one(int[] sizes, bool ceil)
    {
        NaivePool naive = Naive(sizes, ceil) with { Dilation = (1, 1) };
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach ((bool includePad, int? divisor) in
                new (bool, int?)[] { (true, null), (false, null), (true, 3), (true, -2) })
            {
                int planes = divisor is null && includePad ? 2 + 40_000 / naive.Height / naive.Width : 3;
                Tensor x = Tensor.RandomNormal([planes, naive.Height, naive.Width], new Philox(3), dtype);
                (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.AvgPool2d(
                    naive.Kernel, naive.Stride, naive.Padding, naive.Ceil, includePad, divisor));
                Assert.Equal(new Shape(planes, naive.Rows, naive.Columns), y.Shape);
                (double[] expected, double[] gradient) = naive.Average(
                    NaiveOps.Doubles(x), NaiveOps.Doubles(dy), includePad, divisor);
                Close.To(expected, y);
                Close.To(gradient, dx);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void Gradients_are_those_of_differences(int[] sizes, bool ceil)
    {
        NaivePool naive = Naive(sizes, ceil);
        if (naive.Height * naive.Width is 1 or > 130) return;

        // Values apart from each other by more than the step of the differences.
        Tensor x = Tensor.Zeros([2, naive.Height, naive.Width], DType.Float64);
        double[] order = [.. Enumerable.Range(0, x.Count).Select(i => (double)i)];
        new System.Random(3).Shuffle(order);
        order.Select(value => (value - x.Count / 3.0) / 10).ToArray().CopyTo(x.AsSpan<double>());
        Passes(GradientCheck.Run(
            v => v.MaxPool2d(naive.Kernel, naive.Stride, naive.Padding, naive.Dilation, naive.Ceil), x));
        Passes(GradientCheck.Run(
            v => v.AvgPool2d(naive.Kernel, naive.Stride, naive.Padding, naive.Ceil, countIncludePad: false), x));
        Passes(GradientCheck.Run(v => v.AdaptiveAvgPool2d((3, 2)), x));
    }

    [Fact]
    public void A_window_may_count_more_places_than_an_int()
    {
        // 65,537² = 2^32 + 2^17 + 1, most of it padding.
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.Ones([1, 1, 1, 1], DType.Float64), requiresGradient: true),
            y = x.AvgPool2d(65_537, 1, 32_768);
        y.Backward(Tensor.Ones([1, 1, 1, 1], DType.Float64));
        Assert.Equal([1 / (65_537.0 * 65_537.0)], y.ToArray<double>());
        Assert.Equal([1 / (65_537.0 * 65_537.0)], x.Gradient!.ToArray<double>());
    }

    [Fact]
    public void Quads_of_all_widths_are_the_naive_ones()
    {
        for (int width = 2; width <= 70; width++)
        {
            foreach (int height in new[] { 2, 3, 8 })
            {
                var naive = new NaivePool(height, width, (2, 2), (2, 2), (0, 0), (1, 1), Ceil: false);
                Tensor x = Coarse([5, height, width], DType.Float32);
                (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.MaxPool2d(2));
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Assert.Equal(gradient, NaiveOps.Doubles(dx));
                (y, dx, dy) = Pass(x, input => input.AvgPool2d(2));
                (expected, gradient) = naive.Average(
                    NaiveOps.Doubles(x), NaiveOps.Doubles(dy), includePad: true, divisor: null);
                Close.To(expected, y);
                Close.To(gradient, dx);
            }
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void NaN_propagates_and_the_last_one_has_the_gradient(DType dtype)
    {
        // Every place of NaNs in a quad, and infinities; the width has a pack and a rest.
        double[] values = [1, 2, double.NaN, double.NegativeInfinity, double.PositiveInfinity, 2, 0.0, -0.0];
        var random = new Philox(4);
        foreach (int width in new[] { 6, 40 })
        {
            Tensor x = Tensor.Zeros([30, 4, width], DType.Float64);
            foreach (ref double value in x.AsSpan<double>()) value = values[random.NextInt(values.Length)];
            x = x.To(dtype);
            foreach (int padding in new[] { 0, 1 })
            {
                var naive = new NaivePool(4, width, (2, 2), (2, 2), (padding, padding), (1, 1), Ceil: false);
                (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.MaxPool2d(2, padding: padding));
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Assert.Equal(gradient, NaiveOps.Doubles(dx));
            }
        }
    }

    [Fact]
    public void One_dimension_is_a_row_of_two()
    {
        Tensor x = Tensor.RandomNormal([3, 4, 23], new Philox(1), DType.Float64);
        foreach ((int kernel, int? stride, int padding, int dilation, bool ceil) in
            new (int, int?, int, int, bool)[] { (2, null, 0, 1, false), (3, 2, 1, 2, true), (5, 3, 2, 1, true) })
        {
            Tensor wide = x.Reshape(3, 4, 1, 23);
            Assert.Equal(
                wide.MaxPool2d((1, kernel), (1, stride ?? kernel), (0, padding), (1, dilation), ceil).ToArray<double>(),
                x.MaxPool1d(kernel, stride, padding, dilation, ceil).ToArray<double>());
            Assert.Equal(
                wide.AvgPool2d((1, kernel), (1, stride ?? kernel), (0, padding), ceil, countIncludePad: false)
                    .ToArray<double>(),
                x.AvgPool1d(kernel, stride, padding, ceil, countIncludePad: false).ToArray<double>());
            Passes(GradientCheck.Run(v => v.MaxPool1d(kernel, stride, padding, dilation, ceil), x));
            Passes(GradientCheck.Run(v => v.AvgPool1d(kernel, stride, padding, ceil), x));
        }

        Assert.Equal(new Shape(4, 11), x.Slice(0, 0, 1).Reshape(4, 23).MaxPool1d(2).Shape);
    }

    [Theory]
    [InlineData(7, 9, 3, 4)]
    [InlineData(4, 4, 1, 1)]
    [InlineData(2, 3, 5, 7)]
    [InlineData(6, 6, 3, 2)]
    public void Adaptive_pooling_cuts_evenly(int height, int width, int rows, int columns)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor x = Tensor.RandomNormal([2, 3, height, width], new Philox(5), dtype);
            (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.AdaptiveAvgPool2d((rows, columns)));
            Assert.Equal(new Shape(2, 3, rows, columns), y.Shape);
            (double[] expected, double[] gradient) = NaivePool.Adaptive(
                NaiveOps.Doubles(x), NaiveOps.Doubles(dy), height, width, rows, columns);
            Close.To(expected, y);
            Close.To(gradient, dx);
        }
    }

    [Fact]
    public void Adaptive_pooling_keeps_what_is_null()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 5, 7], new Philox(5));
        Assert.Equal(new Shape(2, 3, 5, 2), x.AdaptiveAvgPool2d((null, 2)).Shape);
        Assert.Equal(x.ToArray<float>(), x.AdaptiveAvgPool2d((null, null)).ToArray<float>());
        Assert.Equal(new Shape(3, 4, 4), new AdaptiveAvgPool2d(4).Forward(x.Slice(0, 0, 1).Reshape(3, 5, 7)).Shape);
    }

    [Fact]
    public void A_quarter_of_a_plane_of_floats_has_the_bits_of_its_tail()
    {
        // The last rows of a chunk are done one by one: the same values there and in the middle give the same bits.
        Tensor row = Tensor.RandomNormal([1, 10, 10], new Philox(6));
        Tensor many = Tensor.Concat([.. Enumerable.Repeat(row, 400)]);
        float[] y = many.AvgPool2d(2).ToArray<float>();
        for (int i = 0; i < y.Length; i++) Assert.Equal(y[i % 25], y[i]);
    }

    [Fact]
    public void What_cannot_be_pooled_says_why()
    {
        Tensor x = Tensor.Zeros([2, 3, 5, 5]);
        Says<ArgumentException>(
            "MaxPool2d: expected (N, C, H, W) or (C, H, W), got (5).", () => Tensor.Zeros([5]).MaxPool2d(2));
        Says<ArgumentException>("MaxPool1d: expected (N, C, L) or (C, L), got (2, 3, 5, 5).", () => x.MaxPool1d(2));
        Says<ArgumentException>(
            "MaxPool2d: expected planes of at least 7 for a kernel of 7 with padding 0 and dilation 1, got (2, 3, "
            + "5, 5). Use a smaller kernel",
            () => x.MaxPool2d(7));
        Says<ArgumentException>(
            "AvgPool2d: expected planes of at least 4 x 7 for a kernel of 4 x 7", () => x.AvgPool2d((4, 7)));
        Says<ArgumentException>(
            "MaxPool2d: expected planes of at least 7 for a kernel of 4 with padding 0 and dilation 2",
            () => x.MaxPool2d(4, dilation: 2));
        Says<ArgumentException>(
            "AvgPool1d: expected planes of at least 8 for a kernel of 8", () => x.Reshape(6, 5, 5).AvgPool1d(8));
        Says<ArgumentException>("AvgPool2d: expected planes of at least one value, got (2, 0, 5).",
            () => Tensor.Zeros([2, 0, 5]).AvgPool2d(2));
        Says<ArgumentException>("AdaptiveAvgPool2d: expected planes of at least one value",
            () => Tensor.Zeros([2, 3, 0, 5]).AdaptiveAvgPool2d(1));
        Says<ArgumentException>("AdaptiveAvgPool2d: expected (N, C, H, W) or (C, H, W), got (5, 5).",
            () => Tensor.Zeros([5, 5]).AdaptiveAvgPool2d(1));
        Says<ArgumentOutOfRangeException>(
            "MaxPool2d: expected a kernel size of 1 or more, got 0.", () => new MaxPool2d(0));
        Says<ArgumentOutOfRangeException>(
            "MaxPool2d: expected a stride of 1 or more, got 0.", () => new MaxPool2d(2, stride: 0));
        Says<ArgumentOutOfRangeException>(
            "MaxPool1d: expected a dilation of 1 or more, got 0.", () => new MaxPool1d(2, dilation: 0));
        Says<ArgumentOutOfRangeException>("AvgPool2d: expected a padding from 0 to half the kernel size (1), got 2.",
            () => new AvgPool2d(3, padding: 2));
        Says<ArgumentOutOfRangeException>(
            "AvgPool1d: expected a padding from 0 to half the kernel size", () => new AvgPool1d(3, padding: -1));
        Says<ArgumentOutOfRangeException>(
            "AvgPool2d: expected a divisor other than 0, got 0.", () => new AvgPool2d(3, divisorOverride: 0));
        Says<ArgumentOutOfRangeException>("AdaptiveAvgPool2d: expected an output of 1 or more rows and columns",
            () => new AdaptiveAvgPool2d((0, null)));
        Assert.Equal(new Shape(0, 3, 2, 2), Tensor.Zeros([0, 3, 5, 5]).MaxPool2d(2).Shape);
        Assert.Equal(new Shape(2, 3, 1, 1), x.MaxPool2d(6, stride: 2, ceilMode: true).Shape);
    }

    /// <summary>Values from torch 1.13.1 for x = arange(30).reshape(1, 1, 5, 6)·7 mod 11.</summary>
    [Fact]
    public void Values_are_Torchs()
    {
        Tensor x = Tensor.Zeros([1, 1, 5, 6]);
        for (int i = 0; i < 30; i++) x.AsSpan<float>()[i] = i * 7 % 11;
        Assert.Equal(GoldenMax, x.MaxPool2d((3, 2), (2, 2), (1, 1), ceilMode: true).ToArray<float>());
        Close.To(GoldenAverage, x.AvgPool2d(3, 2, 1, ceilMode: true));
        Close.To(GoldenAverageInside, x.AvgPool2d(3, 2, 1, ceilMode: true, countIncludePad: false));
        Close.To(GoldenAdaptive, x.AdaptiveAvgPool2d((2, 4)));
    }

    private static float[] GoldenMax => [9, 7, 10, 2, 9, 10, 8, 9, 5, 10, 9, 7];

    private static double[] GoldenAverage =>
        [2.333333, 3.777778, 3.333333, 0.3333333, 3.333333, 5.111111, 4.444445, 2.666667, 2.111111, 3.444444, 3, 2];

    private static double[] GoldenAverageInside =>
        [5.25, 5.666667, 5, 1, 5, 5.111111, 4.444445, 5.333333, 4.75, 5.166667, 4.5, 6];

    private static double[] GoldenAdaptive => [5.166667, 4.833333, 6, 3.833333, 4.833333, 6.333333, 3.833333, 5.333333];

    private static NaivePool Naive(int[] s, bool ceil) =>
        new(s[0], s[1], (s[2], s[3]), (s[4], s[5]), (s[6], s[7]), (s[8], s[9]), ceil);

    /// <summary>Few different values, so that windows have several largest ones.</summary>
    private static Tensor Coarse(Shape shape, DType dtype)
    {
        var random = new Philox(2);
        Tensor x = Tensor.Zeros(shape, DType.Float64);
        foreach (ref double value in x.AsSpan<double>()) value = random.NextInt(7) - 5;
        return x.To(dtype);
    }

    private static (Tensor Y, Tensor Dx, Tensor Dy) Pass(Tensor x, Func<Tensor, Tensor> op)
    {
        var tape = new Tape();
        Tensor input = tape.Input(x, requiresGradient: true);
        Tensor y = op(input);
        Tensor dy = Tensor.RandomNormal(y.Shape, new Philox(9), x.DType);
        y.Backward(dy);
        return (y, input.Gradient!, dy);
    }

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());

    private static void Says<T>(string message, Func<object> action) where T : Exception =>
        Assert.StartsWith(message, Assert.Throws<T>(action).Message, StringComparison.Ordinal);
}
