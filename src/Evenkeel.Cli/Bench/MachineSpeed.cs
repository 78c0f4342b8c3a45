using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Cli.Bench;

/// <summary>
/// What the machine can do, measured in the same sitting as the cases: the rate of copying, which depends on how much
/// is copied, and of fused multiply-adds.
/// </summary>
internal sealed class MachineSpeed(int threads)
{
    private const double Seconds = 0.03;
    private const int Rounds = 5;

    private readonly Dictionary<int, double> _copy = [];
    private double _fma;

    /// <summary>
    /// Bytes per second, read and written, of copies that touch about <paramref name="workingSet"/> bytes. Measured
    /// once per power of two.
    /// </summary>
    public double CopyBytesPerSecond(double workingSet)
    {
        int exponent = Math.Clamp((int)Math.Round(Math.Log2(workingSet)), 14, 28);
        if (!_copy.TryGetValue(exponent, out double rate)) _copy[exponent] = rate = MeasureCopy(1L << exponent);
        return rate;
    }

    /// <summary>Operations per second of float32 fused multiply-adds (two each) on values in registers.</summary>
    public double FlopsPerSecond => _fma > 0 ? _fma : _fma = Best(MeasureFma);

    private double MeasureCopy(long workingSet)
    {
        // Half of the set is read, half is written; every thread copies its own part, again and again.
        int part = (int)Math.Max(4096, workingSet / 2 / threads);
        byte[][] from = [.. Enumerable.Range(0, threads).Select(_ => Filled(part))];
        byte[][] to = [.. Enumerable.Range(0, threads).Select(_ => Filled(part))];
        return Best(() => OnAllThreads(thread =>
        {
            long copied = 0;
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed.TotalSeconds < Seconds)
            {
                for (int i = 0; i < Math.Max(1, (1 << 20) / part); i++)
                {
                    Buffer.BlockCopy(from[thread], 0, to[thread], 0, part);
                    copied += 2L * part;
                }
            }

            return copied / clock.Elapsed.TotalSeconds;
        }));
    }

    private double MeasureFma() => OnAllThreads(_ =>
    {
        double operations = 0;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < Seconds) operations += FmaLoop(1.0000001f, 1 << 14);
        return operations / clock.Elapsed.TotalSeconds;
    });

    /// <summary>
    /// Ten independent chains: enough for two units of four cycles' latency, and few enough for the registers of every
    /// x64.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double FmaLoop(float factor, int turns)
    {
        Vector512<float> a = Vector512.Create(factor), b = Vector512.Create(1e-9f);
        Vector512<float> s0 = b, s1 = b, s2 = b, s3 = b, s4 = b, s5 = b, s6 = b, s7 = b, s8 = b, s9 = b;
        for (int i = 0; i < turns; i++)
        {
            s0 = Vector512.FusedMultiplyAdd(s0, a, b);
            s1 = Vector512.FusedMultiplyAdd(s1, a, b);
            s2 = Vector512.FusedMultiplyAdd(s2, a, b);
            s3 = Vector512.FusedMultiplyAdd(s3, a, b);
            s4 = Vector512.FusedMultiplyAdd(s4, a, b);
            s5 = Vector512.FusedMultiplyAdd(s5, a, b);
            s6 = Vector512.FusedMultiplyAdd(s6, a, b);
            s7 = Vector512.FusedMultiplyAdd(s7, a, b);
            s8 = Vector512.FusedMultiplyAdd(s8, a, b);
            s9 = Vector512.FusedMultiplyAdd(s9, a, b);
        }

        Vector512<float> all = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9;
        return (2.0 * 10 * Vector512<float>.Count * turns) + (all[0] > 1e30f ? 1 : 0);
    }

    private double OnAllThreads(Func<int, double> rate)
    {
        double[] rates = new double[threads];
        using var together = new Barrier(threads);
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(i => new Thread(() =>
        {
            together.SignalAndWait();
            rates[i] = rate(i);
        }))];
        foreach (Thread worker in workers) worker.Start();
        foreach (Thread worker in workers) worker.Join();
        return rates.Sum();
    }

    private static double Best(Func<double> measure) => Enumerable.Range(0, Rounds).Max(_ => measure());

    private static byte[] Filled(int length)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(length, pinned: true);
        Array.Fill(buffer, (byte)1);
        return buffer;
    }
}
