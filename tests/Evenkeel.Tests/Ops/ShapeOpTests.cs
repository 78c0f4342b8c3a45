using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class ShapeOpTests
{
    [Fact]
    public void Moves_of_integers_keep_every_bit()
    {
        // Among them the bits of NaNs, quiet and signalling.
        long[] values = [1, -1, long.MinValue, long.MaxValue, 0x7FF0000000000001, -0x000FFFFFFFFFFFFF];
        foreach (Tensor x in new[] { Tensor.From(values, [2, 3]), new Tape().Input(Tensor.From(values, [2, 3])) })
        {
            Assert.Equal(values, x.Reshape(3, 2).ToArray<long>());
            Assert.Equal(new Shape([3, 2]), x.Reshape(3, -1).Shape);
            Assert.Equal([values[1], values[2], values[4], values[5]], x.Slice(1, 1, 2).ToArray<long>());
            Assert.Equal(
                [values[0], values[3], values[1], values[4], values[2], values[5]], x.Transpose(0, 1).ToArray<long>());
            Assert.Equal([.. values, .. values], Tensor.Concat([x, x]).ToArray<long>());
            Assert.Same(x.Tape, x.Slice(0, 0, 1).Tape);
        }

        Tensor wide = Tensor.From(new long[70 * 33], [70, 33]);
        for (int i = 0; i < wide.Count; i++) wide.AsSpan<long>()[i] = 0x7FF0000000000000 + i;
        Assert.Equal(wide.ToArray<long>(), wide.Transpose(0, 1).Transpose(0, 1).ToArray<long>());
        Assert.StartsWith(
            "Concat: expected",
            Assert.Throws<ArgumentException>(() => Tensor.Concat([wide, Tensor.Ones([1, 33])])).Message,
            StringComparison.Ordinal);
        var tape = new Tape();
        Tensor stale = tape.Input(wide);
        tape.Reset();
        Assert.Throws<InvalidOperationException>(() => stale.Reshape(-1));
    }

    [Fact]
    public void Reshape_shares_memory()
    {
        Tensor x = Counting([2, 6]);
        Tensor y = x.Reshape(3, -1);
        Assert.Equal(new Shape([3, 4]), y.Shape);
        Assert.Equal(new Shape([12]), x.Reshape([-1]).Shape);
        Assert.Equal(new Shape([2, 6]), y.Reshape(x.Shape).Shape);
        x.AsSpan<double>()[5] = 99;
        Assert.Equal(99, y.AsSpan<double>()[5]);
        Passes(GradientCheck.Run(v => (v.Reshape(3, 4) * v.Reshape([3, 4])).Reshape([-1]), Random([2, 6])));
        Assert.StartsWith("Reshape: expected a shape of 12 elements like (2, 6), got (5, 2) of 10.",
            Assert.Throws<ArgumentException>(() => x.Reshape(5, 2)).Message, StringComparison.Ordinal);
        Assert.StartsWith("Reshape: expected dimensions whose product divides 12",
            Assert.Throws<ArgumentException>(() => x.Reshape(5, -1)).Message, StringComparison.Ordinal);
        Assert.StartsWith("Reshape: expected at most 6 dimensions and one of them -1",
            Assert.Throws<ArgumentException>(() => x.Reshape(-1, -1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 3, 4 }, new[] { 1, 0 })]
    [InlineData(new[] { 70, 33 }, new[] { 1, 0 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 3, 2, 1, 0 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 1, 0, 2, 3 })]
    [InlineData(new[] { 2, 3, 1, 2, 3, 2 }, new[] { 5, 0, 4, 1, 3, 2 })]
    [InlineData(new[] { 7 }, new[] { 0 })]
    [InlineData(new[] { 300, 500 }, new[] { -1, 0 })]
    public void Permute_moves_each_element(int[] shape, int[] axes)
    {
        Tensor x = Counting(new Shape(shape));
        Tensor y = x.Permute(axes);
        double[] values = y.ToArray<double>();
        for (int flat = 0; flat < values.Length; flat++)
        {
            int[] index = NaiveOps.Unravel(flat, y.Shape.ToArray());
            int[] source = new int[shape.Length];
            for (int i = 0; i < shape.Length; i++) source[axes[i] < 0 ? axes[i] + shape.Length : axes[i]] = index[i];
            int at = 0;
            for (int i = 0; i < shape.Length; i++) at = (at * shape[i]) + source[i];
            Assert.Equal(at, values[flat]);
        }

        if (x.Count < 400) Passes(GradientCheck.Run(v => v.Permute(axes), x));
    }

    [Fact]
    public void Transpose_exchanges_two_dimensions()
    {
        Assert.Equal(new Shape([2, 5, 4, 3]), Tensor.Zeros([2, 3, 4, 5]).Transpose(1, -1).Shape);
        Assert.Equal([0.0, 3, 1, 4, 2, 5], Counting([2, 3]).Transpose(0, 1).ToArray<double>());
        Assert.StartsWith("Permute: expected each of the 2 dimensions of shape (2, 3) once, got (0, 0).",
            Assert.Throws<ArgumentException>(() => Counting([2, 3]).Permute(0, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Counting([2, 3]).Permute(0));
    }

    [Fact]
    public void Concat_and_Slice_are_inverse()
    {
        Tensor a = Random([2, 3, 4]), b = Random([2, 2, 4]);
        Tensor y = Tensor.Concat([a, b], axis: 1);
        Assert.Equal(new Shape([2, 5, 4]), y.Shape);
        Assert.Equal(a.ToArray<double>(), y.Slice(1, 0, 3).ToArray<double>());
        Assert.Equal(b.ToArray<double>(), y.Slice(-2, 3, 2).ToArray<double>());
        Passes(GradientCheck.Run(v => Tensor.Concat([v[0], v[1], v[0]], axis: 1), [a, b]));
        Passes(GradientCheck.Run(v => v.Slice(1, 1, 2) * v.Slice(1, 0, 2), a));
        Assert.StartsWith(
            "Concat: expected shapes that agree in all dimensions but axis 0, got (2, 3, 4) and (2, 2, 4).",
            Assert.Throws<ArgumentException>(() => Tensor.Concat([a, b])).Message, StringComparison.Ordinal);
        Assert.StartsWith("Slice: expected a range inside 0 .. 3 along axis 1",
            Assert.Throws<ArgumentOutOfRangeException>(() => a.Slice(1, 2, 2)).Message, StringComparison.Ordinal);
        Assert.StartsWith("Concat: expected at least one tensor, got none.",
            Assert.Throws<ArgumentException>(() => Tensor.Concat([])).Message, StringComparison.Ordinal);
    }

    private static Tensor Counting(Shape shape)
    {
        Tensor x = Tensor.Zeros(shape, DType.Float64);
        for (int i = 0; i < x.Count; i++) x.AsSpan<double>()[i] = i;
        return x;
    }

    private static Tensor Random(Shape shape) => Tensor.RandomNormal(shape, new Philox(1), DType.Float64);

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
