using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The loops over one group that lies in several runs, at every length of a run from 0 to 257 and beyond a block, with
/// and without gaps between the runs, with guards at both ends.
/// </summary>
public sealed unsafe class SegmentsTests
{
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, KernelSweep.Longest + 1), 4095, 4096, 9001];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sums_are_those_of_a_plain_loop(bool before) =>
        EachCase(before, new SumCheck(), new MaskedSumCheck(), new SampleCheck());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Maps_are_those_of_a_plain_loop(bool before) =>
        EachCase(before, new MapCheck(), new MaskedMapCheck());

    private static void EachCase(bool before, params ICheck[] checks)
    {
        Fence fence = before ? Fence.Before : Fence.Behind;
        foreach (int length in s_lengths)
        {
            // A gap that keeps runs of whole packs aligned, and one that does not.
            int aligned = (length + 31) / 16 * 16;
            Run(1, length);
            Run(3, length);
            Run(3, length + 5);
            if (length % 8 == 0) Run(2, aligned);

            void Run(int runs, int stride)
            {
                var single = new Group<float>(runs, length, stride, fence);
                var wide = new Group<double>(runs, length, stride, fence);
                foreach (ICheck check in checks)
                {
                    check.Run(single);
                    check.Run(wide);
                }
            }
        }
    }

    private interface ICheck
    {
        void Run<T>(Group<T> group) where T : unmanaged, IFloatingPointIeee754<T>;
    }

    /// <summary>Values, gradients and results in runs of one group, and the group's constants.</summary>
    private sealed class Group<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public Group(int runs, int length, int stride, Fence fence)
        {
            (Runs, Length, Stride) = (runs, length, stride);
            Name = $"{runs} runs of {length}, {stride} apart";
            int count = ((runs - 1) * stride) + length;
            X = new GuardedBuffer<T>(count, 1, fence);
            Dy = new GuardedBuffer<T>(count, 2, fence);
            Result = new GuardedBuffer<T>(count, 3, fence);
            Numbers = new GuardedBuffer<T>(Constants<T>.Rows, 4, fence);
            if (stride > length)
            {
                X.WithGaps(length, stride);
                Dy.WithGaps(length, stride);
                Result.WithGaps(length, stride);
            }
        }

        public int Runs { get; }

        public int Length { get; }

        public int Stride { get; }

        public GuardedBuffer<T> X { get; }

        public GuardedBuffer<T> Dy { get; }

        public GuardedBuffer<T> Result { get; }

        public GuardedBuffer<T> Numbers { get; }

        public Constants<T> Constants => new(Numbers.Pointer, 1);

        /// <summary>Whether to store past the caches: only where every run is whole packs can that differ.</summary>
        public bool[] Streams => Length % Vector512<T>.Count == 0 ? [false, true] : [true];

        public double Pivot => Numbers[0];

        public double Scale => Numbers[1];

        public double Shift => Numbers[2];

        public double B => Numbers[3];

        public double C => Numbers[4];

        public string Name { get; }

        /// <summary>Σ of a term over the values; its arguments are the run, the place and the element.</summary>
        public double Total(Func<int, int, int, double> term)
        {
            double total = 0;
            for (int run = 0; run < Runs; run++)
            {
                for (int i = 0; i < Length; i++) total += term(run, i, (run * Stride) + i);
            }

            return total;
        }

        public void Near(double expected, double actual) =>
            KernelSweep.Near<T>(expected, actual, Name, terms: Runs * Length);

        /// <summary>Compares every result, and then overwrites it.</summary>
        public void NearResults(Func<int, int, int, double> expected)
        {
            Result.Check(Length, Math.Max(1, Stride));
            Total((run, i, at) =>
            {
                KernelSweep.Near<T>(expected(run, i, at), Result[at], Name, at);
                Result.Values[at] = T.NaN;
                return 0;
            });
        }

        public double Gradient(int at, bool counts) =>
            (Scale * Dy[at]) + (counts ? (B * (X[at] - Pivot)) + C : 0);
    }

    private sealed class SumCheck : ICheck
    {
        public void Run<T>(Group<T> g) where T : unmanaged, IFloatingPointIeee754<T>
        {
            (double sum, double product) = Segments.Sum<T, Cotangent<T, NoEpilogue>, NoMask<T>>(
                g.X.Pointer, g.Dy.Pointer, g.Runs, g.Stride, g.Length, g.Constants, default);
            g.Near(g.Total((_, _, at) => g.Dy[at]), sum);
            g.Near(g.Total((_, _, at) => g.Dy[at] * (g.X[at] - g.Pivot)), product);

            // Terms of x alone read no dy: there is none.
            (sum, product) = Segments.Sum<T, Deviation<T>, NoMask<T>>(
                g.X.Pointer, null, g.Runs, g.Stride, g.Length, g.Constants, default);
            g.Near(g.Total((_, _, at) => g.X[at] - g.Pivot), sum);
            g.Near(g.Total((_, _, at) => (g.X[at] - g.Pivot) * (g.X[at] - g.Pivot)), product);
            (sum, product) = Segments.Sum<T, Square<T>, NoMask<T>>(
                g.X.Pointer, null, g.Runs, g.Stride, g.Length, default, default);
            g.Near(g.Total((_, _, at) => g.X[at] * g.X[at]), sum);
            Assert.Equal(0, product);
        }
    }

    private sealed class MaskedSumCheck : ICheck
    {
        public void Run<T>(Group<T> g) where T : unmanaged, IFloatingPointIeee754<T>
        {
            GuardedBuffer<T> bits = KernelSweep.Mask<T>(g.Runs * g.Length, g.Length, out bool[] counts),
                rowBits = KernelSweep.Mask<T>(g.Runs, g.Length, out bool[] runCounts);
            (double sum, double product) = Segments.Sum<T, Deviation<T>, RunMask<T>>(
                g.X.Pointer, null, g.Runs, g.Stride, g.Length, g.Constants, new RunMask<T>(bits.Pointer, g.Length));
            Check((run, i) => counts[(run * g.Length) + i]);
            (sum, product) = Segments.Sum<T, Deviation<T>, RowMask<T>>(
                g.X.Pointer, null, g.Runs, g.Stride, g.Length, g.Constants, new RowMask<T>(rowBits.Pointer, 1));
            Check((run, _) => runCounts[run]);

            void Check(Func<int, int, bool> isIn)
            {
                g.Near(g.Total((run, i, at) => isIn(run, i) ? g.X[at] - g.Pivot : 0), sum);
                g.Near(g.Total((run, i, at) => isIn(run, i) ? Square(g.X[at] - g.Pivot) : 0), product);
            }
        }
    }

    private sealed class MapCheck : ICheck
    {
        public void Run<T>(Group<T> g) where T : unmanaged, IFloatingPointIeee754<T>
        {
            foreach (bool stream in g.Streams)
            {
                Segments.Map<T, Normalize<T, NoEpilogue>, NoMask<T>>(
                    g.X.Pointer, null, g.Result.Pointer, g.Runs, g.Stride, g.Length, g.Constants, default, stream,
                    ahead: true);
                Simd.StreamFence();
                g.NearResults((_, _, at) => ((g.X[at] - g.Pivot) * g.Scale) + g.Shift);
                Segments.Map<T, InputGradient<T, NoEpilogue>, NoMask<T>>(
                    g.X.Pointer, g.Dy.Pointer, g.Result.Pointer, g.Runs, g.Stride, g.Length, g.Constants, default,
                    stream, ahead: false);
                Simd.StreamFence();
                g.NearResults((_, _, at) => g.Gradient(at, counts: true));
            }
        }
    }

    private sealed class MaskedMapCheck : ICheck
    {
        public void Run<T>(Group<T> g) where T : unmanaged, IFloatingPointIeee754<T>
        {
            GuardedBuffer<T> bits = KernelSweep.Mask<T>(g.Runs * g.Length, g.Length, out bool[] counts);
            foreach (bool stream in g.Streams)
            {
                Segments.Map<T, InputGradient<T, NoEpilogue>, RunMask<T>>(
                    g.X.Pointer, g.Dy.Pointer, g.Result.Pointer, g.Runs, g.Stride, g.Length, g.Constants,
                    new RunMask<T>(bits.Pointer, g.Length), stream, ahead: false);
                Simd.StreamFence();
                g.NearResults((run, i, at) => g.Gradient(at, counts[(run * g.Length) + i]));
            }
        }
    }

    private sealed class SampleCheck : ICheck
    {
        public void Run<T>(Group<T> g) where T : unmanaged, IFloatingPointIeee754<T>
        {
            const int Packs = 2;
            GuardedBuffer<T> bits = KernelSweep.Mask<T>(g.Runs * g.Length, g.Length, out bool[] counts);
            int width = Vector512<T>.Count, taken = Math.Min(width, g.Length);
            int samples = g.Runs > 1 || g.Length < width
                ? Math.Min(g.Runs, Packs)
                : Math.Min(Packs, g.Length / width);
            Check(_ => true, Segments.SampleMean(
                g.X.Pointer, g.Runs, g.Stride, g.Length, Packs, default(NoMask<T>)));
            Check(i => counts[i], Segments.SampleMean(
                g.X.Pointer, g.Runs, g.Stride, g.Length, Packs, new RunMask<T>(bits.Pointer, g.Length)));

            void Check(Func<int, bool> isIn, double actual)
            {
                double sum = 0;
                int count = 0;
                for (int k = 0; k < samples; k++)
                {
                    (int run, int place) = g.Runs == 1 ? (0, k * (g.Length / samples)) : (k * g.Runs / samples, 0);
                    for (int i = place; i < place + taken; i++)
                    {
                        if (!isIn((run * g.Length) + i)) continue;
                        sum += g.X[(run * g.Stride) + i];
                        count++;
                    }
                }

                g.Near(count == 0 ? 0 : sum / count, actual);
            }
        }
    }

    private static double Square(double x) => x * x;
}
