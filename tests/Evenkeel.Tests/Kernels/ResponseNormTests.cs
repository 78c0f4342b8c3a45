using System.Numerics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Local response normalization, forward and backward, over channels of every length from 0 to 257, with guards at both
/// ends; and values whose squares leave the range of float.
/// </summary>
public sealed unsafe class ResponseNormTests
{
    private const int Samples = 2, Channels = 4;

    private const double Weight = 0.3, K = 1.5;

    [Theory]
    [InlineData(0.75)]
    [InlineData(0.6)]
    public void Every_length_in_float(double beta) => Sweep<float>(beta);

    [Theory]
    [InlineData(0.75)]
    [InlineData(0.6)]
    public void Every_length_in_double(double beta) => Sweep<double>(beta);

    [Theory]
    [InlineData(0.75)]
    [InlineData(0.6)]
    public void Squares_beyond_the_range_of_float_at_every_length(double beta)
    {
        for (int values = 0; values <= KernelSweep.Longest; values++)
        {
            Check<float>(new ChannelWindows(Samples, Channels, values, 1, 2, Weight), beta, Fence.Behind, scale: 1e25);
        }
    }

    private static void Sweep<T>(double beta) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int values = 0; values <= KernelSweep.Longest; values++)
        {
            Check<T>(new ChannelWindows(Samples, Channels, values, 1, 1, Weight), beta, Fence.Behind, scale: 1);
            Check<T>(new ChannelWindows(Samples, Channels, values, 2, 0, Weight), beta, Fence.Before, scale: 1);
        }
    }

    private static void Check<T>(ChannelWindows windows, double beta, Fence fence, double scale)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int count = Samples * Channels * windows.Values;
        GuardedBuffer<T> x = new(count, 1, fence), d = new(count, 2, fence), y = new(count, 3, fence),
            dy = new(count, 4, fence), products = new(count, 5, fence), dx = new(count, 6, fence);
        for (int i = 0; i < count; i++) x.Values[i] *= T.CreateTruncating(scale);
        ResponseNorm.Forward(x.Pointer, d.Pointer, y.Pointer, windows, beta, K);
        ResponseNorm.Backward(
            x.Pointer, d.Pointer, y.Pointer, dy.Pointer, products.Pointer, dx.Pointer, windows, beta, K);
        foreach (GuardedBuffer<T> buffer in new[] { x, d, y, dy, products, dx }) buffer.Check();

        string name = windows.ToString();

        // In double, all squares of floats are in range.
        double[] expectedD = new double[count], expectedDx = new double[count];
        Each((i, other) => expectedD[i] += Weight * x[other] * x[other], i => expectedD[i] = K);
        Each((i, other) => expectedDx[other] -=
                2 * beta * Weight * x[other] * dy[i] * x[i] * Math.Pow(expectedD[i], -beta - 1),
            i => expectedDx[i] += dy[i] * Math.Pow(expectedD[i], -beta));
        for (int i = 0; i < count; i++)
        {
            // Where values are far from 1, a rounding is relative to the terms: those of dx may cancel.
            double power = Math.Pow(expectedD[i], -beta);
            Near(x[i] * power, y[i], x[i] * power);
            Near(expectedDx[i], dx[i], dy[i] * power);
            if (scale == 1) Near(expectedD[i], d[i], 1);
        }

        void Each(Action<int, int> pair, Action<int> own)
        {
            for (int i = 0; i < count; i++)
            {
                int channel = i / windows.Values % Channels;
                own(i);
                for (int c = channel - windows.Before; c <= channel + windows.After; c++)
                    if (c is >= 0 and < Channels) pair(i, i + ((c - channel) * windows.Values));
            }
        }

        void Near(double expected, double actual, double term)
        {
            double size = scale == 1 ? 1 : term;
            KernelSweep.Near<T>(expected / size, actual / size, name, terms: 4);
        }
    }
}
