using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class MatMulTests
{
    [Fact]
    public void Only_the_results_shape_must_be_possible()
    {
        // 100000 rows and 100000 columns at once would be too many elements.
        Tensor y = Tensor.Ones([1, 100_000]).MatMul(Tensor.Ones([1, 1]), transposeA: true);
        Assert.Equal(new Shape([100_000, 1]), y.Shape);
        Assert.Equal(100_000, y.Sum().Item());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Values_and_gradients(bool transposeA, bool transposeB)
    {
        (int m, int n, int k) = (4, 5, 3);
        Tensor a = Random(transposeA ? [k, m] : [m, k], 1), b = Random(transposeB ? [n, k] : [k, n], 2);
        Tensor y = a.MatMul(b, transposeA, transposeB);
        Assert.Equal(new Shape([m, n]), y.Shape);
        Close.To(NaiveOps.MatMul(NaiveOps.Doubles(a), NaiveOps.Doubles(b), m, n, k, transposeA, transposeB), y);
        Passes(GradientCheck.Run((u, v) => u.MatMul(v, transposeA, transposeB), a, b));
        Tensor a3 = Random(transposeA ? [2, k, m] : [2, m, k], 3), b3 = Random(transposeB ? [2, n, k] : [2, k, n], 4);
        foreach ((Tensor left, Tensor right) in new[] { (a3, b3), (a3, b), (a, b3) })
        {
            Passes(GradientCheck.Run((u, v) => u.MatMul(v, transposeA, transposeB), left, right));
            Tensor batched = left.MatMul(right, transposeA, transposeB);
            for (int i = 0; i < 2; i++)
            {
                Tensor one = (left.Shape.Rank == 3 ? Entry(left, i) : left)
                    .MatMul(right.Shape.Rank == 3 ? Entry(right, i) : right, transposeA, transposeB);
                Close.To(NaiveOps.Doubles(one), Entry(batched, i));
            }
        }
    }

    [Fact]
    public void Linear_is_the_affine_map_of_the_last_dimension()
    {
        Tensor x = Random([2, 3, 5], 1), weight = Random([4, 5], 2), bias = Random([4], 3);
        Tensor y = x.Linear(weight, bias);
        Assert.Equal(new Shape([2, 3, 4]), y.Shape);
        Tensor twin = x.Reshape(6, 5).MatMul(weight, transposeB: true) + bias;
        Close.To(NaiveOps.Doubles(twin), y);
        Passes(GradientCheck.Run(v => v[0].Linear(v[1], v[2]), [x, weight, bias]));
        Passes(GradientCheck.Run((v, w) => v.Linear(w), x, weight));
        Passes(GradientCheck.Run(v => v.Linear(weight, bias), Random([5], 4)));
    }

    [Fact]
    public void Product_of_a_tensor_with_itself() =>
        Passes(GradientCheck.Run(v => v.MatMul(v, transposeB: true), Random([3, 4], 1)));

    [Fact]
    public void Errors_name_the_shapes()
    {
        Tensor x = Tensor.Zeros([8, 20]);
        Assert.StartsWith("Linear: expected an input of shape (*, 30) for a weight of shape (5, 30), got (8, 20).",
            Assert.Throws<ArgumentException>(() => x.Linear(Tensor.Zeros([5, 30]))).Message, StringComparison.Ordinal);
        Assert.StartsWith("Linear: expected a weight of shape (out, in), got (20).",
            Assert.Throws<ArgumentException>(() => x.Linear(Tensor.Zeros([20]))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "Linear: expected a bias of shape (5)",
            Assert.Throws<ArgumentException>(() => x.Linear(Tensor.Zeros([5, 20]), Tensor.Zeros([4]))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith("MatMul: expected inner dimensions to agree, got 20 of (8, 20) and 8 of (8, 20).",
            Assert.Throws<ArgumentException>(() => x.MatMul(x)).Message, StringComparison.Ordinal);
        Assert.StartsWith("MatMul: expected matrices",
            Assert.Throws<ArgumentException>(() => x.MatMul(Tensor.Zeros([20]))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "MatMul: expected the same leading dimensions",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([2, 3, 4]).MatMul(Tensor.Zeros([3, 4, 5]))).Message,
            StringComparison.Ordinal);
    }

    private static Tensor Random(Shape shape, ulong seed) =>
        Tensor.RandomNormal(shape, new Philox(seed), DType.Float64);

    private static Tensor Entry(Tensor x, int i) => x.Slice(0, i, 1).Reshape(x.Shape[1], x.Shape[2]);

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
