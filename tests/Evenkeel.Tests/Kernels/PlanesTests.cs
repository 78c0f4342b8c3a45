using System.Numerics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The loops over runs with constants of their own, at every length from 1 to 257 and beyond a block,
/// with guards at both ends.
/// </summary>
public sealed unsafe class PlanesTests
{
    /// <summary>
    /// Per term of a sum that is accumulated in Float32 over blocks: about 25 units, 2^-23 = 1.2e-7 each.
    /// </summary>
    private const double OfTerms32 = 3e-6;

    private const int Runs = 3;

    private static readonly int[] s_lengths = [.. Enumerable.Range(1, 257), 4095, 4096, 4200, 20_001];

    [Fact]
    public void Every_length_in_float() => Sweep<float>(OfTerms32);

    [Fact]
    public void Every_length_in_double() => Sweep<double>(Tolerances.Float64Steps);

    [Fact]
    public void Stored_past_the_caches_the_bits_are_the_same()
    {
        const int Length = 48;
        GuardedBuffer<float> x = new(Runs * Length, 1), rows = new(Constants<float>.Rows * Runs, 2);
        Tensor plain = Tensor.Empty([Runs, Length], DType.Float32),
            streamed = Tensor.Empty([Runs, Length], DType.Float32);
        Planes.Map<float, Normalize<float, NoEpilogue>>(x.Pointer, x.Pointer,
            plain.Pointer<float>(), Runs, Length, new Constants<float>(rows.Pointer, Runs), ahead: 0, stream: false);
        Planes.Map<float, Normalize<float, NoEpilogue>>(x.Pointer, x.Pointer,
            streamed.Pointer<float>(), Runs, Length, new Constants<float>(rows.Pointer, Runs), ahead: 0, stream: true);
        Simd.StreamFence();
        Assert.Equal(plain.ToArray<float>(), streamed.ToArray<float>());
    }

    private static void Sweep<T>(double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (int length in s_lengths)
        {
            GuardedBuffer<T> x = new(Runs * length, 1), dy = new(Runs * length, 2), y = new(Runs * length, 3),
                rows = new(Constants<T>.Rows * Runs, 4);
            GuardedBuffer<double> sums = new(Runs, 5), products = new(Runs, 6), pivots = new(Runs, 7);
            var constants = new Constants<T>(rows.Pointer, Runs);

            Planes.Sum<T, Cotangent<T, NoEpilogue>>(
                x.Pointer, dy.Pointer, Runs, length, constants, sums.Pointer, products.Pointer);
            for (int run = 0; run < Runs; run++)
            {
                double sum = 0, product = 0;
                for (int i = run * length; i < (run + 1) * length; i++)
                {
                    sum += Double(dy, i);
                    product += Double(dy, i) * (Double(x, i) - Constant(constants.Pivot, run));
                }

                Near(sum, sums.Values[run], length);
                Near(product, products.Values[run], length);
            }

            foreach (bool stream in new[] { false, true })
            {
                Planes.Map<T, Normalize<T, NoEpilogue>>(
                    x.Pointer, x.Pointer, y.Pointer, Runs, length, constants, ahead: 0, stream);
                Each((run, i) => (Double(x, i) - Constant(constants.Pivot, run)) * Constant(constants.Scale, run)
                    + Constant(constants.Shift, run));
                Planes.Map<T, InputGradient<T, NoEpilogue>>(
                    x.Pointer, dy.Pointer, y.Pointer, Runs, length, constants, ahead: length, stream);
                Each((run, i) => Constant(constants.Scale, run) * Double(dy, i) + Constant(
                    constants.B, run) * (Double(x, i) - Constant(constants.Pivot, run)) + Constant(constants.C, run));
            }

            Planes.SampleMeans(x.Pointer, Runs, length, pivots.Pointer);
            for (int run = 0; run < Runs; run++)
            {
                Assert.InRange(pivots.Values[run], 0.5, 1.5);
                if (length >= 16 * 8) Assert.InRange(pivots.Values[run], 0.7, 1.3);
            }

            foreach (GuardedBuffer<T> buffer in new[] { x, dy, y, rows }) buffer.Check();
            sums.Check();
            products.Check();
            pivots.Check();

            static double Constant(T* row, int run) => double.CreateTruncating(row[run]);

            void Near(double expected, double actual, double scale) =>
                Assert.True(Math.Abs(expected - actual) <= tolerance * scale,
                    $"length {length}: expected {expected:R}, got {actual:R}");

            void Each(Func<int, int, double> expected)
            {
                for (int i = 0; i < Runs * length; i++) Near(expected(i / length, i), Double(y, i), 1);
            }
        }
    }

    private static double Double<T>(GuardedBuffer<T> buffer, int i) where T : unmanaged, IFloatingPointIeee754<T> =>
        double.CreateTruncating(buffer.Values[i]);
}
