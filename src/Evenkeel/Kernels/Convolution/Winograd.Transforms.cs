using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <content>The three transformations.</content>
internal unsafe partial struct Winograd
{
    /// <summary>Values of a pack of channels in a row of the stage: two columns per tile, and two more.</summary>
    private readonly nint StagePitch => ((2 * TileColumns) + 2) * Lanes;

    /// <summary>Values of a stage. The last block of a row may run over its end.</summary>
    private readonly nint StageCount(int rows) => (((2 * rows) + 2) * StagePitch) + (Lanes * Lanes);

    /// <summary>Values of the results of some rows of tiles and a pack of filters.</summary>
    private readonly nint BlockCount(int rows) => (nint)2 * rows * _map.Columns * Lanes;

    /// <summary>Bᵀ·d·B of all tiles, channels and slices of the window: [point][tile][slice][channel].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformValues(int first, int rows, int group, in TileMatrices values, float* stage)
    {
        nint plane = (nint)_map.Height * _map.Width;
        for (int at = 0; at < rows;)
        {
            Stretch stretch = At(first + at, first + rows);
            float* volume = _source + ((((nint)stretch.Image * _groups) + group) * _map.SourceVolume);
            for (int k = 0; k < _map.KernelDepth; k++)
            {
                int slice = stretch.Slice + k - _map.Front;
                bool isInside = slice >= 0 && slice < _map.Depth;
                for (int c = 0; c < _map.Channels; c += Lanes)
                {
                    // The last pack overlaps the one before it.
                    int channel = Math.Min(c, _map.Channels - Lanes);
                    Fill(isInside ? volume + (((nint)channel * _map.Depth) + slice) * plane : null, stretch, stage);
                    float* target = values.At(0) + (at * TileColumns * values.Row) + (k * _map.Channels) + channel;
                    TransformValues(
                        stage, StagePitch, stretch.Count, TileColumns, target, values.Row, values.Point);
                }
            }

            at += stretch.Count;
        }
    }

    /// <summary>
    /// Copies the rows under some rows of tiles with the zeros around them: [row][column][channel]. A slice outside the
    /// volume (null) is zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Fill(float* planes, Stretch stretch, float* stage)
    {
        int columns = (2 * TileColumns) + 2, left = Math.Clamp(_map.Left, 0, columns), skip = Math.Max(0, -_map.Left),
            count = Math.Clamp(_map.Width - skip, 0, columns - left), right = columns - left - count;
        int row = (2 * stretch.Row) - _map.Top;
        nint plane = (nint)_map.Depth * _map.Height * _map.Width;
        for (int end = row + (2 * stretch.Count) + 2; row < end; row++, stage += StagePitch)
        {
            if (planes == null || row < 0 || row >= _map.Height)
            {
                new Span<float>(stage, columns * Lanes).Clear();
                continue;
            }

            new Span<float>(stage, left * Lanes).Clear();
            Columns(planes + ((nint)row * _map.Width) + skip, plane, count, stage + (left * Lanes));
            new Span<float>(stage + ((left + count) * Lanes), right * Lanes).Clear();
        }
    }

    /// <summary>A row of sixteen channels as packs of channels. Up to 15 more packs may be written behind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Columns(float* row, nint plane, int count, float* target)
    {
        if (count == 0) return;
        int last = Math.Max(0, count - BlockTranspose.Size);
        float* end = row + ((Lanes - 1) * plane) + last + BlockTranspose.Size;
        if (!BlockTranspose.IsSupported || end > _sourceEnd)
        {
            GemmPacking.TransposedPack(row, plane, Lanes, target, Lanes, count);
            return;
        }

        for (int j = 0; j < last; j += BlockTranspose.Size)
            BlockTranspose.Run<AsItIs>(row + j, plane, target + (j * Lanes), Lanes, default);
        BlockTranspose.Run<AsItIs>(row + last, plane, target + (last * Lanes), Lanes, default);
    }

    /// <summary>Bᵀ·d·B of some rows of tiles and a pack of channels.</summary>
    /// <remarks>Bᵀ takes d0 - d2, d1 + d2, d2 - d1 and d1 - d3. Neighbouring tiles share two columns.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformValues(
        float* stage, nint pitch, int rows, int tiles, float* target, nint targetRow, nint point)
    {
        for (; rows > 0; rows--, stage += 2 * pitch)
        {
            float* s0 = stage, s1 = s0 + pitch, s2 = s1 + pitch, s3 = s2 + pitch;
            Down(s0, s1, s2, s3, 0, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2,
                out Vector512<float> a3);
            Down(s0, s1, s2, s3, Lanes, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2,
                out Vector512<float> b3);
            for (int tile = 0; tile < tiles; tile++, target += targetRow)
            {
                s0 += 2 * Lanes;
                s1 += 2 * Lanes;
                s2 += 2 * Lanes;
                s3 += 2 * Lanes;
                Down(s0, s1, s2, s3, 0, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2,
                    out Vector512<float> c3);
                Down(s0, s1, s2, s3, Lanes, out Vector512<float> d0, out Vector512<float> d1,
                    out Vector512<float> d2, out Vector512<float> d3);
                Across(target, point, a0, b0, c0, d0);
                Across(target + (4 * point), point, a1, b1, c1, d1);
                Across(target + (8 * point), point, a2, b2, c2, d2);
                Across(target + (12 * point), point, a3, b3, c3, d3);
                (a0, a1, a2, a3) = (c0, c1, c2, c3);
                (b0, b1, b2, b3) = (d0, d1, d2, d3);
            }
        }
    }

    /// <summary>Bᵀ times a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Down(float* s0, float* s1, float* s2, float* s3, int at, out Vector512<float> v0,
        out Vector512<float> v1, out Vector512<float> v2, out Vector512<float> v3)
    {
        Vector512<float> x1 = Simd.Load(s1 + at), x2 = Simd.Load(s2 + at);
        v0 = Simd.Load(s0 + at) - x2;
        v1 = x1 + x2;
        v2 = x2 - x1;
        v3 = x1 - Simd.Load(s3 + at);
    }

    /// <summary>A row times B: four points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Across(
        float* target, nint point, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        Simd.Store(target, a - c);
        Simd.Store(target + point, b + c);
        Simd.Store(target + (2 * point), c - b);
        Simd.Store(target + (3 * point), b - d);
    }

    /// <summary>Aᵀ·m·A of all tiles of a unit, which are its results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformSums(
        int first, int rows, int group, int panel, int panels, in TileMatrices sums, float* block)
    {
        int filter0 = panel * 2 * Lanes, filters = Math.Min(panels * 2 * Lanes, _results - filter0),
            together = Math.Max(1, BlockResults / (2 * _map.Columns));
        for (int at = 0; at < rows;)
        {
            Stretch stretch = At(first + at, Math.Min(first + rows, first + at + together));
            int row = 2 * stretch.Row, count = Math.Min(2 * stretch.Count, _map.Rows - row) * _map.Columns;
            float* from = sums.At(0) + (at * TileColumns * sums.Row);
            for (int f = 0; f < filters; f += Lanes)
            {
                TransformSums(from + f, sums.Row, sums.Point, stretch.Count, _map.Columns, block);
                nint filter = ((nint)group * _results) + filter0 + f;
                float* result = _result + ((((nint)stretch.Image * _groups * _results) + filter) * _resultVolume)
                    + (stretch.Slice * _resultPlane) + ((nint)row * _map.Columns);
                PlaneTranspose.Run(block, Lanes, count, Math.Min(Lanes, filters - f), result, _resultVolume,
                    _bias == null ? null : _bias + filter, _fuseReLU);
            }

            at += stretch.Count;
        }
    }

    /// <summary>Aᵀ·m·A of some rows of tiles and a pack of filters: [row][column][filter].</summary>
    /// <remarks>Aᵀ takes m0 + m1 + m2 and m1 - m2 - m3.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformSums(float* sums, nint sumRow, nint point, int rows, int columns, float* block)
    {
        nint pitch = (nint)columns * Lanes;
        for (; rows > 0; rows--, block += 2 * pitch)
        {
            float* to = block;
            for (int left = columns; left > 0; left -= 2, sums += sumRow, to += 2 * Lanes)
            {
                Up(sums, point, out Vector512<float> a0, out Vector512<float> b0);
                Up(sums + point, point, out Vector512<float> a1, out Vector512<float> b1);
                Up(sums + (2 * point), point, out Vector512<float> a2, out Vector512<float> b2);
                Simd.Store(to, a0 + a1 + a2);
                Simd.Store(to + pitch, b0 + b1 + b2);
                if (left == 1) continue;
                Up(sums + (3 * point), point, out Vector512<float> a3, out Vector512<float> b3);
                Simd.Store(to + Lanes, a1 - a2 - a3);
                Simd.Store(to + pitch + Lanes, b1 - b2 - b3);
            }
        }
    }

    /// <summary>Aᵀ times a column of points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Up(float* sums, nint point, out Vector512<float> a, out Vector512<float> b)
    {
        Vector512<float> m1 = Simd.Load(sums + (4 * point)), m2 = Simd.Load(sums + (8 * point));
        a = Simd.Load(sums) + m1 + m2;
        b = m1 - m2 - Simd.Load(sums + (12 * point));
    }

    /// <summary>
    /// G·g·Gᵀ of all weights. Lanes are filters: [group][point][panel][slice][channel][lane]. With 16 registers a
    /// panel has its packs one after the other, as a tile reads one. A chunk is some channels of a panel.
    /// </summary>
    [StructLayout(LayoutKind.Auto)]
    private struct WeightTransform : IJob
    {
        /// <summary>Channels whose weights lie in a first-level cache until they are transformed.</summary>
        private const int Channels = 16;

        public PlaneMap Map;
        public int Results;
        public float* Source, Target;

        /// <summary>Chunks per group.</summary>
        public readonly int Chunks =>
            Convolution.Panels<float>(Results) * Convolution.DivideUp(Map.Channels, Channels);

        public readonly void Invoke(int chunk)
        {
            int parts = Convolution.DivideUp(Map.Channels, Channels);
            (int group, int place) = Math.DivRem(chunk, Chunks);
            (int panel, int part) = Math.DivRem(place, parts);
            int taps = Map.Taps, window = taps / Map.Channels, terms = Map.Channels * Map.KernelDepth;
            int first = part * Channels, channels = Math.Min(Channels, Map.Channels - first);
            nint point = PointCount(Map, Results), row = Gemm.IsWide ? 2 * Lanes : Lanes;
            float* scratch = (float*)GemmPacking.Scratch((nint)Channels * window * Lanes * sizeof(float));
            float* target = Target + (group * Points * point) + ((nint)panel * 2 * Lanes * terms);
            for (int filter = panel * 2 * Lanes, end = Math.Min(Results, filter + (2 * Lanes)); filter < end;
                filter += Lanes, target += Gemm.IsWide ? Lanes : (nint)Lanes * terms)
            {
                float* from = Source + ((((nint)group * Results) + filter) * taps) + (first * window);
                GemmPacking.TransposedPack(
                    from, taps, Math.Min(Lanes, end - filter), scratch, Lanes, channels * window);
                for (int c = 0; c < channels; c++)
                {
                    for (int k = 0; k < Map.KernelDepth; k++)
                    {
                        Transform(scratch + ((nint)((c * Map.KernelDepth) + k) * 9 * Lanes),
                            target + (((nint)k * Map.Channels) + first + c) * row, point);
                    }
                }
            }
        }

        /// <summary>G·g·Gᵀ. G takes g0, (g0 + g1 + g2)/2, (g0 - g1 + g2)/2 and g2.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Transform(float* g, float* target, nint point)
        {
            Down(g, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
            Down(g + Lanes, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2,
                out Vector512<float> b3);
            Down(g + (2 * Lanes), out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2,
                out Vector512<float> c3);
            Across(target, point, a0, b0, c0);
            Across(target + (4 * point), point, a1, b1, c1);
            Across(target + (8 * point), point, a2, b2, c2);
            Across(target + (12 * point), point, a3, b3, c3);
        }

        /// <summary>G times a column.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Down(float* g, out Vector512<float> v0, out Vector512<float> v1, out Vector512<float> v2,
            out Vector512<float> v3)
        {
            v0 = Simd.Load(g);
            v3 = Simd.Load(g + (6 * Lanes));
            Halves(v0, Simd.Load(g + (3 * Lanes)), v3, out v1, out v2);
        }

        /// <summary>A row times Gᵀ: four points.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Across(
            float* target, nint point, Vector512<float> a, Vector512<float> b, Vector512<float> c)
        {
            Halves(a, b, c, out Vector512<float> v1, out Vector512<float> v2);
            Simd.Store(target, a);
            Simd.Store(target + point, v1);
            Simd.Store(target + (2 * point), v2);
            Simd.Store(target + (3 * point), c);
        }

        /// <summary>(a + b + c)/2 and (a - b + c)/2.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Halves(Vector512<float> a, Vector512<float> b, Vector512<float> c,
            out Vector512<float> plus, out Vector512<float> minus)
        {
            Vector512<float> half = Vector512.Create(0.5f), ends = a + c;
            plus = half * (ends + b);
            minus = half * (ends - b);
        }
    }
}
