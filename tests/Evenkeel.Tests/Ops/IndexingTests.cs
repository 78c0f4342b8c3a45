using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// Ranges and positions, Stack, Split, Flatten, Where and Gather: PyTorch's results, shapes and errors.
/// </summary>
public sealed class IndexingTests
{
    [Fact]
    public void Ranges_keep_dimensions_and_positions_take_them_away()
    {
        Tensor x = Counting(2, 3, 4);
        Assert.Equal((new Shape([1, 3, 4]), 0.0), First(x[..1]));
        Assert.Equal((new Shape([3, 4]), 12.0), First(x[1]));
        Assert.Equal((new Shape([3, 4]), 12.0), First(x[^1]));
        Assert.Equal((new Shape([3, 4]), 12.0), First(x[-1]));
        Assert.Equal((new Shape([2, 2, 4]), 4.0), First(x[.., 1..3]));
        Assert.Equal([5.0, 6, 17, 18], x[.., 1, 1..^1].ToArray<double>());
        Assert.Equal(new Shape([2, 2]), x[.., 1, 1..^1].Shape);
        Assert.Equal(23, x[1, 2, 3].Item());
        Assert.Equal(new Shape([]), x[1, 2, 3].Shape);
        Assert.Equal(new Shape([2, 0, 4]), x[.., 1..1].Shape);
        Assert.Equal([1L, 2L], Tensor.From(0L, 1, 2, 3)[1..3].ToArray<long>());

        static (Shape, double) First(Tensor y) => (y.Shape, y.ToArray<double>()[0]);
    }

    [Fact]
    public void What_is_taken_is_a_copy_even_if_it_is_everything()
    {
        Tensor x = Counting(2, 3);
        foreach (Tensor part in new[] { x[..], x[.., ..], x[..1], x[0], Counting(1, 3)[0] }) part.Fill(-1);
        Assert.Equal([0.0, 1, 2, 3, 4, 5], x.ToArray<double>());
    }

    [Fact]
    public void Indices_that_leave_a_dimension_are_errors()
    {
        Tensor x = Counting(2, 3);
        Assert.StartsWith("Tensor[...]: expected an index inside 0 .. 3 along axis 1 of shape (2, 3), got 0..4.",
            Assert.Throws<ArgumentOutOfRangeException>(() => x[.., ..4]).Message, StringComparison.Ordinal);
        Assert.Contains(
            "got 2.", Assert.Throws<ArgumentOutOfRangeException>(() => x[2]).Message, StringComparison.Ordinal);
        Assert.Contains(
            "got ^3.", Assert.Throws<ArgumentOutOfRangeException>(() => x[-3]).Message, StringComparison.Ordinal);
        Assert.Contains("got 2..1.",
            Assert.Throws<ArgumentOutOfRangeException>(() => x[.., 2..1]).Message, StringComparison.Ordinal);
        Assert.StartsWith("Tensor[...]: expected 1 to 2 indices for shape (2, 3), got 3.",
            Assert.Throws<ArgumentException>(() => x[0, 0, 0]).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Tensor.Scalar(1)[0]);
    }

    [Theory]
    [InlineData(0, new[] { 2, 2, 3 }, new[] { 0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 })]
    [InlineData(1, new[] { 2, 2, 3 }, new[] { 0.0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11 })]
    [InlineData(2, new[] { 2, 3, 2 }, new[] { 0.0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11 })]
    [InlineData(-1, new[] { 2, 3, 2 }, new[] { 0.0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11 })]
    public void Stack_puts_tensors_along_a_new_dimension(int axis, int[] shape, double[] expected)
    {
        Tensor a = Counting(2, 3), b = a + 6;
        Tensor y = Tensor.Stack([a, b], axis);
        Assert.Equal(new Shape(shape), y.Shape);
        Assert.Equal(expected, y.ToArray<double>());
        Passes(GradientCheck.Run(v => Tensor.Stack([v[0], v[1], v[0]], axis), [a, b]));
    }

    [Fact]
    public void Stack_takes_scalars_integers_and_parameters()
    {
        Assert.Equal([1.0, 2],
            Tensor.Stack([Tensor.Scalar(1, DType.Float64), Tensor.Scalar(2, DType.Float64)]).ToArray<double>());
        Assert.Equal([1L, 2L], Tensor.Stack([Tensor.From(1L), Tensor.From(2L)]).ToArray<long>());
        var weight = new Parameter(Counting(3));
        var tape = new Tape();
        Tensor x = tape.Input(Counting(3));
        Tensor.Stack([weight, x]).Sum().Backward();
        Assert.Equal([1.0, 1, 1], weight.Gradient!.ToArray<double>());
        Assert.StartsWith(
            "Stack: expected tensors of one shape, got (3) and (2).",
            Assert.Throws<ArgumentException>(() => Tensor.Stack([Counting(3), Counting(2)])).Message,
            StringComparison.Ordinal);
        Assert.StartsWith("Stack: expected at least one tensor",
            Assert.Throws<ArgumentException>(() => Tensor.Stack([])).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "Stack: expected an axis from -2 to 1",
            Assert.Throws<ArgumentOutOfRangeException>(() => Tensor.Stack([Counting(3)], 2)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Tensor.Stack([Tensor.Ones([1, 1, 1, 1, 1, 1])]));
    }

    [Fact]
    public void Split_cuts_by_size_or_by_sizes()
    {
        Tensor x = Counting(2, 10);
        Assert.Equal([4, 4, 2], x.Split(4, axis: 1).Select(piece => piece.Shape[1]));
        Assert.Equal([8.0, 9, 18, 19], x.Split(4, -1)[2].ToArray<double>());
        Assert.Equal([1, 0, 9], x.Split([1, 0, 9], 1).Select(piece => piece.Shape[1]));
        Assert.Single(x.Split(100));
        Assert.Single(Tensor.Zeros([0, 2]).Split(3));
        Assert.Equal(x.ToArray<double>(), Tensor.Concat(x.Split([3, 7], 1), 1).ToArray<double>());
        Passes(GradientCheck.Run(v => v.Split(4, 1) is var pieces ? pieces[0] * pieces[1] : v, x));
        Assert.StartsWith(
            "Split: expected sizes of 0 or more with the sum 10 along axis 1 of shape (2, 10), got (3, 6).",
            Assert.Throws<ArgumentException>(() => x.Split([3, 6], 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => x.Split([11, -1], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Split(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Split(2, axis: 2));
    }

    [Fact]
    public void Flatten_makes_one_dimension_of_several_and_shares_the_memory()
    {
        Tensor x = Counting(2, 3, 4, 5);
        Assert.Equal(new Shape([120]), x.Flatten().Shape);
        Assert.Equal(new Shape([2, 60]), x.Flatten(1).Shape);
        Assert.Equal(new Shape([2, 12, 5]), x.Flatten(1, 2).Shape);
        Assert.Equal(new Shape([2, 3, 20]), x.Flatten(-2).Shape);
        Assert.Equal(new Shape([2, 3, 4, 5]), x.Flatten(2, 2).Shape);
        Assert.Equal(new Shape([1]), Tensor.Scalar(3).Flatten().Shape);
        x.Flatten(1).Fill(7);
        Assert.All(x.ToArray<double>(), static value => Assert.Equal(7, value));
        Passes(GradientCheck.Run(v => v.Flatten(1).Square(), Counting(2, 3, 2)));
        Assert.StartsWith("Flatten: expected a start axis that is not behind the end axis",
            Assert.Throws<ArgumentOutOfRangeException>(() => x.Flatten(2, 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Flatten(4));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Where_takes_a_if_the_condition_is_not_0(DType dtype)
    {
        // More than a pack, with broadcasting of each operand.
        const int rows = 7, columns = 37;
        Tensor condition = Tensor.Labels([.. Enumerable.Range(0, rows * columns).Select(i => i % 3 == 0 ? 1 : 0)])
            .Reshape(rows, columns);
        Tensor a = Tensor.RandomNormal([columns], new Philox(1), dtype),
            b = Tensor.RandomNormal([rows, 1], new Philox(2), dtype);
        Tensor y = Tensor.Where(condition, a, b);
        Assert.Equal(new Shape([rows, columns]), y.Shape);
        double[] expected = [.. Enumerable.Range(0, rows * columns)
            .Select(i => i % 3 == 0 ? a.ValueAt(i % columns) : b.ValueAt(i / columns))];
        Assert.Equal(expected, y.To(DType.Float64).ToArray<double>());
        Assert.Equal(y.To(DType.Float64).ToArray<double>(),
            Tensor.Where(condition.To(dtype), a, b).To(DType.Float64).ToArray<double>());
    }

    [Fact]
    public void Where_does_not_let_through_what_is_not_chosen()
    {
        Tensor condition = Tensor.Labels(1, 0, 1);
        var tape = new Tape();
        Tensor a = tape.Input(Tensor.From(1.0, double.NaN, 3), requiresGradient: true),
            b = tape.Input(Tensor.From(double.NaN), requiresGradient: true);
        Tensor y = Tensor.Where(condition, a, b + tape.Input(Tensor.From(0.0, 5, 0)));
        Assert.Equal([1.0, double.NaN, 3], y.ToArray<double>());
        y.Backward(Tensor.From(10.0, 20, 30));
        Assert.Equal([10.0, 0, 30], a.Gradient!.ToArray<double>());
        Assert.Equal([20.0], b.Gradient!.ToArray<double>());
        Assert.Equal([1L, 5, 3], Tensor.Where(condition, Tensor.From(1L, 2, 3), Tensor.From(4L, 5, 6)).ToArray<long>());
        Assert.Equal(
            [1.0], Tensor.Where(Tensor.From(double.NaN), Tensor.From(1.0), Tensor.From(2.0)).ToArray<double>());
        Passes(GradientCheck.Run((p, q) => Tensor.Where(condition, p, q), Counting(2, 3), Counting(2, 1)));
        Passes(GradientCheck.Run(
            (p, q) => Tensor.Where(Tensor.Labels(1, 0).Reshape(2, 1), p, q), Counting(3), Counting(1)));
        Assert.Throws<ArgumentException>(() => Tensor.Where(condition, Tensor.Ones([2]), Tensor.Ones([2])));
        Assert.Throws<ArgumentException>(
            () => Tensor.Where(condition, Tensor.Ones([3]), Tensor.Ones([3], DType.Float64)));
    }

    [Fact]
    public void Gather_picks_along_a_dimension()
    {
        Tensor x = Counting(2, 3);
        Assert.Equal([2.0, 2, 3, 4], x.Gather(1, Indices([2, 2], 2, 2, 0, 1)).ToArray<double>());
        Assert.Equal([0.0, 4], x.Gather(0, Indices([1, 2], 0, 1)).ToArray<double>());
        Assert.Equal([0.0, 4, 2, 3, 1, 5], x.Gather(-2, Indices([2, 3], 0, 1, 0, 1, 0, 1)).ToArray<double>());
        Tensor cube = Counting(2, 3, 4);
        Assert.Equal(
            [1.0 + 0, 2 + 4, 15 + 0, 12 + 4], cube.Gather(2, Indices([2, 2, 1], 1, 2, 3, 0)).ToArray<double>());
        Assert.Equal([7L, 5L], Tensor.From(5L, 6, 7).Gather(0, Indices([2], 2, 0)).ToArray<long>());
    }

    [Fact]
    public void The_gradient_of_gather_adds_up_what_was_picked_twice()
    {
        Tensor index = Indices([2, 3], 2, 2, 2, 0, 1, 0);
        var tape = new Tape();
        Tensor x = tape.Input(Counting(2, 3), requiresGradient: true), y = x.Gather(1, index);
        index.Fill(0);
        y.Backward(Tensor.From(new double[,] { { 1, 2, 4 }, { 8, 16, 32 } }));
        Assert.Equal([0.0, 0, 7, 40, 16, 0], x.Gradient!.ToArray<double>());
        Passes(GradientCheck.Run(v => v.Gather(0, Indices([3, 2], 1, 0, 1, 1, 0, 0)), Counting(2, 3)));
    }

    [Fact]
    public void Gather_says_what_does_not_fit()
    {
        Tensor x = Counting(2, 3);
        Assert.StartsWith(
            "Gather: expected positions from 0 to 2 along axis 1 of shape (2, 3), got 3.",
            Assert.Throws<ArgumentOutOfRangeException>(() => x.Gather(1, Indices([1, 1], 3))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Gather(1, Indices([1, 1], -1)));
        Assert.StartsWith(
            "Gather: expected an index of rank 2, no larger than (2, 3) but along axis 1, got (3, 1).",
            Assert.Throws<ArgumentException>(() => x.Gather(1, Indices([3, 1], 0, 0, 0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "Gather: expected positions of type Int64, got Float32.",
            Assert.Throws<ArgumentException>(() => x.Gather(1, Tensor.Zeros([2, 1]))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => x.Gather(1, Indices([1], 0)));
    }

    [Fact]
    public void Gradients_flow_through_indices()
    {
        Passes(GradientCheck.Run(v => v[1.., ^1] * v[..^1, 0], Counting(3, 4)));
        Passes(GradientCheck.Run(v => v[..].Square(), Counting(3)));
    }

    private static Tensor Indices(int[] shape, params long[] values) => Tensor.From(values, new Shape(shape));

    private static Tensor Counting(params int[] shape)
    {
        var tensor = Tensor.Zeros(new Shape(shape), DType.Float64);
        for (int i = 0; i < tensor.Count; i++) tensor.AsSpan<double>()[i] = i;
        return tensor;
    }

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
