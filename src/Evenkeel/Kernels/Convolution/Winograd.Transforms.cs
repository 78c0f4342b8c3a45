using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel.Kernels;

/// <content>The three transformations.</content>
internal unsafe partial struct Winograd<TScheme>
{
    /// <summary>Columns of the source under a row of tiles.</summary>
    private readonly int StageColumns => (TScheme.Step * (TileColumns - 1)) + TScheme.Reach;

    private readonly nint StagePitch => (nint)StageColumns * Lanes;

    /// <summary>Values of a stage. The last block of a row may run over its end.</summary>
    private readonly nint StageCount(int rows) => (StageRows(rows) * StagePitch) + (Lanes * Lanes);

    /// <summary>Values of the results of some rows of tiles and a pack of filters.</summary>
    private readonly nint BlockCount(int rows) =>
        (((nint)TScheme.Results * rows * _map.Columns) + TScheme.Results) * Lanes;

    /// <summary>Values of a row of tiles that are transformed along one dimension.</summary>
    private readonly nint LineCount =>
        (nint)TScheme.Points * Math.Max(StageColumns, TScheme.Results * TileColumns) * Lanes;

    /// <summary>Rows of the source under some rows of tiles.</summary>
    private static int StageRows(int rows) => (TScheme.Step * (rows - 1)) + TScheme.Reach;

    /// <summary>Bᵀ·d·B of all tiles, channels and slices of the window: [point][tile][slice][channel].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformValues(int first, int rows, int group, in TileMatrices values, float* scratch)
    {
        float* line = scratch, stage = scratch + LineCount;
        nint plane = (nint)_map.Height * _map.Width;
        for (int at = 0; at < rows;)
        {
            Stretch stretch = At(first + at, first + rows);
            float* volume = _source + ((((nint)stretch.Image * _groups) + group) * _map.SourceVolume);
            for (int k = 0; k < _map.KernelDepth; k++)
            {
                int slice = (stretch.Slice * _map.StrideDepth) + (k * _map.DilationDepth) - _map.Front;
                bool isInside = slice >= 0 && slice < _map.Depth;
                for (int c = 0; c < _map.Channels; c += Lanes)
                {
                    // The last pack overlaps the one before it.
                    int channel = Math.Min(c, _map.Channels - Lanes);
                    Fill(isInside ? volume + (((nint)channel * _map.Depth) + slice) * plane : null, stretch, stage);
                    float* target = values.At(0) + (at * TileColumns * values.Row) + (k * _map.Channels) + channel;
                    for (int row = 0; row < stretch.Count; row++, target += TileColumns * values.Row)
                        TransformRow(stage + (row * TScheme.Step * StagePitch), target, values, line);
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
        int columns = StageColumns, left = Math.Clamp(_map.Left, 0, columns), skip = Math.Max(0, -_map.Left),
            count = Math.Clamp(_map.Width - skip, 0, columns - left), right = columns - left - count;
        int row = (TScheme.Step * stretch.Row) - _map.Top;
        nint plane = (nint)_map.Depth * _map.Height * _map.Width;
        for (int end = row + StageRows(stretch.Count); row < end; row++, stage += StagePitch)
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

    /// <summary>Bᵀ·d·B of a row of tiles and a pack of channels: columns first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformRow(float* stage, float* target, in TileMatrices values, float* line)
    {
        int columns = StageColumns, tiles = TileColumns, points = TScheme.Points;
        nint pitch = StagePitch, row = values.Row, point = values.Point;
        for (int column = 0; column < columns; column++)
            TScheme.Values(stage + (column * Lanes), pitch, line + (column * points * Lanes), Lanes);
        for (int tile = 0; tile < tiles; tile++, target += row)
        {
            float* from = line + (tile * TScheme.Step * points * Lanes);
            for (int i = 0; i < points; i++)
                TScheme.Values(from + (i * Lanes), points * Lanes, target + (i * points * point), point);
        }
    }

    /// <summary>Aᵀ·m·A of all tiles of a unit, which are its results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformSums(
        int first, int rows, int group, int panel, int panels, in TileMatrices sums, float* scratch)
    {
        float* line = scratch, block = scratch + LineCount;
        int filter0 = panel * 2 * Lanes, filters = Math.Min(panels * 2 * Lanes, _results - filter0),
            together = Math.Max(1, BlockResults / (TScheme.Results * _map.Columns));
        for (int at = 0; at < rows;)
        {
            Stretch stretch = At(first + at, Math.Min(first + rows, first + at + together));
            int row = TScheme.Results * stretch.Row,
                count = Math.Min(TScheme.Results * stretch.Count, _map.Rows - row) * _map.Columns;
            float* from = sums.At(0) + (at * TileColumns * sums.Row);
            for (int f = 0; f < filters; f += Lanes)
            {
                for (int i = 0; i < stretch.Count; i++)
                {
                    TransformRow(from + (i * TileColumns * sums.Row) + f, sums, line,
                        block + ((nint)i * TScheme.Results * _map.Columns * Lanes));
                }

                nint filter = ((nint)group * _results) + filter0 + f;
                float* result = _result + ((((nint)stretch.Image * _groups * _results) + filter) * _resultVolume)
                    + (stretch.Slice * _slice) + ((nint)row * _map.Columns);
                PlaneTranspose.Run(block, Lanes, count, Math.Min(Lanes, filters - f), result, _resultVolume,
                    _bias == null ? null : _bias + filter, _fuseReLU);
            }

            at += stretch.Count;
        }
    }

    /// <summary>Aᵀ·m·A of a row of tiles and a pack of filters, columns first: [row][column][filter].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TransformRow(float* from, in TileMatrices sums, float* line, float* block)
    {
        int tiles = TileColumns, points = TScheme.Points, results = TScheme.Results;
        nint row = sums.Row, point = sums.Point, pitch = (nint)_map.Columns * Lanes,
            lineRow = (nint)tiles * points * Lanes;
        for (int tile = 0; tile < tiles; tile++, from += row)
        {
            for (int j = 0; j < points; j++)
                TScheme.Sums(from + (j * point), points * point, line + (((tile * points) + j) * Lanes), lineRow);
        }

        // A tile may run over the end of its row: into the next one, which is written later.
        for (int i = 0; i < results; i++, block += pitch)
        {
            for (int tile = 0; tile < tiles; tile++, line += points * Lanes)
                TScheme.Sums(line, Lanes, block + (tile * results * Lanes), Lanes);
        }
    }

    /// <summary>
    /// G·g·Gᵀ of all weights. Lanes are filters: [group][point][panel][slice][channel][lane]. With 16 registers a
    /// panel has its packs one after the other, as a tile reads one. A chunk is some terms of a panel.
    /// </summary>
    [StructLayout(LayoutKind.Auto)]
    private struct WeightTransform : IJob
    {
        /// <summary>Terms of a chunk: their weights lie in a first-level cache until they are transformed.</summary>
        private const int PerChunk = 16;

        public PlaneMap Map;
        public int Results;
        public float* Source, Target;

        /// <summary>Chunks per group.</summary>
        public readonly int Chunks => Convolution.Panels<float>(Results) * Parts;

        private readonly int Terms => Map.Channels * Map.KernelDepth;

        private readonly int Parts => Convolution.DivideUp(Terms, PerChunk);

        public readonly void Invoke(int chunk)
        {
            (int group, int place) = Math.DivRem(chunk, Chunks);
            (int panel, int part) = Math.DivRem(place, Parts);
            int square = TScheme.Window * TScheme.Window, first = part * PerChunk,
                terms = Math.Min(PerChunk, Terms - first);
            nint point = PointCount(Map, Results), row = Gemm.IsWide ? 2 * Lanes : Lanes,
                second = Gemm.IsWide ? Lanes : (nint)Lanes * Terms, count = (nint)PerChunk * square * Lanes;
            float* scratch = (float*)GemmPacking.Scratch(
                (count + (TScheme.Points * TScheme.Window * Lanes)) * sizeof(float));
            float* target = Target + (group * Points * point) + ((nint)panel * 2 * Lanes * Terms) + (first * row);
            for (int filter = panel * 2 * Lanes, end = Math.Min(Results, filter + (2 * Lanes)); filter < end;
                filter += Lanes, target += second)
            {
                float* from = Source + ((((nint)group * Results) + filter) * Map.Taps) + ((nint)first * square);
                GemmPacking.TransposedPack(
                    from, Map.Taps, Math.Min(Lanes, end - filter), scratch, Lanes, terms * square);
                for (int term = 0; term < terms; term++)
                {
                    Transform(
                        scratch + ((nint)term * square * Lanes), target + (term * row), point, scratch + count);
                }
            }
        }

        /// <summary>G·g·Gᵀ: columns first.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Transform(float* g, float* target, nint point, float* line)
        {
            int window = TScheme.Window, points = TScheme.Points;
            for (int column = 0; column < window; column++)
                TScheme.Weights(g + (column * Lanes), window * Lanes, line + (column * Lanes), window * Lanes);
            for (int i = 0; i < points; i++)
                TScheme.Weights(line + (i * window * Lanes), Lanes, target + (i * points * point), point);
        }
    }
}
