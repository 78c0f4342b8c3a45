using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed unsafe class ReduceTests
{
    /// <summary>
    /// Per term of a sum that is accumulated in Float32 over blocks: about 25 units, 2^-23 = 1.2e-7 each.
    /// </summary>
    private const double OfTerms32 = 3e-6;

    [Fact]
    public void Rows_and_columns_of_every_length_in_float() => Sweep<float>(OfTerms32);

    [Fact]
    public void Rows_and_columns_of_every_length_in_double() => Sweep<double>(Tolerances.Float64Steps);

    [Theory]
    [InlineData(new[] { 4096 }, 0b1)]
    [InlineData(new[] { 3, 4096 }, 0b10)]
    [InlineData(new[] { 200_000, 2 }, 0b01)]
    [InlineData(new[] { 4096, 70 }, 0b01)]
    [InlineData(new[] { 4096, 20 }, 0b01)]
    [InlineData(new[] { 4, 7, 33, 5 }, 0b0101)]
    [InlineData(new[] { 4, 7, 33, 50 }, 0b1010)]
    [InlineData(new[] { 300_000 }, 0b1)]
    public void A_sum_that_leaves_the_range_of_float_on_the_way_is_finite(int[] shape, int reduced)
    {
        // Each kept index has a value of its own, so that a mix-up shows.
        ReductionPlan plan = ReductionPlan.Create(shape, (uint)reduced);
        int count = plan.Count;
        float[] x = new float[count];
        double[] expected = new double[plan.Kept];
        for (int i = 0; i < count; i++)
        {
            int k = Kept(i, shape, (uint)reduced);
            x[i] = 2e38f + (k * 1e34f);
            expected[k] += x[i] / (double)plan.Reduced;
        }

        float[] y = new float[plan.Kept];
        fixed (float* source = x, result = y)
            Reduce.Sum(plan, source, source, source, result, plan.Reduced, default(Identity<float>));
        for (int k = 0; k < y.Length; k++) Assert.Equal(expected[k], y[k], Tolerances.Float32Roundoff * expected[k]);
        x[count - 1] = float.PositiveInfinity;
        fixed (float* source = x, result = y)
            Reduce.Sum(plan, source, source, source, result, plan.Reduced, default(Identity<float>));
        for (int k = 0; k < y.Length - 1; k++)
            Assert.Equal(expected[k], y[k], Tolerances.Float32Roundoff * expected[k]);
        Assert.Equal(float.PositiveInfinity, y[^1]);
        x[count - 1] = float.NaN;
        fixed (float* source = x, result = y)
            Reduce.Sum(plan, source, source, source, result, plan.Reduced, default(Identity<float>));
        Assert.Equal(float.NaN, y[^1]);
    }

    [Fact]
    public void Softmax_rows_of_every_length()
    {
        for (int length = 1; length <= 257; length++)
        {
            GuardedBuffer<float> x = new(3 * length, 1), y = new(3 * length, 2), z = new(3 * length, 3),
                dy = new(3 * length, 4), dx = new(3 * length, 5);
            SoftmaxRows.Softmax(x.Pointer, y.Pointer, 3, length);
            SoftmaxRows.LogSoftmax(x.Pointer, z.Pointer, 3, length);
            SoftmaxRows.SoftmaxBackward(y.Pointer, dy.Pointer, dx.Pointer, 3, length);
            for (int r = 0; r < 3; r++)
            {
                double[] expected = Reference.NaiveOps.Softmax(
                    x.Values.Slice(r * length, length).ToArray().Select(v => (double)v).ToArray());
                double dot = 0;
                for (int i = 0; i < length; i++) dot += expected[i] * dy.Values[(r * length) + i];
                for (int i = 0; i < length; i++)
                {
                    int at = (r * length) + i;
                    Assert.Equal(expected[i], y.Values[at], Tolerances.Float32Roundoff);
                    Assert.Equal(Math.Log(expected[i]), z.Values[at], Tolerances.Float32Steps);
                    Assert.Equal(expected[i] * (dy.Values[at] - dot), dx.Values[at], Tolerances.Float32Roundoff);
                }
            }

            y.Check();
            z.Check();
            dx.Check();
        }
    }

    private static void Sweep<T>(double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int length = 1; length <= 257; length++)
        {
            foreach (uint reduced in new uint[] { 0b001, 0b010, 0b100, 0b101, 0b110, 0b011, 0b111 })
            {
                int[] shape = [2, 3, length];
                ReductionPlan plan = ReductionPlan.Create(shape, reduced);
                GuardedBuffer<T> a = new(6 * length, 1), b = new(6 * length, 2), c = new(plan.Kept, 3),
                    y = new(plan.Kept, 4);
                Reduce.Sum(plan, a.Pointer, b.Pointer, c.Pointer, y.Pointer, 2, default(Term<T>));
                double[] expected = new double[plan.Kept];
                for (int i = 0; i < a.Count; i++)
                {
                    int k = Kept(i, shape, reduced);
                    expected[k] += double.CreateTruncating(a.Values[i] * b.Values[i] * c.Values[k]) / 2;
                }

                for (int k = 0; k < expected.Length; k++)
                {
                    Assert.Equal(
                        expected[k], double.CreateTruncating(y.Values[k]), tolerance * Math.Max(1, expected[k]));
                }

                y.Check();
            }
        }
    }

    private static int Kept(int flat, int[] shape, uint reduced)
    {
        int[] index = Reference.NaiveOps.Unravel(flat, shape);
        int k = 0;
        for (int d = 0; d < shape.Length; d++) k = (reduced >> d & 1) != 0 ? k : (k * shape[d]) + index[d];
        return k;
    }

    private readonly struct Term<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b * c;
    }
}
