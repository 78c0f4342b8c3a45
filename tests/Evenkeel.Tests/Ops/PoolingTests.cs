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
                // h, w, kh, kw, sh, sw, ph, pw, dh, dw; then the padding below and on the right, if it differs
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
                [9, 11, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1],
                [9, 12, 3, 2, 2, 2, 1, 0, 1, 1, 0, 1],
                [6, 7, 2, 3, 1, 2, 0, 1, 2, 1, 3, 2],
                [5, 6, 3, 3, 2, 2, 4, 5, 1, 1],
                [4, 5, 2, 2, 2, 3, 0, 3, 1, 1, 5, 4],
                [2, 3, 2, 2, 1, 1, 5, 0, 3, 1, 0, 7],
                [6, 40, 3, 3, 1, 1, 1, 1, 1, 1],
                [5, 70, 3, 4, 2, 3, 1, 2, 1, 1],
                [7, 45, 3, 3, 2, 2, 1, 1, 2, 2],
                [3, 33, 2, 5, 1, 5, 1, 0, 1, 1, 0, 2],
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
            foreach (int planes in new[] { 1, 3, 2 + 40_000 / naive.Input.Height / naive.Input.Width })
            {
                Tensor x = Coarse([planes, naive.Input.Height, naive.Input.Width], dtype);
                (Tensor y, Tensor dx, Tensor dy) = Pass(
                    x, input => input.MaxPool2d(
                        Plane(naive.Kernel), Plane(naive.Stride), Around(naive), Plane(naive.Dilation), naive.Ceil));
                Assert.Equal(new Shape(planes, naive.Output.Height, naive.Output.Width), y.Shape);
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Close.To(gradient, dx);
                Assert.Equal(expected, NaiveOps.Doubles(
                    x.MaxPool2d(
                    Plane(naive.Kernel), Plane(naive.Stride), Around(naive), Plane(naive.Dilation), naive.Ceil)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void AvgPool_is_the_naive_one(int[] sizes, bool ceil)
    {
        NaivePool naive = Naive(sizes, ceil);
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach ((bool includePad, int? divisor) in
                new (bool, int?)[] { (true, null), (false, null), (true, 3), (true, -2) })
            {
                int planes = divisor is null && includePad ? 2 + 40_000 / naive.Input.Height / naive.Input.Width : 3;
                Tensor x = Tensor.RandomNormal([planes, naive.Input.Height, naive.Input.Width], new Philox(3), dtype);
                (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.AvgPool2d(
                    Plane(naive.Kernel), Plane(naive.Stride), Around(naive), naive.Ceil, includePad, divisor,
                    Plane(naive.Dilation)));
                Assert.Equal(new Shape(planes, naive.Output.Height, naive.Output.Width), y.Shape);
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
        if (naive.Input.Height * naive.Input.Width is 1 or > 130) return;

        // Values apart from each other by more than the step of the differences.
        Tensor x = Tensor.Zeros([2, naive.Input.Height, naive.Input.Width], DType.Float64);
        double[] order = [.. Enumerable.Range(0, x.Count).Select(i => (double)i)];
        new System.Random(3).Shuffle(order);
        order.Select(value => (value - x.Count / 3.0) / 10).ToArray().CopyTo(x.AsSpan<double>());

        // A window of padding alone is -∞, which has no differences.
        bool isFinite = new[] { naive.Before, naive.After }
            .All(p => p.Height <= naive.Kernel.Height / 2 && p.Width <= naive.Kernel.Width / 2);
        if (isFinite)
        {
            Passes(GradientCheck.Run(
                v => v.MaxPool2d(
                    Plane(naive.Kernel), Plane(naive.Stride), Around(naive), Plane(naive.Dilation), naive.Ceil), x));
        }

        Passes(GradientCheck.Run(
            v => v.AvgPool2d(
                Plane(naive.Kernel), Plane(naive.Stride), Around(naive), naive.Ceil, countIncludePad: false, null,
                Plane(naive.Dilation)), x));
        Passes(GradientCheck.Run(v => v.AdaptiveAvgPool2d((3, 2)), x));
        Passes(GradientCheck.Run(v => v.AdaptiveMaxPool2d((3, 2)), x));
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
                var naive = Naive([height, width, 2, 2, 2, 2, 0, 0, 1, 1], ceil: false);
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
                var naive = Naive([4, width, 2, 2, 2, 2, padding, padding, 1, 1], ceil: false);
                (Tensor y, Tensor dx, Tensor dy) = Pass(x, input => input.MaxPool2d(2, padding: padding));
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Assert.Equal(gradient, NaiveOps.Doubles(dx));
            }
        }
    }

    /// <summary>
    /// Depth, height, width, then kernel, stride, front and back, top and bottom, left and right, dilation.
    /// </summary>
    private static readonly int[][] s_volumes =
    [
        [4, 5, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [7, 6, 9, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [5, 7, 19, 3, 2, 3, 1, 2, 2, 1, 1, 0, 0, 1, 1, 1, 2, 1],
        [6, 5, 8, 2, 1, 3, 2, 1, 1, 0, 1, 0, 0, 2, 0, 2, 1, 3],
        [3, 8, 4, 1, 2, 2, 1, 2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [2, 3, 3, 2, 3, 3, 3, 2, 2, 4, 3, 0, 5, 3, 4, 1, 1, 1],
        [6, 1, 1, 3, 1, 1, 2, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1],
        [1, 4, 40, 1, 3, 3, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1],
        [9, 1, 17, 2, 1, 5, 1, 1, 4, 0, 0, 0, 0, 2, 3, 3, 1, 1],
    ];

    public static TheoryData<int[]> Volumes => new(s_volumes);

    [Theory]
    [MemberData(nameof(Volumes))]
    public void Volumes_are_the_naive_ones(int[] s)
    {
        foreach (bool ceil in new[] { false, true })
        {
            var naive = new NaivePool((s[0], s[1], s[2]), (s[3], s[4], s[5]), (s[6], s[7], s[8]), (s[9], s[11], s[13]),
                (s[10], s[12], s[14]), (s[15], s[16], s[17]), ceil);
            Padding padding = Padding.Sides(s[13], s[14], s[11], s[12], s[9], s[10]);
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                Tensor x = Coarse([3, 7, s[0], s[1], s[2]], dtype);
                (Tensor y, Tensor dx, Tensor dy) = Pass(
                    x, v => v.MaxPool3d(naive.Kernel, naive.Stride, padding, naive.Dilation, ceil));
                Size3 output = naive.Output;
                Assert.Equal(new Shape(3, 7, output.Depth, output.Height, output.Width), y.Shape);
                (double[] expected, double[] gradient) = naive.Max(NaiveOps.Doubles(x), NaiveOps.Doubles(dy));
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Close.To(gradient, dx);
                Assert.Equal(expected,
                    NaiveOps.Doubles(x.MaxPool3d(naive.Kernel, naive.Stride, padding, naive.Dilation, ceil)));
                foreach ((bool includePad, int? divisor) in
                    new (bool, int?)[] { (true, null), (false, null), (true, 3) })
                {
                    (y, dx, dy) = Pass(x, v => v.AvgPool3d(
                        naive.Kernel, naive.Stride, padding, ceil, includePad, divisor, naive.Dilation));
                    (expected, gradient) =
                        naive.Average(NaiveOps.Doubles(x), NaiveOps.Doubles(dy), includePad, divisor);
                    Close.To(expected, y);
                    Close.To(gradient, dx);
                }
            }

            Tensor values = Tensor.RandomNormal([2, s[0], s[1], s[2]], new Philox(3), DType.Float64);
            Passes(GradientCheck.Run(
                v => v.AvgPool3d(naive.Kernel, naive.Stride, padding, ceil, false, null, naive.Dilation), values));
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void A_window_of_padding_alone_gives_minus_infinity_or_zero(DType dtype)
    {
        Tensor x = Tensor.From([1.0, 2, 3], [1, 1, 3]).To(dtype);
        var sides = Padding.Sides(4, 3);
        (Tensor y, Tensor dx, Tensor dy) = Pass(x, v => v.MaxPool1d(2, 2, sides));
        double none = double.NegativeInfinity;
        Assert.Equal([none, none, 2, 3, none], NaiveOps.Doubles(y));
        double[] d = NaiveOps.Doubles(dy);
        Assert.Equal([0, d[2], d[3]], NaiveOps.Doubles(dx));
        (y, dx, dy) = Pass(x, v => v.AvgPool1d(2, 2, sides, countIncludePad: false));
        Assert.Equal([0, 0, 1.5, 3, 0], NaiveOps.Doubles(y));
        d = NaiveOps.Doubles(dy);
        Assert.Equal([d[2] / 2, d[2] / 2, d[3]], NaiveOps.Doubles(dx));
        Assert.Equal([0, 0, 1.5, 1.5, 0], NaiveOps.Doubles(x.AvgPool1d(2, 2, sides)));
        Assert.Equal([0, 0, 1, 1, 0], NaiveOps.Doubles(x.Reshape(1, 1, 1, 3)
            .AvgPool2d((1, 2), 2, Padding.Sides(4, 3), divisorOverride: 3)));
    }

    [Fact]
    public void Same_gives_as_many_outputs_as_strides_begin_in_the_input()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 7, 8], new Philox(2));
        Assert.Equal(x.MaxPool2d(3, 2, Padding.Sides(0, 1, 1, 1)).ToArray<float>(),
            x.MaxPool2d(3, 2, Padding.Same).ToArray<float>());
        Assert.Equal(x.AvgPool2d(2, 1, Padding.Sides(0, 1, 0, 1), countIncludePad: false).ToArray<float>(),
            x.AvgPool2d(2, 1, Padding.Same, countIncludePad: false).ToArray<float>());
        Assert.Equal(x.MaxPool2d((2, 3), (5, 4), Padding.Sides(0, 0, 1, 1), (3, 1)).ToArray<float>(),
            x.MaxPool2d((2, 3), (5, 4), Padding.Same, (3, 1)).ToArray<float>());
        Assert.Equal(x.MaxPool2d(2).ToArray<float>(), x.MaxPool2d(2, padding: Padding.Valid).ToArray<float>());
    }

    [Fact]
    public void All_spatial_dimensions_together_are_the_adaptive_pooling_to_one()
    {
        foreach (int[] shape in new int[][] { [3, 4, 9], [3, 4, 5, 7], [3, 4, 5, 3, 2], [1, 1, 1], [2, 33, 1, 17] })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(2), DType.Float64);
            Tensor rows = x.Reshape(shape[0] * shape[1], -1);
            double[] max = rows.Max(1).ToArray<double>();
            Assert.Equal(max, Pool(x, max: true).ToArray<double>());
            Close.To(rows.Mean([1]).ToArray<double>(), Pool(x, max: false));
            Assert.Equal([.. max.Select(static value => (double)(float)value)],
                NaiveOps.Doubles(Pool(x.To(DType.Float32), max: true)));
        }

        static Tensor Pool(Tensor x, bool max) => (x.Shape.Rank, max) switch
        {
            (3, true) => x.AdaptiveMaxPool1d(1),
            (4, true) => x.AdaptiveMaxPool2d(1),
            (_, true) => x.AdaptiveMaxPool3d(1),
            (3, _) => x.AdaptiveAvgPool1d(1),
            (4, _) => x.AdaptiveAvgPool2d(1),
            _ => x.AdaptiveAvgPool3d(1),
        };
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
            foreach ((int slices, int outSlices) in new[] { (1, 1), (5, 3), (2, 4) })
            {
                Size3 input = (slices, height, width), output = (outSlices, rows, columns);
                Tensor x = Coarse([2, 3, slices, height, width], dtype);
                (Tensor y, Tensor dx, Tensor dy) =
                    Pass(x, input => input.AdaptiveAvgPool3d((outSlices, rows, columns)));
                Assert.Equal(new Shape(2, 3, outSlices, rows, columns), y.Shape);
                (double[] expected, double[] gradient) =
                    NaivePool.Adaptive(NaiveOps.Doubles(x), NaiveOps.Doubles(dy), input, output);
                Close.To(expected, y);
                Close.To(gradient, dx);
                (y, dx, dy) = Pass(x, input => input.AdaptiveMaxPool3d((outSlices, rows, columns)));
                (expected, gradient) =
                    NaivePool.AdaptiveMax(NaiveOps.Doubles(x), NaiveOps.Doubles(dy), input, output);
                Assert.Equal(expected, NaiveOps.Doubles(y));
                Close.To(gradient, dx);
                if (slices > 1) continue;
                Tensor plane = x.Reshape(2, 3, height, width);
                Assert.Equal(expected, NaiveOps.Doubles(plane.AdaptiveMaxPool2d((rows, columns))));
                Assert.Equal(NaiveOps.Doubles(x.AdaptiveAvgPool3d((1, rows, columns))),
                    NaiveOps.Doubles(plane.AdaptiveAvgPool2d((rows, columns))));
                Tensor row = x.Reshape(2, 3 * height, width);
                Assert.Equal(NaiveOps.Doubles(row.Reshape(2, 3 * height, 1, width).AdaptiveMaxPool2d((1, columns))),
                    NaiveOps.Doubles(row.AdaptiveMaxPool1d(columns)));
                Assert.Equal(NaiveOps.Doubles(row.Reshape(2, 3 * height, 1, width).AdaptiveAvgPool2d((1, columns))),
                    NaiveOps.Doubles(row.AdaptiveAvgPool1d(columns)));
            }
        }
    }

    [Fact]
    public void Adaptive_pooling_keeps_what_is_null()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 5, 7], new Philox(5));
        Assert.Equal(new Shape(2, 3, 5, 2), x.AdaptiveAvgPool2d((null, 2)).Shape);
        Assert.Equal(x.ToArray<float>(), x.AdaptiveAvgPool2d((null, null)).ToArray<float>());
        Assert.Equal(new Shape(3, 5, 2),
            new AdaptiveMaxPool2d((null, 2)).Forward(x.Slice(0, 0, 1).Reshape(3, 5, 7)).Shape);
        Assert.Equal(x.ToArray<float>(), x.AdaptiveMaxPool2d((null, null)).ToArray<float>());
        Tensor volume = x.Reshape(2, 3, 5, 7, 1);
        Assert.Equal(new Shape(2, 3, 2, 7, 1), volume.AdaptiveMaxPool3d((2, null, null)).Shape);
        Assert.Equal(new Shape(2, 3, 5, 3, 1), volume.AdaptiveAvgPool3d((null, 3, null)).Shape);
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
        Says<ArgumentOutOfRangeException>("AvgPool2d: expected a padding of 0 or more, got (-1, -1).",
            () => new AvgPool2d(3, padding: -1));
        Says<ArgumentOutOfRangeException>(
            "AvgPool1d: expected a padding of 0 or more, got -1.", () => new AvgPool1d(3, padding: -1));
        Says<ArgumentException>(
            "MaxPool1d: expected one padding for both ends, got (1, 2).", () => new MaxPool1d(3, padding: (1, 2)));
        Says<ArgumentException>("MaxPool2d: expected a padding of one number, or of a height and a width, got (1, 2, 3",
            () => new MaxPool2d(3, padding: (1, 2, 3)));
        Says<ArgumentException>("AvgPool3d: expected a padding of one number, or of a depth, a height and a width, got",
            () => new AvgPool3d(3, padding: (1, 2)));
        Says<ArgumentException>("MaxPool3d: expected (N, C, D, H, W) or (C, D, H, W), got (5, 5).",
            () => Tensor.Zeros([5, 5]).MaxPool3d(2));
        Says<ArgumentException>(
            "MaxPool3d: expected volumes of at least 1 x 6 x 1 for a kernel of 1 x 6 x 1 with padding 0 and dilation 1",
            () => x.MaxPool3d((1, 6, 1)));
        Says<ArgumentException>("AdaptiveMaxPool3d: expected volumes of at least one value, got (1, 2, 0, 5).",
            () => Tensor.Zeros([1, 2, 0, 5]).AdaptiveMaxPool3d(1));
        Says<ArgumentException>("AvgPool1d: expected a padded input and a window of at most 2^30 values along each "
            + "dimension, got 2000000003 and 1 from",
            () => Tensor.Zeros([1, 1, 3]).AvgPool1d(1, padding: 1_000_000_000));
        Says<ArgumentOutOfRangeException>("AdaptiveMaxPool1d: expected an output of 1 or more values, got 0.",
            () => x.Reshape(6, 5, 5).AdaptiveMaxPool1d(0));
        Says<ArgumentOutOfRangeException>("AdaptiveAvgPool3d: expected an output of 1 or more slices, rows and columns "
            + "(null keeps the input's), got (1, , -1).", () => new AdaptiveAvgPool3d((1, null, -1)));
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

    private static NaivePool Naive(int[] s, bool ceil) => new((1, s[0], s[1]), (1, s[2], s[3]), (1, s[4], s[5]),
        (0, s[6], s[7]), s.Length == 10 ? (0, s[6], s[7]) : (0, s[10], s[11]), (1, s[8], s[9]), ceil);

    private static Size2 Plane(Size3 size) => new(size.Height, size.Width);

    private static Padding Around(NaivePool naive) => Padding.Sides(
        naive.Before.Width, naive.After.Width, naive.Before.Height, naive.After.Height);

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
