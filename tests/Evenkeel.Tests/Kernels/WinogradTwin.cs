using Evenkeel.Kernels;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The sums of a scheme of Winograd's, one value at a time and in the order of the kernel. A transformation is applied
/// to the columns of a tile and then to its rows.
/// </summary>
/// <param name="window">Weights along a dimension.</param>
/// <param name="reach">Values under a tile.</param>
/// <param name="step">Values from a tile to the next.</param>
/// <param name="results">Results of a tile.</param>
/// <param name="values">Bᵀ·d.</param>
/// <param name="weights">G·g.</param>
/// <param name="sums">Aᵀ·m.</param>
internal sealed class WinogradTwin(int window, int reach, int step, int results, Func<float[], float[]> values,
    Func<float[], float[]> weights, Func<float[], float[]> sums)
{
    public static WinogradTwin ThreeByOne { get; } = new(3, 4, 2, 2,
        static d => [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]],
        static g => [g[0], 0.5f * (g[0] + g[2] + g[1]), 0.5f * (g[0] + g[2] - g[1]), g[2]],
        static m => [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]);

    public static WinogradTwin ThreeByTwo { get; } = new(3, 5, 4, 2,
        static d => [d[0] - d[2], d[2], d[4] - d[2], d[1], d[3]],
        static g => [g[0], g[0] + g[2], g[2], g[1], g[1]],
        static m => [m[0] + m[1] + m[3], m[1] + m[2] + m[4]]);

    public static WinogradTwin ThreeTransposed { get; } = new(3, 3, 2, 4,
        static d => [d[0] - d[1], d[1], d[2] - d[1], d[0], d[1]],
        static g => [g[0], g[0] + g[2], g[2], g[1], g[1]],
        static m => [m[3], m[0] + m[1], m[4], m[1] + m[2]]);

    public static WinogradTwin FourTransposed { get; } = new(4, 4, 2, 4,
        static d => [d[0] - d[1], d[1], d[2] - d[1], d[1] - d[2], d[2], d[3] - d[2]],
        static g => [g[0], g[0] + g[2], g[2], g[1], g[1] + g[3], g[3]],
        static m => [m[0] + m[1], m[3] + m[4], m[1] + m[2], m[4] + m[5]]);

    /// <summary>All results of a map: [image][group][filter][slice][row][column].</summary>
    public float[] Run(
        in PlaneMap map, int images, int groups, int filters, ReadOnlySpan<float> x, ReadOnlySpan<float> w)
    {
        int tileColumns = Convolution.DivideUp(map.Columns, results),
            tiles = Convolution.DivideUp(map.Rows, results) * tileColumns,
            volume = map.Slices * map.Rows * map.Columns, source = (int)map.SourceVolume;
        var y = new float[images * groups * filters * volume];
        for (int place = 0; place < images * groups; place++)
        {
            float[][] transformed = new float[filters * map.Channels * map.KernelDepth][];
            for (int i = 0; i < transformed.Length; i++)
            {
                transformed[i] = Twice(weights, w.Slice(
                    ((place % groups * transformed.Length) + i) * window * window, window * window).ToArray());
            }

            for (int at = 0; at < map.Slices * tiles; at++)
            {
                (int slice, int tile) = Math.DivRem(at, tiles);
                (int row, int column) = Math.DivRem(tile, tileColumns);
                float[][] under = Under(map, x.Slice(place * source, source), slice, row, column);
                for (int filter = 0; filter < filters; filter++)
                {
                    float[] tileSums = Twice(sums, Products(map, under, transformed, filter));
                    for (int i = 0; i < tileSums.Length; i++)
                    {
                        int h = (row * results) + (i / results), v = (column * results) + (i % results);
                        if (h >= map.Rows || v >= map.Columns) continue;
                        y[(((place * filters) + filter) * volume) + (((slice * map.Rows) + h) * map.Columns) + v] =
                            tileSums[i];
                    }
                }
            }
        }

        return y;
    }

    /// <summary>The sums of a filter at the points of a tile: chains of chunks of terms.</summary>
    private static float[] Products(in PlaneMap map, float[][] under, float[][] transformed, int filter)
    {
        int terms = under.Length, chunks = Convolution.DivideUp(terms, Convolution.TapChunk);
        var sums = new float[under[0].Length];
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            var chain = new float[sums.Length];
            int end = Convolution.Cut(terms, chunk + 1, chunks);
            for (int term = Convolution.Cut(terms, chunk, chunks); term < end; term++)
            {
                (int tap, int channel) = Math.DivRem(term, map.Channels);
                float[] g = transformed[(((filter * map.Channels) + channel) * map.KernelDepth) + tap];
                for (int i = 0; i < chain.Length; i++)
                    chain[i] = float.FusedMultiplyAdd(under[term][i], g[i], chain[i]);
            }

            for (int i = 0; i < sums.Length; i++) sums[i] = chunk == 0 ? chain[i] : sums[i] + chain[i];
        }

        return sums;
    }

    /// <summary>The transformed values under a tile: [slice of the window][channel].</summary>
    private float[][] Under(in PlaneMap map, ReadOnlySpan<float> x, int slice, int row, int column)
    {
        var all = new float[map.KernelDepth * map.Channels][];
        for (int term = 0; term < all.Length; term++)
        {
            (int tap, int channel) = Math.DivRem(term, map.Channels);
            int k = (slice * map.StrideDepth) + (tap * map.DilationDepth) - map.Front;
            var d = new float[reach * reach];
            for (int i = 0; i < d.Length; i++)
            {
                int h = (row * step) - map.Top + (i / reach), v = (column * step) - map.Left + (i % reach);
                bool isInside = k >= 0 && k < map.Depth && h >= 0 && h < map.Height && v >= 0 && v < map.Width;
                d[i] = isInside ? x[(((((channel * map.Depth) + k) * map.Height) + h) * map.Width) + v] : 0;
            }

            all[term] = Twice(values, d);
        }

        return all;
    }

    /// <summary>A transformation of the columns of a square, and then of its rows.</summary>
    private static float[] Twice(Func<float[], float[]> one, float[] square)
    {
        int side = (int)Math.Sqrt(square.Length);
        float[][] columns = [.. Enumerable.Range(0, side).Select(
            j => one([.. Enumerable.Range(0, side).Select(i => square[(i * side) + j])]))];
        return [.. Enumerable.Range(0, columns[0].Length).SelectMany(
            i => one([.. columns.Select(column => column[i])]))];
    }
}
