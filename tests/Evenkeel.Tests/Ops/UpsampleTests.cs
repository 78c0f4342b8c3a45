using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class UpsampleTests
{
    /// <summary>Rows and columns of the input, then of the output.</summary>
    public static TheoryData<int[], UpsampleMode, bool> Sizes
    {
        get
        {
            var data = new TheoryData<int[], UpsampleMode, bool>();
            int[][] all =
            [
                [1, 1, 1, 1], [1, 1, 3, 5], [3, 5, 1, 1], [2, 3, 4, 6], [7, 7, 14, 14], [14, 14, 7, 7], [5, 40, 10, 80],
                [5, 40, 5, 40], [4, 33, 9, 50], [3, 17, 4, 16], [3, 16, 2, 17], [9, 100, 4, 37], [2, 257, 3, 129],
                [2, 3, 200, 300], [30, 31, 1, 2], [6, 10, 18, 30], [5, 41, 5, 47], [2, 15, 2, 16], [2, 1, 5, 40],
            ];
            foreach (int[] one in all)
            {
                data.Add(one, UpsampleMode.Nearest, false);
                data.Add(one, UpsampleMode.Bilinear, false);
                data.Add(one, UpsampleMode.Bilinear, true);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void It_is_the_naive_one(int[] sizes, UpsampleMode mode, bool alignCorners)
    {
        var naive = new NaiveResample(
            sizes[0], sizes[1], sizes[2], sizes[3], mode == UpsampleMode.Bilinear, alignCorners, Scale: 0);
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (int planes in new[] { 1, 3, 2 + (40_000 / (sizes[2] * sizes[3])) })
                Compare(naive, planes, dtype, x => x.Upsample((sizes[2], sizes[3]), null, mode, alignCorners));
        }
    }

    [Theory]
    [InlineData(1.1)]
    [InlineData(1.9)]
    [InlineData(2.0)]
    [InlineData(2.7)]
    [InlineData(0.5)]
    [InlineData(0.37)]
    [InlineData(1.0)]
    [InlineData(3.0)]
    public void Places_follow_the_factor_and_not_the_rounded_size(double scale)
    {
        (int rows, int columns) = (11, 23);
        foreach ((UpsampleMode mode, bool align) in new[]
            { (UpsampleMode.Nearest, false), (UpsampleMode.Bilinear, false), (UpsampleMode.Bilinear, true) })
        {
            var naive = new NaiveResample(rows, columns, (int)(rows * scale), (int)(columns * scale),
                mode == UpsampleMode.Bilinear, align, scale);
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
                Compare(naive, planes: 3, dtype, x => x.Upsample(null, scale, mode, align));
        }
    }

    [Fact]
    public void Rows_and_columns_have_factors_of_their_own()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 4, 5], new Philox(1));
        Assert.Equal(new Shape(2, 3, 8, 7), x.Upsample(scaleFactor: (2, 1.5)).Shape);
        Assert.Equal(x.Upsample((8, 15)).ToArray<float>(), x.Upsample(scaleFactor: (2, 3)).ToArray<float>());
    }

    [Fact]
    public void A_constant_stays_constant_and_corners_stay_where_they_are_aligned()
    {
        Tensor ones = Tensor.Ones([1, 1, 7, 9]);
        Assert.All(ones.Upsample((20, 31), mode: UpsampleMode.Bilinear).ToArray<float>(),
            static y => Assert.Equal(1, y, Tolerances.Float32Ulps));
        Tensor x = Tensor.RandomNormal([1, 1, 7, 9], new Philox(1), DType.Float64),
            y = x.Upsample((20, 31), mode: UpsampleMode.Bilinear, alignCorners: true);
        Assert.Equal([x[0, 0, 0, 0].Item(), x[0, 0, 0, 8].Item(), x[0, 0, 6, 0].Item(), x[0, 0, 6, 8].Item()],
            [y[0, 0, 0, 0].Item(), y[0, 0, 0, 30].Item(), y[0, 0, 19, 0].Item(), y[0, 0, 19, 30].Item()]);
    }

    [Theory]
    [InlineData(UpsampleMode.Nearest, false)]
    [InlineData(UpsampleMode.Bilinear, false)]
    [InlineData(UpsampleMode.Bilinear, true)]
    public void Gradient_is_the_derivative(UpsampleMode mode, bool alignCorners)
    {
        foreach (Size2 size in new Size2[] { (7, 9), (2, 3), (1, 1), (4, 5) })
        {
            GradientCheckResult result = GradientCheck.Run(x => x.Upsample(size, null, mode, alignCorners),
                Tensor.RandomNormal([2, 2, 4, 5], new Philox(1), DType.Float64));
            Assert.True(result.Passed, $"{size}: {result}");
        }
    }

    [Fact]
    public void The_nearest_value_is_copied_even_next_to_NaN()
    {
        Tensor x = Tensor.From([1f, float.NaN, float.PositiveInfinity, 4f], [1, 1, 2, 2]);
        Assert.Equal(
            [1f, 1, float.NaN, float.NaN, 1f, 1, float.NaN, float.NaN,
                float.PositiveInfinity, float.PositiveInfinity, 4, 4,
                float.PositiveInfinity, float.PositiveInfinity, 4, 4],
            x.Upsample(4).ToArray<float>());
    }

    [Fact]
    public void An_empty_batch_is_empty()
    {
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.Zeros([0, 3, 4, 5]), requiresGradient: true), y = x.Upsample(9);
        Assert.Equal(new Shape(0, 3, 9, 9), y.Shape);
        y.Backward(Tensor.Zeros([0, 3, 9, 9]));
        Assert.Equal(0, x.Gradient!.Count);
    }

    [Fact]
    public void The_layer_prints_like_PyTorch_and_says_its_settings()
    {
        Assert.Equal("Upsample(scale_factor=2.0, mode='nearest')", new Upsample(scaleFactor: 2).ToString());
        Assert.Equal("Upsample(scale_factor=(2.0, 1.5), mode='bilinear')",
            new Upsample(scaleFactor: (2, 1.5), mode: UpsampleMode.Bilinear).ToString());
        Assert.Equal("Upsample(size=5, mode='nearest')", new Upsample(5).ToString());
        Assert.Equal("Upsample(size=(3, 5), mode='bilinear')",
            new Upsample((3, 5), mode: UpsampleMode.Bilinear, alignCorners: true).ToString());
        var layer = new Upsample((3, 5), mode: UpsampleMode.Bilinear, alignCorners: true);
        Assert.Equal((new Size2(3, 5), null, UpsampleMode.Bilinear, true),
            (layer.Size!.Value, layer.ScaleFactor, layer.Mode, layer.AlignCorners));
        Tensor x = Tensor.RandomNormal([1, 2, 4, 6], new Philox(1));
        Assert.Equal(x.Upsample((3, 5), null, UpsampleMode.Bilinear, true).ToArray<float>(),
            layer.Forward(x).ToArray<float>());
    }

    [Fact]
    public void Errors_say_what_to_do()
    {
        Tensor x = Tensor.Zeros([2, 3, 4, 5]);
        Expect("Upsample: expected a size or a scale factor, got neither.", () => x.Upsample());
        Expect("Upsample: expected a size or a scale factor, got both.", () => new Upsample(3, 2));
        Expect("Upsample: expected a size of 1 or more rows and columns, got (0, 3).", () => x.Upsample((0, 3)));
        Expect("Upsample: expected finite scale factors above 0, got (2, NaN).",
            () => x.Upsample(scaleFactor: (2, double.NaN)));
        Expect("Upsample: expected the mode Bilinear for aligned corners, got Nearest, which has none to align.",
            () => new Upsample(3, alignCorners: true));
        Expect("Upsample: expected the mode Nearest or Bilinear, got 7.", () => new Upsample(3, mode: (UpsampleMode)7));
        Expect("Upsample: expected (N, C, H, W) with at least one value in a plane, got (3, 4, 5).",
            () => Tensor.Zeros([3, 4, 5]).Upsample(3));
        Expect("Upsample: expected (N, C, H, W) with at least one value in a plane, got (2, 3, 0, 5).",
            () => Tensor.Zeros([2, 3, 0, 5]).Upsample(3));
        Expect("Upsample: expected a result of at least one row and column, got (1, 0) from (2, 3, 4, 5) by (0.25, "
            + "0.1).", () => x.Upsample(scaleFactor: (0.25, 0.1)));

        static void Expect(string message, Func<object> action) => Assert.StartsWith(
            message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    private static void Compare(NaiveResample naive, int planes, DType dtype, Func<Tensor, Tensor> upsample)
    {
        Tensor x = Tensor.RandomNormal([1, planes, naive.Rows, naive.Columns], new Philox(1), dtype);
        var tape = new Tape();
        Tensor taped = tape.Input(x, requiresGradient: true), y = upsample(taped);
        Assert.Equal(new Shape(1, planes, naive.OutputRows, naive.OutputColumns), y.Shape);
        Tensor dy = Tensor.RandomNormal(y.Shape, new Philox(2), dtype);
        y.Backward(dy);
        double[] values = NaiveOps.Doubles(x), cotangents = NaiveOps.Doubles(dy);
        // Sums of up to some thousand terms.
        double tolerance = dtype == DType.Float32 ? 10 * Close.Float32 : Close.Float64;
        Close.To(ByPlane(values, planes, naive.Forward), y, tolerance);
        Close.To(ByPlane(cotangents, planes, naive.Backward), taped.Gradient!, tolerance);
    }

    private static double[] ByPlane(double[] values, int planes, Func<double[], double[]> one) =>
        [.. values.Chunk(values.Length / planes).SelectMany(one)];
}
