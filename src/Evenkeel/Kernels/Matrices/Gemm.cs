using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The matrix product C (+)= op(A)·op(B) (+ bias), row-major.
/// </summary>
/// <remarks>
/// <para>There are two forms; the shape and the transposes choose. The outer form keeps a tile of C in registers, with
/// the lanes along the columns: an element is one FMA chain per chunk of k. The dot form is for few rows against Bᵀ
/// with a long k. Its lanes lie along k, and it reads B in place. k is cut into even chunks whose size depends on k
/// only. The results of the chunks are added in index order.</para>
/// <para>So the bits of an element depend on the shape and the transposes only. They do not depend on the tile, which
/// follows the hardware, nor on the blocks of C that threads work on.</para>
/// <para>The outer form follows K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM
/// TOMS 34(3), 2008.</para>
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>Longest chunk of k in the outer form: two packs of 256 rows of B fill a first-level cache.</summary>
    private const int OuterChunk = 256;

    /// <summary>Longest chunk of k in the dot form: five rows of A and five of B fill a first-level cache.</summary>
    private const int DotChunk = 768;

    /// <summary>A product with fewer floating-point operations is too small to wake a thread for.</summary>
    private const double ParallelFlops = 200e3;

    /// <summary>Rows per block of C.</summary>
    private const int BlockRows = 256;

    /// <summary>
    /// Panels of B that are copied at a time. They make a long stretch of each row, so rows that lie far apart cost few
    /// misses.
    /// </summary>
    private const int PanelGroup = 8;

    /// <summary>Takes the tile of narrow registers on any hardware. It is for tests; the bits do not change.</summary>
    public static bool ForceNarrow { get; set; }

    /// <summary>True if the tiles are those for 32 registers of a pack each.</summary>
    public static bool IsWide => Vector512.IsHardwareAccelerated && !ForceNarrow;

    /// <summary>
    /// C[m,n] = op(A)[m,k]·op(B)[k,n] (+ bias[n] on every row). With <paramref name="accumulate"/> the product is added
    /// to C.
    /// </summary>
    /// <param name="transposeA">A is stored as [k,m].</param>
    /// <param name="transposeB">B is stored as [n,k].</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Terms per element. If it is 0, C is zero (or the bias).</param>
    /// <param name="a">A as stored.</param>
    /// <param name="lda">Distance between two stored rows of A.</param>
    /// <param name="b">B as stored.</param>
    /// <param name="ldb">Distance between two stored rows of B.</param>
    /// <param name="c">C; must not overlap A, B or the bias.</param>
    /// <param name="ldc">Distance between two rows of C.</param>
    /// <param name="accumulate">True adds to C; false overwrites it.</param>
    /// <param name="bias">A row that is added to every row, or null.</param>
    public static void Run<T>(
        bool transposeA, bool transposeB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc,
        bool accumulate, T* bias = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (m <= 0 || n <= 0) return;
        long cCount = ((m - 1L) * ldc) + n;
        Debug.Assert(ldc >= n, "the rows of C overlap");
        Debug.Assert(Contracts.AreApart(c, cCount, bias, n), "C overlaps the bias");
        if (k <= 0)
        {
            Fill(m, n, c, ldc, accumulate, bias);
            return;
        }

        (int aRows, int aColumns) = transposeA ? (k, m) : (m, k);
        (int bRows, int bColumns) = transposeB ? (n, k) : (k, n);
        Debug.Assert(lda >= aColumns, "the rows of A overlap");
        Debug.Assert(ldb >= bColumns, "the rows of B overlap");
        Debug.Assert(Contracts.AreApart(c, cCount, a, ((aRows - 1L) * lda) + aColumns), "C overlaps A");
        Debug.Assert(Contracts.AreApart(c, cCount, b, ((bRows - 1L) * ldb) + bColumns), "C overlaps B");
        var job = new GemmJob<T>
        {
            TransposeA = transposeA,
            TransposeB = transposeB,
            M = m,
            N = n,
            K = k,
            A = a,
            LdA = lda,
            B = b,
            LdB = ldb,
            C = c,
            LdC = ldc,
            Accumulate = accumulate,
            Bias = bias,
        };
        job.Dot = transposeB && !transposeA && k >= 256 && m <= 64;
        job.Columns = job.Dot ? DivideUp(n, GemmMicro.DotSide) : DivideUp(n, 2 * Vector512<T>.Count);

        // C is cut into one block per thread, or a few more if that is cheap: more blocks even out late threads. A
        // block copies its own rows of A and columns of B, so large blocks are square. The bits do not depend on any of
        // this.
        double flops = 2.0 * m * n * k;
        int threads = Compute.Threads;
        int wanted = flops < ParallelFlops || threads == 1 ? 1 : (int)Math.Min(
            flops / (ParallelFlops / 2), flops < 20e6 ? threads : flops < 1e9 ? 2 * threads : 4 * threads);
        int rowBlocks = job.Dot ? 1 : DivideUp(m, BlockRows), columnBlocks = 1;
        while (rowBlocks * columnBlocks < wanted)
        {
            bool canCutRows = !job.Dot && m / rowBlocks >= 16, canCutColumns = job.Columns / columnBlocks >= 2;
            if (canCutRows && (n / columnBlocks < 256 || m / rowBlocks >= n / columnBlocks || !canCutColumns))
                rowBlocks *= 2;
            else if (canCutColumns) columnBlocks *= 2;
            else break;
        }

        job.RowBlocks = rowBlocks;
        job.ColumnBlocks = columnBlocks;
        if (rowBlocks * columnBlocks == 1) job.Invoke(0);
        else Workers.Run(rowBlocks * columnBlocks, job);
    }

    private static int DivideUp(int x, int by) => (x + by - 1) / by;

    /// <summary>The product with k = 0.</summary>
    private static void Fill<T>(int m, int n, T* c, int ldc, bool accumulate, T* bias)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (accumulate && bias == null) return;
        for (int i = 0; i < m; i++)
        {
            var row = new Span<T>(c + ((nint)i * ldc), n);
            if (!accumulate)
            {
                if (bias == null) row.Clear();
                else new ReadOnlySpan<T>(bias, n).CopyTo(row);
                continue;
            }

            for (int j = 0; j < n; j++) row[j] += bias[j];
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private struct GemmJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public bool TransposeA, TransposeB, Accumulate, Dot;
        public int M, N, K, RowBlocks, ColumnBlocks, Columns;
        public nint LdA, LdB, LdC;
        public T* A, B, C, Bias;

        private static int Width => Vector512<T>.Count;

        public void Invoke(int chunk)
        {
            int rowBlock = chunk / ColumnBlocks, columnBlock = chunk % ColumnBlocks;
            int row0 = Cut(M, rowBlock, RowBlocks), row1 = Cut(M, rowBlock + 1, RowBlocks);
            int column0 = Cut(Columns, columnBlock, ColumnBlocks),
                column1 = Cut(Columns, columnBlock + 1, ColumnBlocks);
            if (Dot) InvokeDot(column0, column1);
            else InvokeOuter(row0, row1, column0, column1);
        }

        private static int Cut(int size, int index, int parts) => (int)((long)size * index / parts);

        /// <summary>
        /// The first column of pack number <paramref name="pack"/>. The last pack overlaps the one before it.
        /// </summary>
        private readonly int PackColumn(int pack) => Math.Max(0, Math.Min(pack * Width, N - Width));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void InvokeOuter(int row0, int row1, int panel0, int panel1)
        {
            bool wide = IsWide;
            int rows = row1 - row0, packs = DivideUp(N, Width);
            int chunks = DivideUp(K, OuterChunk), longest = DivideUp(K, chunks);

            int maxRows = wide ? GemmMicro.WideRows : GemmMicro.NarrowRows;
            int tiles = DivideUp(rows, maxRows), small = rows / tiles, large = rows - (small * tiles);

            // A is copied if its stride makes the rows of a tile compete for the same cache lines and the copy is used
            // often.
            bool packA = panel1 - panel0 >= 3 && LdA * sizeof(T) >= 2048;
            bool packB = TransposeB || N < Width || (rows > 12 && LdB * sizeof(T) >= 1024);
            nint aStride = TransposeA ? rows + Width : longest + Width;
            nint tileBytes = 2 * Width * GemmMicro.WideRows * sizeof(T);
            nint panelStride = (nint)2 * Width * (longest + 1);
            nint panelBytes = packB ? panelStride * Math.Min(PanelGroup, panel1 - panel0) * sizeof(T) : 0;
            nint aBytes = packA ? aStride * (TransposeA ? longest : rows) * sizeof(T) : 0;
            byte* scratch = GemmPacking.Scratch(tileBytes + Simd.Alignment + panelBytes + aBytes);
            T* tile = (T*)scratch;
            T* shortBias = (T*)(scratch + tileBytes);
            T* panelB = (T*)(scratch + tileBytes + Simd.Alignment);
            T* blockA = (T*)(scratch + tileBytes + Simd.Alignment + panelBytes);
            if (N < Width && Bias != null) Simd.Store(shortBias, Simd.LoadPartial(Bias, N));

            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int p0 = Cut(K, chunk, chunks), k = Cut(K, chunk + 1, chunks) - p0;
                bool add = Accumulate || chunk > 0;
                T* bias = chunk > 0 || Bias == null ? null : N < Width ? shortBias : Bias;
                T* a = TransposeA ? A + (p0 * LdA) + row0 : A + (row0 * LdA) + p0;
                nint aRow = TransposeA ? 1 : LdA, aColumn = TransposeA ? LdA : 1;
                if (packA)
                {
                    if (TransposeA) GemmPacking.Rows(a, LdA, blockA, aStride, k, rows);
                    else GemmPacking.Rows(a, LdA, blockA, aStride, rows, k);
                    a = blockA;
                    aRow = TransposeA ? 1 : aStride;
                    aColumn = TransposeA ? aStride : 1;
                }

                // Narrow tiles read one pack at a time: it stays in a first-level cache, with its rows side by side.
                int step = wide ? 2 : 1;
                nint panelRow = step * Width, panelSecond = wide ? Width : (nint)k * Width;
                for (int panel = panel0; panel < panel1; panel++)
                {
                    int end = Math.Min(packs, (2 * panel) + 2);
                    if (packB && (panel - panel0) % PanelGroup == 0)
                    {
                        PackPanels(panel, Math.Min(panel1, panel + PanelGroup), p0, k, panelB, panelRow, panelSecond,
                            panelStride);
                    }

                    for (int packs0 = 2 * panel; packs0 < end; packs0 += step)
                    {
                        int count = Math.Min(step, end - packs0), column = PackColumn(packs0),
                            gap = PackColumn(packs0 + count - 1) - column;
                        bool isTail = packs0 + count == packs && N % Width != 0;
                        T* b = B + (p0 * LdB) + column;
                        nint bRow = LdB, second = gap;
                        if (packB)
                        {
                            b = panelB + ((panel - panel0) % PanelGroup * panelStride)
                                + ((packs0 - (2 * panel)) * panelSecond);
                            (bRow, second) = (panelRow, panelSecond);
                        }

                        T* ai = a;
                        T* biasHere = bias == null ? null : bias + column;
                        for (int i = 0; i < tiles; i++)
                        {
                            int height = i < large ? small + 1 : small;
                            T* c = C + ((row0 + Start(i)) * LdC) + column;
                            if (isTail)
                            {
                                GemmMicro.Tile(wide, height,
                                    count, k, ai, aRow, aColumn, b, bRow, second, tile, 2 * Width, Width, null, false);
                                Merge(height, count, gap, tile, c, biasHere, add);
                            }
                            else
                            {
                                GemmMicro.Tile(wide, height,
                                    count, k, ai, aRow, aColumn, b, bRow, second, c, LdC, gap, biasHere, add);
                            }

                            ai += height * aRow;
                        }
                    }

                    int Start(int i) => (i * small) + Math.Min(i, large);
                }
            }
        }

        /// <summary>Copies panels of B for one chunk of k.</summary>
        private readonly void PackPanels(
            int panel0, int panel1, int p0, int k, T* target, nint row, nint second, nint panelStride)
        {
            int packs = DivideUp(N, Width), columns = Math.Min(N, Width);
            if (!TransposeB)
            {
                int pack1 = Math.Min(packs, 2 * panel1) - 1;
                GemmPacking.Panels(
                    B + (p0 * LdB), LdB, N, ((K - 1 - p0) * LdB) + N, 2 * panel0, pack1, target, row, second,
                    panelStride, k);
                return;
            }

            for (int panel = panel0; panel < panel1; panel++, target += panelStride)
            {
                GemmPacking.TransposedPack(B + (PackColumn(2 * panel) * LdB) + p0, LdB, columns, target, row, k);
                if ((2 * panel) + 1 < packs)
                {
                    GemmPacking.TransposedPack(
                        B + (PackColumn((2 * panel) + 1) * LdB) + p0, LdB, columns, target + second,
                        row, k);
                }
            }
        }

        /// <summary>Writes a tile whose last pack is partial.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Merge(int height, int count, int gap, T* tile, T* c, T* bias, bool add)
        {
            int fresh = N % Width, lane = N < Width ? 0 : Width - fresh;
            for (int i = 0; i < height; i++, tile += 2 * Width, c += LdC)
            {
                if (count > 1) GemmMicro.Put(c, Simd.Load(tile), bias, add);
                T* last = tile + ((count - 1) * Width), to = c + gap + lane;
                if (bias != null) Simd.Store(last, Simd.Load(last) + Simd.Load(bias + gap));
                last += lane;
                int left = fresh;
                if (left >= Vector256<T>.Count)
                {
                    Vector256<T> v = Vector256.Load(last);
                    if (add) v = Vector256.Load(to) + v;
                    v.Store(to);
                    last += Vector256<T>.Count;
                    to += Vector256<T>.Count;
                    left -= Vector256<T>.Count;
                }

                if (left >= Vector128<T>.Count)
                {
                    Vector128<T> v = Vector128.Load(last);
                    if (add) v = Vector128.Load(to) + v;
                    v.Store(to);
                    last += Vector128<T>.Count;
                    to += Vector128<T>.Count;
                    left -= Vector128<T>.Count;
                }

                for (int j = 0; j < left; j++) to[j] = add ? to[j] + last[j] : last[j];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void InvokeDot(int group0, int group1)
        {
            const int Side = GemmMicro.DotSide;
            int chunks = DivideUp(K, DotChunk), length = DivideUp(DivideUp(K, chunks), Width) * Width;
            int tiles = IsWide ? DivideUp(M, Side) : M, small = M / tiles, large = M - (small * tiles);
            T* result = stackalloc T[Side * Side];
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int p0 = chunk * length, k = Math.Min(length, K - p0);
                bool add = Accumulate || chunk > 0;
                T* bias = chunk > 0 ? null : Bias;
                for (int group = group0; group < group1; group++)
                {
                    int column = group * Side, columns = Math.Min(Side, N - column);
                    T* b = B + (column * LdB) + p0;
                    T* b1 = b + (Math.Min(1, columns - 1) * LdB), b2 = b + (Math.Min(2, columns - 1) * LdB);
                    T* b3 = b + (Math.Min(3, columns - 1) * LdB), b4 = b + (Math.Min(4, columns - 1) * LdB);
                    T* a = A + p0;
                    T* c = C + column;
                    for (int i = 0; i < tiles; i++)
                    {
                        int height = i < large ? small + 1 : small;
                        switch (height)
                        {
                            case 1: GemmMicro.Dot<T, Count1>(k, a, LdA, b, b1, b2, b3, b4, result); break;
                            case 2: GemmMicro.Dot<T, Count2>(k, a, LdA, b, b1, b2, b3, b4, result); break;
                            case 3: GemmMicro.Dot<T, Count3>(k, a, LdA, b, b1, b2, b3, b4, result); break;
                            case 4: GemmMicro.Dot<T, Count4>(k, a, LdA, b, b1, b2, b3, b4, result); break;
                            default: GemmMicro.Dot<T, Count5>(k, a, LdA, b, b1, b2, b3, b4, result); break;
                        }

                        for (int r = 0; r < height; r++, c += LdC)
                        {
                            for (int j = 0; j < columns; j++)
                            {
                                T v = result[(Side * r) + j];
                                if (bias != null) v += bias[column + j];
                                c[j] = add ? c[j] + v : v;
                            }
                        }

                        a += height * LdA;
                    }
                }
            }
        }
    }
}
