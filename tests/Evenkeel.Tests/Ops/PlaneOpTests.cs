using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>Padding with zeros, pixel shuffle, embedding: ops that only move values.</summary>
public sealed class PlaneOpTests
{
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(1, 2, 3, 4)]
    [InlineData(0, 0, 0, 0)]
    [InlineData(3, 0, 0, 2)]
    [InlineData(-1, 2, 3, -2)]
    [InlineData(-2, -3, -1, -1)]
    [InlineData(20, -12, 9, -9)]
    [InlineData(-12, 20, -9, 9)]
    [InlineData(-4, -4, 0, 0)]
    [InlineData(70, 300, 0, 1)]
    public void Zeros_stand_around_what_is_left_of_a_plane(int left, int right, int top, int bottom)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (Shape shape in new Shape[] { [2, 3, 6, 8], [3, 6, 8], [300, 4, 6, 8], [0, 3, 6, 8] })
            {
                Tensor x = Tensor.RandomNormal(shape, new Philox(1), dtype);
                var tape = new Tape();
                Tensor taped = tape.Input(x, requiresGradient: true), y = taped.ZeroPad2d(left, right, top, bottom);
                (int rows, int columns) = (6 + top + bottom, 8 + left + right);
                Assert.Equal(shape.With(-2, rows).With(-1, columns), y.Shape);
                Tensor dy = Tensor.RandomNormal(y.Shape, new Philox(2), dtype);
                y.Backward(dy);
                double[] from = NaiveOps.Doubles(x), cotangents = NaiveOps.Doubles(dy);
                double[] expected = new double[y.Count], dx = new double[x.Count];
                for (int i = 0; i < expected.Length; i++)
                {
                    int plane = i / (rows * columns), r = (i / columns % rows) - top, c = (i % columns) - left;
                    if (r < 0 || r >= 6 || c < 0 || c >= 8) continue;
                    int at = (((plane * 6) + r) * 8) + c;
                    expected[i] = from[at];
                    dx[at] = cotangents[i];
                }

                Close.Same("y", expected, NaiveOps.Doubles(y));
                Close.Same("dx", dx, NaiveOps.Doubles(taped.Gradient!));
            }
        }
    }

    [Fact]
    public void Padding_of_an_empty_plane_is_zeros()
    {
        Assert.All(Tensor.Zeros([2, 3, 0, 4]).ZeroPad2d(1).ToArray<float>(), static y => Assert.Equal(0, y));
        Assert.Equal(new Shape(2, 3, 2, 6), Tensor.Zeros([2, 3, 0, 4]).ZeroPad2d(1).Shape);
        GradientCheckResult result = GradientCheck.Run(x => x.ZeroPad2d(1, -1, 0, 2),
            Tensor.RandomNormal([2, 2, 3, 4], new Philox(1), DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Channels_become_the_pixels_of_a_place(int r)
    {
        foreach (Shape shape in new Shape[]
            { [2, 3 * r * r, 4, 5], [2 * r * r, 1, 1], [2, 3, r * r, 4, 17], [0, r * r, 2, 2] })
        {
            Tensor x = Tensor.RandomNormal(shape, new Philox(1), DType.Float64), y = x.PixelShuffle(r);
            int channels = shape[-3] / r / r, height = shape[-2], width = shape[-1];
            Assert.Equal(shape.With(-3, channels).With(-2, height * r).With(-1, width * r), y.Shape);
            double[] from = x.ToArray<double>(), to = y.ToArray<double>();
            for (int i = 0; i < to.Length; i++)
            {
                int c = i / (width * r), row = c % (height * r), column = i % (width * r);
                c /= height * r;
                int source = (c * r * r) + (row % r * r) + (column % r);
                Assert.Equal(from[(((source * height) + (row / r)) * width) + (column / r)], to[i]);
            }
        }

        GradientCheckResult result = GradientCheck.Run(
            x => x.PixelShuffle(r), Tensor.RandomNormal([2, 2 * r * r, 2, 3], new Philox(1), DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [InlineData(7, 3, 1)]
    [InlineData(1, 1, 5)]
    [InlineData(50, 67, 900)]
    [InlineData(3000, 33, 2000)]
    [InlineData(11, 16, 0)]
    public void Rows_of_a_table_are_picked_and_their_gradients_added(int rows, int width, int count)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor weight = Tensor.RandomNormal([rows, width], new Philox(1), dtype);
            long[] numbers = [.. Enumerable.Range(0, count).Select(k => (long)k * k % rows)];
            var tape = new Tape();
            Tensor taped = tape.Input(weight, requiresGradient: true),
                y = Tensor.From(numbers, [count]).Embedding(taped, paddingIndex: rows > 1 ? -1 : null);
            Assert.Equal(new Shape(count, width), y.Shape);
            Tensor dy = Tensor.RandomNormal(y.Shape, new Philox(2), dtype);
            y.Backward(dy);
            double[] table = NaiveOps.Doubles(weight), cotangents = NaiveOps.Doubles(dy);
            double[] expected = new double[count * width], gradient = new double[table.Length];
            for (int i = 0; i < expected.Length; i++)
            {
                int at = ((int)numbers[i / width] * width) + (i % width);
                expected[i] = table[at];
                if (rows == 1 || numbers[i / width] != rows - 1) gradient[at] += cotangents[i];
            }

            Assert.Equal(expected, NaiveOps.Doubles(y));
            Close.To(gradient, taped.Gradient!);
        }
    }

    [Fact]
    public void An_embedding_trains_on_numbers_that_ride_on_a_tape_or_do_not()
    {
        var layer = new Embedding(5, 3, paddingIdx: 0, random: new Philox(1));
        Tensor numbers = Tensor.From([1L, 4, 0, 1], [2, 2]);
        Assert.Equal([0f, 0, 0], layer.Weight.Value[0].ToArray<float>());
        var tape = new Tape();
        Tensor y = layer.Forward(tape.Input(numbers));
        Assert.Equal(new Shape(2, 2, 3), y.Shape);
        Assert.Equal(layer.Forward(numbers).ToArray<float>(), y.ToArray<float>());
        Assert.Equal(layer.Predict(numbers).ToArray<float>(), y.ToArray<float>());
        // The caller's numbers may change before the way back.
        numbers.AsSpan<long>().Clear();
        y.Backward(Tensor.From([1f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [2, 2, 3]));
        Assert.Equal([0f, 0, 0, 11, 13, 15, 0, 0, 0, 0, 0, 0, 4, 5, 6], layer.Weight.Gradient!.ToArray<float>());

        var chain = new Sequential(new Embedding(5, 3), new Flatten(), new Linear(6, 2));
        tape.Reset();
        chain.Forward(tape.Input(Tensor.From([1L, 4, 0, 1], [2, 2]))).Sum().Backward();
        Assert.All(chain.Parameters(), static parameter => Assert.NotNull(parameter.Gradient));
    }

    [Fact]
    public void Start_values_of_an_embedding_are_PyTorchs_and_padding_stays_zero()
    {
        var layer = new Embedding(1000, 16, paddingIdx: -2, random: new Philox(1));
        Assert.Equal(998, layer.PaddingIdx);
        double[] values = NaiveOps.Doubles(layer.Weight.Value);
        Assert.Equal(0, values.Average(), 0.03);
        Assert.Equal(1, values.Average(static value => value * value), 0.03);
        foreach (Init init in new[] { Init.Default, Init.XavierUniform, Init.Normal(0.02) })
        {
            layer.Initialize(init, seed: 3);
            Assert.All(layer.Weight.Value[998].ToArray<float>(), static value => Assert.Equal(0, value));
        }

        Assert.Equal(0.02 * 0.02, NaiveOps.Doubles(layer.Weight.Value).Average(static value => value * value), 2e-5);
        Assert.Equal(["weight"], layer.StateDict().Select(static entry => entry.Key));
        Assert.Equal(ParameterRole.Weight, layer.Weight.Role);
    }

    [Fact]
    public void Layers_are_their_ops_and_print_like_PyTorch()
    {
        Tensor x = Tensor.RandomNormal([2, 4, 3, 5], new Philox(1));
        Assert.Equal(x.ZeroPad2d(1, 2, 3, 4).ToArray<float>(), new ZeroPad2d(1, 2, 3, 4).Forward(x).ToArray<float>());
        Assert.Equal(x.ZeroPad2d(2, 2, 2, 2).ToArray<float>(), new ZeroPad2d(2).Forward(x).ToArray<float>());
        Assert.Equal(x.PixelShuffle(2).ToArray<float>(), new PixelShuffle(2).Forward(x).ToArray<float>());
        Assert.Equal("ZeroPad2d((1, 2, 3, 4))", new ZeroPad2d(1, 2, 3, 4).ToString());
        Assert.Equal("PixelShuffle(upscale_factor=2)", new PixelShuffle(2).ToString());
        Assert.Equal("Embedding(10, 3)", new Embedding(10, 3).ToString());
        Assert.Equal("Embedding(10, 3, padding_idx=9)", new Embedding(10, 3, -1).ToString());
    }

    [Fact]
    public void Errors_say_what_to_do()
    {
        Tensor x = Tensor.Zeros([2, 3, 4, 5]), numbers = Tensor.Labels(0, 5), table = Tensor.Zeros([5, 2]);
        Expect("ZeroPad2d: expected (N, C, H, W) or (C, H, W), got (2, 3). Add the missing dimensions with Reshape.",
            () => Tensor.Zeros([2, 3]).ZeroPad2d(1));
        Expect("ZeroPad2d: expected a result of 0 to 2147483647 rows and columns, got (4, -1) from (2, 3, 4, 5) with "
            + "(-3, -3, 0, 0) at left, right, top and bottom.", () => x.ZeroPad2d(-3, -3, 0, 0));
        Expect("PixelShuffle: expected (..., C·4, H, W), got (2, 3, 4, 5). The channels are a multiple of the factor's "
            + "square.", () => x.PixelShuffle(2));
        Expect("PixelShuffle: expected a factor of 1 or more, got 0.", () => new PixelShuffle(0));
        Expect("Embedding: expected numbers of rows as Int64, got Float32 of shape (2, 3, 4, 5). Convert them with "
            + "To(DType.Int64).", () => x.Embedding(table));
        Expect("Embedding: expected numbers from 0 to 4 for a table of shape (5, 2), got 5.",
            () => numbers.Embedding(table));
        Expect("Embedding: expected numbers from 0 to 4 for a table of shape (5, 2), got -1.",
            () => Tensor.Labels(-1).Embedding(table));
        Expect("Embedding: expected a table (rows, size of a row) and numbers of at most 5 dimensions, got (2, 3, 4, "
            + "5) and (2).", () => numbers.Embedding(x));
        Expect("Embedding: expected a padding index from -5 to 4, got 5.", () => new Embedding(5, 2, 5));
        Expect("Embedding: expected 1 or more rows, got 0.", () => new Embedding(0, 2));
        Expect("Embedding: expected vectors of 1 or more values, got 0.", () => new Embedding(2, 0));

        static void Expect(string message, Func<object> action) => Assert.StartsWith(
            message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_allocates_nothing_but_handles()
    {
        var layers = new Sequential(
            new Embedding(20, 64), new Unflatten(2, 4, 4, 4), new Flatten(1, 2), new ZeroPad2d(1, 2, 0, 1),
            new Upsample(scaleFactor: 2), new PixelShuffle(2), new Upsample(9, mode: UpsampleMode.Bilinear));
        Tensor x = Tensor.From([.. Enumerable.Range(0, 12).Select(i => (long)i)], [3, 4]);
        Tensor dy = Tensor.RandomNormal([3, 4, 9, 9], new Philox(2));
        var tape = new Tape();
        for (int i = 0; i < 3; i++) Step();
        long capacity = tape.CapacityInBytes;
        Assert.InRange(Allocations.Of(Step), 0, 8 << 10);
        Assert.Equal(capacity, tape.CapacityInBytes);

        void Step()
        {
            tape.Reset();
            layers.Forward(tape.Input(x)).Backward(dy);
            layers.ZeroGrad();
        }
    }
}
