using Xunit;

namespace Evenkeel.Tests;

public sealed class TensorTests
{
    [Fact]
    public void More_than_two_gigabytes_are_refused_with_the_limit()
    {
        Assert.StartsWith(
            "Tensor: expected at most 2147483463 bytes (2 GB), got 2400000000 for Float32 of shape (600000000).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([600_000_000])).Message, StringComparison.Ordinal);
        var tape = new Tape();
        Assert.Throws<ArgumentException>(() => tape.NewTensor([300_000_000], DType.Float64));
        Assert.Equal(3, tape.Input(Tensor.Ones([3])).Sum().Item());
    }

    [Fact]
    public void An_array_without_elements_is_an_empty_matrix()
    {
        Assert.Equal(new Shape([0, 3]), Tensor.From(new float[0, 3]).Shape);
        Assert.Equal(new Shape([2, 0]), Tensor.From(new double[2, 0]).Shape);
        Assert.Equal([1L, 2, 3, 4], Tensor.From(new long[,] { { 1, 2 }, { 3, 4 } }).ToArray<long>());
    }

    [Fact]
    public void The_default_shape_is_a_scalars()
    {
        Assert.Equal(new Shape([]), default);
        Assert.Equal(1, default(Shape).Count);
        Assert.Equal(1, new Shape().Count);
        Assert.Equal(5, Tensor.Full(default, 5).Item());
    }

    [Fact]
    public void A_shape_spread_into_another_gives_its_dimensions()
    {
        Shape sample = [3, 5, 7], batch = [2, .. sample];
        int[] dimensions = [2, .. sample, 4];
        Assert.Equal([2, 3, 5, 7], batch.ToArray());
        Assert.Equal([2, 3, 5, 7, 4], dimensions);
    }
}
