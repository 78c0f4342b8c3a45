using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The walks of layer norm and RMS norm over one row, forward and backward, at every length from 0 to 257 and beyond a
/// block, with guards at both ends.
/// </summary>
public sealed unsafe class RowsTests
{
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, KernelSweep.Longest + 1), 1023, 1024, 1100];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Layer_norm_walks_are_those_of_a_plain_loop(bool before)
    {
        Sweep<float, MeanAndVariance, NoEpilogue>(before, isReLU: false);
        Sweep<double, MeanAndVariance, NoEpilogue>(before, isReLU: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Layer_norm_walks_with_a_ReLU_are_those_of_a_plain_loop(bool before)
    {
        Sweep<float, MeanAndVariance, ReLUEpilogue>(before, isReLU: true);
        Sweep<double, MeanAndVariance, ReLUEpilogue>(before, isReLU: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RMS_norm_walks_are_those_of_a_plain_loop(bool before)
    {
        Sweep<float, RootMeanSquare, NoEpilogue>(before, isReLU: false);
        Sweep<double, RootMeanSquare, NoEpilogue>(before, isReLU: false);
        Sweep<float, RootMeanSquare, ReLUEpilogue>(before, isReLU: true);
        Sweep<double, RootMeanSquare, ReLUEpilogue>(before, isReLU: true);
    }

    private static void Sweep<T, TNorm, TEpilogue>(bool before, bool isReLU)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        Fence fence = before ? Fence.Before : Fence.Behind;
        foreach (int length in s_lengths)
        {
            GuardedBuffer<T> x = new(length, 1, fence), dy = new(length, 2, fence), gamma = new(length, 3, fence),
                beta = new(length, 4, fence), y = new(length, 5, fence), dgamma = new(length, 6, fence),
                dbeta = new(length, 7, fence), numbers = new(Constants<T>.Rows, 8, fence);

            // Half of gamma is negative, so a ReLU passes about half of the values.
            for (int i = 0; i < length; i += 2) gamma.Values[i] = -gamma.Values[i];
            var row = new Constants<T>(numbers.Pointer, 1);
            (double pivot, double rstd, double offset) = TNorm.HasMean
                ? (numbers[0], numbers[1], numbers[2])
                : (0, numbers[1], 0);
            T* betas = TNorm.HasMean ? beta.Pointer : null, dbetas = TNorm.HasMean ? dbeta.Pointer : null;
            double[] dgammaBefore = Doubles(dgamma), dbetaBefore = Doubles(dbeta);
            string name = $"length {length}";
            bool streams = length % Vector512<T>.Count == 0;

            foreach (bool stream in streams ? new[] { false, true } : [false])
            {
                Rows.Normalize<T, TNorm, TEpilogue>(x.Pointer, gamma.Pointer, betas, y.Pointer, length, row, stream);
                Simd.StreamFence();
                Results(y, i => isReLU ? Math.Max(0, Y(i)) : Y(i));
            }

            (double sum, double product) = Rows.Cotangent<T, TNorm, TEpilogue>(
                x.Pointer, dy.Pointer, gamma.Pointer, betas, dgamma.Pointer, dbetas, length, row);
            double expectedSum = 0, expectedProduct = 0;
            for (int i = 0; i < length; i++)
            {
                expectedSum += gamma[i] * Dy(i);
                expectedProduct += gamma[i] * Dy(i) * XHat(i);
            }

            KernelSweep.Near<T>(expectedSum, sum, name, terms: length);
            KernelSweep.Near<T>(expectedProduct, product, name, terms: length);
            Results(dgamma, i => dgammaBefore[i] + (Dy(i) * XHat(i)));
            if (TNorm.HasMean) Results(dbeta, i => dbetaBefore[i] + Dy(i));

            (double b, double c) = (numbers[3], numbers[4]);
            foreach (bool stream in streams ? new[] { false, true } : [false])
            {
                Rows.Gradient<T, TNorm, TEpilogue>(x.Pointer, dy.Pointer, gamma.Pointer, betas, y.Pointer, length, row,
                    stream);
                Simd.StreamFence();
                Results(y, i => (rstd * gamma[i] * Dy(i)) + (b * (x[i] - pivot)) + (TNorm.HasMean ? c : 0));
            }

            double XHat(int i) => ((x[i] - pivot) * rstd) + offset;

            double Y(int i) => (XHat(i) * gamma[i]) + (TNorm.HasMean ? beta[i] : 0);

            double Dy(int i) => isReLU && Y(i) <= 0 ? 0 : dy[i];

            void Results(GuardedBuffer<T> actual, Func<int, double> expected)
            {
                actual.Check();
                for (int i = 0; i < length; i++)
                {
                    // A ReLU decides either way at a value that is zero up to its rounding.
                    if (!isReLU || Math.Abs(Y(i)) > KernelSweep.Tolerance<T>())
                        KernelSweep.Near<T>(expected(i), actual[i], name, i, terms: 2);
                    actual.Values[i] = T.NaN;
                }
            }
        }
    }

    private static double[] Doubles<T>(GuardedBuffer<T> buffer) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double[] values = new double[buffer.Count];
        for (int i = 0; i < values.Length; i++) values[i] = buffer[i];
        return values;
    }
}
