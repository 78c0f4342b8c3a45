using System.Numerics;
using System.Runtime.InteropServices;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The matrix product against a naive twin in double, and its bits against threads and tiles.
/// </summary>
[Collection(nameof(GemmTests))]
public sealed unsafe class GemmTests
{
    private static readonly int[] Sizes = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 50, 100];
    private static readonly int[] Terms = [0, 1, 5, 16, 17, 50, 100, 257, 600];

    // The shapes of every path: blocks in both directions, copies of A and B, several chunks,
    // the dot form with its tails.
    private static readonly (int M, int N, int K)[] Shapes =
    [
        (50, 100, 3072), (5, 100, 3072), (1, 100, 3072), (64, 13, 1030), (65, 13, 1030), (3, 1, 256), (7, 33, 1551),
        (300, 520, 300), (520, 70, 513), (100, 3072, 50), (100, 3072, 5), (17, 1024, 260), (50, 10, 100), (33, 7, 1000),
        (261, 3, 31),
    ];

    /// <summary>A stored matrix with rows apart and guards before, between and after them.</summary>
    private sealed class Stored<T> : IDisposable where T : unmanaged, IFloatingPointIeee754<T>
    {
        public readonly int Rows, Columns, Stride;
        public readonly T[] Values;
        private readonly GCHandle _pin;
        private const int Guard = 5;

        public Stored(int rows, int columns, int extra, int seed)
        {
            (Rows, Columns, Stride) = (rows, columns, columns + extra);
            Values = new T[(2 * Guard) + (rows * Stride)];
            Values.AsSpan().Fill(T.NaN);
            uint state = (uint)seed * 2654435761u;
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    state = (state * 1664525u) + 1013904223u;
                    Values[Guard + (i * Stride) + j] = T.CreateChecked(
                        ((int)(state >> 9) - (1 << 22)) / (double)(1 << 22));
                }
            }

            _pin = GCHandle.Alloc(Values, GCHandleType.Pinned);
        }

        public T* Pointer => (T*)_pin.AddrOfPinnedObject() + Guard;

        public ref T this[int i, int j] => ref Values[Guard + (i * Stride) + j];

        public void AssertGuards()
        {
            for (int at = 0; at < Values.Length; at++)
            {
                int offset = at - Guard;
                bool inside = offset >= 0 && offset < Rows * Stride && offset % Stride < Columns;
                if (!inside && !T.IsNaN(Values[at]))
                {
                    Assert.Fail(
                        $"guard value {offset} of a [{Rows},{Columns}] matrix with stride {Stride} was written");
                }
            }
        }

        public void Dispose() => _pin.Free();
    }

    private sealed class Product<T> : IDisposable where T : unmanaged, IFloatingPointIeee754<T>
    {
        public readonly bool TransposeA, TransposeB;
        public readonly int M, N, K;
        public readonly Stored<T> A, B, Bias;
        public readonly double[] Exact, Magnitude;

        public Product(bool transposeA, bool transposeB, int m, int n, int k, int extra)
        {
            (TransposeA, TransposeB, M, N, K) = (transposeA, transposeB, m, n, k);
            A = transposeA ? new(k, m, extra, 1) : new(m, k, extra, 1);
            B = transposeB ? new(n, k, extra, 2) : new(k, n, extra, 2);
            Bias = new(1, n, 0, 3);
            Exact = new double[m * n];
            Magnitude = new double[m * n];
            double[] b = new double[k * n];
            for (int p = 0; p < k; p++)
                for (int j = 0; j < n; j++) b[(p * n) + j] = double.CreateTruncating(transposeB ? B[j, p] : B[p, j]);
            for (int i = 0; i < m; i++)
            {
                for (int p = 0; p < k; p++)
                {
                    double x = double.CreateTruncating(transposeA ? A[p, i] : A[i, p]);
                    Span<double> exact = Exact.AsSpan(i * n, n), magnitude = Magnitude.AsSpan(i * n, n);
                    for (int j = 0; j < n; j++)
                    {
                        double term = x * b[(p * n) + j];
                        exact[j] += term;
                        magnitude[j] += Math.Abs(term);
                    }
                }
            }
        }

        public Stored<T> Run(bool accumulate, bool bias, int extra)
        {
            var c = new Stored<T>(M, N, extra, 4);
            if (!accumulate)
            {
                // What an overwriting product must not read.
                for (int i = 0; i < M; i++)
                    for (int j = 0; j < N; j++) c[i, j] = T.NaN;
            }

            Gemm.Run(TransposeA, TransposeB, M, N, K,
                A.Pointer, A.Stride, B.Pointer, B.Stride, c.Pointer, c.Stride, accumulate, bias ? Bias.Pointer : null);
            return c;
        }

        public void Check(bool accumulate, bool bias, int extra)
        {
            using Stored<T> before = new(M, N, extra, 4), c = Run(accumulate, bias, extra);
            double unit = typeof(T) == typeof(float) ? 1.2e-7 : 2.3e-16;
            for (int i = 0; i < M; i++)
            {
                for (int j = 0; j < N; j++)
                {
                    double add = (accumulate ? double.CreateChecked(before[i, j]) : 0)
                        + (bias ? double.CreateChecked(Bias[0, j]) : 0);
                    double expected = Exact[(i * N) + j] + add;
                    double bound = unit * ((Math.Sqrt(K) + 4) * Magnitude[(i * N) + j] + 4);
                    double got = double.CreateChecked(c[i, j]);
                    if (!(Math.Abs(got - expected) <= bound))
                    {
                        Assert.Fail($"{typeof(T).Name} m={M} n={N} k={K} transposes {TransposeA},{TransposeB} "
                            + $"accumulate={accumulate} bias={bias}: c[{i},{j}] is {got}, expected {expected}");
                    }
                }
            }

            c.AssertGuards();
        }

        public void Dispose()
        {
            A.Dispose();
            B.Dispose();
            Bias.Dispose();
        }
    }

    private static void CheckAll<T>(bool transposeA, bool transposeB, int m, int n, int k)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int extra = (m + n + k) % 3;
        using var product = new Product<T>(transposeA, transposeB, m, n, k, extra);
        product.Check(accumulate: false, bias: false, extra);
        product.Check(accumulate: true, bias: false, extra);
        product.Check(accumulate: false, bias: true, extra);
        product.Check(accumulate: true, bias: true, extra);
    }

    private static void Sweep<T>(bool transposeA, bool transposeB) where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (int m in Sizes)
            foreach (int n in Sizes)
                foreach (int k in Terms) CheckAll<T>(transposeA, transposeB, m, n, k);
        foreach ((int m, int n, int k) in Shapes) CheckAll<T>(transposeA, transposeB, m, n, k);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Sums_the_products_in_float(bool transposeA, bool transposeB) => Sweep<float>(transposeA, transposeB);

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Sums_the_products_in_double(bool transposeA, bool transposeB) => Sweep<double>(transposeA, transposeB);

    private static void SameBits<T>(Action<int> set, int settings) where T : unmanaged, IFloatingPointIeee754<T>
    {
        (int, int, int)[] shapes =
            [.. Shapes, .. from m in new[] { 1, 5, 9, 33, 50 } from n in new[] { 2, 10, 17, 33, 100 } from k in new[] {
                5, 100, 257, 600, } select (m, n, k)];
        foreach ((int m, int n, int k) in shapes)
        {
            for (int transposes = 0; transposes < 4; transposes++)
            {
                using var product = new Product<T>((transposes & 1) != 0, (transposes & 2) != 0, m, n, k, 1);
                set(0);
                using Stored<T> expected = product.Run(accumulate: true, bias: true, 2);
                for (int setting = 1; setting < settings; setting++)
                {
                    set(setting);
                    using Stored<T> got = product.Run(accumulate: true, bias: true, 2);
                    bool same = MemoryMarshal.AsBytes(expected.Values.AsSpan())
                        .SequenceEqual(MemoryMarshal.AsBytes(got.Values.AsSpan()));
                    Assert.True(same,
                        $"{typeof(T).Name} m={m} n={n} k={k} transposes {transposes} setting {setting}: other bits");
                }
            }
        }
    }

    [Fact]
    public void Bits_do_not_depend_on_the_number_of_threads()
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        int[] settings = [1, 2, 3, 8];
        SameBits<float>(i => Compute.Threads = settings[i], settings.Length);
        SameBits<double>(i => Compute.Threads = settings[i], settings.Length);
    }

    [Fact]
    public void Bits_do_not_depend_on_the_tile()
    {
        try
        {
            SameBits<float>(i => Gemm.ForceNarrow = i == 1, 2);
            SameBits<double>(i => Gemm.ForceNarrow = i == 1, 2);
        }
        finally
        {
            Gemm.ForceNarrow = false;
        }
    }

    /// <summary>
    /// The written-out order of the outer form: chunks of at most 256 terms, an FMA chain each, added in order.
    /// </summary>
    [Fact]
    public void Outer_form_is_chains_of_chunks_added_in_order()
    {
        const int M = 9, N = 21, K = 600;
        using var product = new Product<float>(false, false, M, N, K, 0);
        using Stored<float> c = product.Run(accumulate: false, bias: true, 0);
        for (int i = 0; i < M; i++)
        {
            for (int j = 0; j < N; j++)
            {
                float sum = 0;
                for (int chunk = 0; chunk < 3; chunk++)
                {
                    float part = 0;
                    for (int p = chunk * 200; p < (chunk + 1) * 200; p++)
                        part = MathF.FusedMultiplyAdd(product.A[i, p], product.B[p, j], part);
                    sum = chunk == 0 ? part + product.Bias[0, j] : sum + part;
                }

                Assert.Equal(BitConverter.SingleToInt32Bits(sum), BitConverter.SingleToInt32Bits(c[i, j]));
            }
        }
    }

    /// <summary>The dot form: masked tails must not turn an infinity that was counted before into NaN.</summary>
    [Fact]
    public void Infinity_stays_infinity()
    {
        const int M = 3, N = 4, K = 259;
        using var product = new Product<float>(false, true, M, N, K, 0);
        for (int p = 0; p < K; p++) product.A[0, p] = 1;
        product.B[2, K - 8] = float.PositiveInfinity;
        using Stored<float> c = product.Run(accumulate: false, bias: false, 0);
        Assert.Equal(float.PositiveInfinity, c[0, 2]);
        Assert.True(float.IsFinite(c[0, 1]));
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        using var product = new Product<float>(false, true, 70, 90, 300, 0);
        using var c = new Stored<float>(70, 90, 0, 4);
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        Compute.Threads = 1;
        Again();
        Assert.Equal(0, Allocations.Of(Again));

        void Again() => Gemm.Run(
            false, true, 70, 90, 300, product.A.Pointer, 300, product.B.Pointer, 300, c.Pointer, 90, accumulate: false);
    }
}

/// <summary>These tests set the number of threads and the tile of the whole process.</summary>
[CollectionDefinition(nameof(GemmTests), DisableParallelization = true)]
public sealed class GemmTestsDefinition;
