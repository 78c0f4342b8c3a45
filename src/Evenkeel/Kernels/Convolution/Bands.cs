namespace Evenkeel.Kernels;

/// <summary>Neighbouring slices and rows of results, which are computed from one staged copy.</summary>
/// <param name="Slice0">The first slice.</param>
/// <param name="Slices">Number of slices.</param>
/// <param name="Row0">The first row of each slice.</param>
/// <param name="Rows">Number of rows of each slice.</param>
internal readonly record struct Band(int Slice0, int Slices, int Row0, int Rows);

/// <summary>
/// How the results of an image are cut into bands: first between slices, then between rows. It depends on the shape
/// only.
/// </summary>
/// <param name="Slices">The largest number of slices of a band.</param>
/// <param name="Rows">The largest number of rows of a band.</param>
internal readonly record struct Bands(int Slices, int Rows)
{
    /// <summary>
    /// The largest number of elements of a staged band (but a band has at least one row of results). It stays in a
    /// second-level cache.
    /// </summary>
    private const int Elements = 1 << 17;

    /// <summary>Bands over all images below which volumes are cut further, so that threads have work.</summary>
    private const int Least = 8;

    public static Bands Create(in PlaneMap map, int images)
    {
        double row = (double)map.Channels * map.ColumnsUnder;
        int slices = map.Slices, rows = map.Rows;
        while (slices > 1 && ((long)images * Convolution.DivideUp(map.Slices, slices) < Least
            || map.SlicesUnder(slices) * map.RowsUnder(rows) * row > Elements))
        {
            slices = Convolution.DivideUp(slices, 2);
        }

        while (rows > 1 && map.SlicesUnder(slices) * map.RowsUnder(rows) * row > Elements)
            rows = Convolution.DivideUp(rows, 2);
        return new Bands(slices, rows);
    }

    /// <summary>Number of bands per image.</summary>
    public int Count(in PlaneMap map) =>
        Convolution.DivideUp(map.Slices, Slices) * Convolution.DivideUp(map.Rows, Rows);

    /// <summary>The band with a number below <see cref="Count"/>.</summary>
    public Band At(in PlaneMap map, int number)
    {
        int sliceBands = Convolution.DivideUp(map.Slices, Slices), rowBands = Convolution.DivideUp(map.Rows, Rows);
        (int slice, int row) = Math.DivRem(number, rowBands);
        int slice0 = Convolution.Cut(map.Slices, slice, sliceBands), row0 = Convolution.Cut(map.Rows, row, rowBands);
        return new Band(slice0, Convolution.Cut(map.Slices, slice + 1, sliceBands) - slice0,
            row0, Convolution.Cut(map.Rows, row + 1, rowBands) - row0);
    }
}
