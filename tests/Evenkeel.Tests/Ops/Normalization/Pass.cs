using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// One forward and backward pass of a batch norm in training, with everything that comes out of it, in double.
/// </summary>
internal sealed record Pass(
    double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double[] Mean, double[] Variance, long Batches)
{
    public delegate Tensor Norm(Tensor x, Tensor gamma, Tensor beta, RunningStatistics running);

    /// <summary>On random data of a shape, with running statistics that have moved.</summary>
    public static Pass Run(int[] shape, Norm norm, DType dtype = DType.Float64, ICollective? members = null)
    {
        Tensor x = Data(shape, 1, dtype) * 1.5 + 2.0;
        return Run(x, Data(shape, 2, dtype), norm, members);
    }

    /// <summary>On given data.</summary>
    public static Pass Run(
        Tensor x, Tensor dy, Norm norm, ICollective? members = null, bool poolsBatchStatistics = false)
    {
        int channels = x.Shape[1];
        Tensor gamma = Data([channels], 3, x.DType), beta = Data([channels], 4, x.DType);
        RunningStatistics running = Running(channels, x.DType);
        var tape = new Tape(Mode.Train) { Collective = members, PoolsBatchStatistics = poolsBatchStatistics };
        Tensor input = tape.Input(x, requiresGradient: true), scale = tape.Input(gamma, requiresGradient: true),
            shift = tape.Input(beta, requiresGradient: true);
        Tensor y = norm(input, scale, shift, running);
        y.Backward(dy);
        return new Pass(
            Doubles(y), Doubles(input.Gradient!), Doubles(scale.Gradient!), Doubles(shift.Gradient!),
            Doubles(running.Mean.Value), Doubles(running.Variance.Value),
            running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    public static Tensor Data(int[] shape, ulong seed, DType dtype) =>
        Tensor.RandomNormal(new Shape(shape), new Philox(seed), DType.Float64).To(dtype);

    /// <summary>Means around 1.8 and variances around 2, after 7 batches.</summary>
    public static RunningStatistics Running(int channels, DType dtype)
    {
        var running = new RunningStatistics(channels, RunningAverage.Torch());
        running.Mean.To(dtype);
        running.Variance.To(dtype);
        running.Mean.Value.CopyFrom(Data([channels], 5, dtype) * 0.3 + 1.8);
        running.Variance.Value.CopyFrom(Data([channels], 6, dtype).Abs() + 1.5);
        running.NumBatchesTracked.Value.AsSpan<long>()[0] = 7;
        return running;
    }

    public static double[] Doubles(Tensor tensor) => tensor.DType == DType.Float64
        ? tensor.ToArray<double>()
        : [.. tensor.ToArray<float>().Select(static value => (double)value)];

    public static void AssertSameBits(Pass expected, Pass actual)
    {
        AssertSameBits(expected.Y, actual.Y, "y");
        AssertSameBits(expected.Dx, actual.Dx, "dx");
        AssertSameBits(expected.Dgamma, actual.Dgamma, "dgamma");
        AssertSameBits(expected.Dbeta, actual.Dbeta, "dbeta");
        AssertSameBits(expected.Mean, actual.Mean, "running_mean");
        AssertSameBits(expected.Variance, actual.Variance, "running_var");
        Assert.Equal(expected.Batches, actual.Batches);
    }

    public static void AssertSameBits(double[] expected, double[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.DoubleToInt64Bits(expected[i]) != BitConverter.DoubleToInt64Bits(actual[i]))
                Assert.Fail($"{what}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    public static void AssertClose(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double scale = Math.Max(1, expected.Max(Math.Abs));
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * scale))
                Assert.Fail($"{what}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
