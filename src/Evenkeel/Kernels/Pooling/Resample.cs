using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Planes in another size. Output (r, c) is the blend of two rows, each of which is the blend of two columns:
/// y = (1 - μ)·((1 - λ)·x00 + λ·x01) + μ·((1 - λ)·x10 + λ·x11). For the nearest input it is x00.
/// </summary>
internal static unsafe class Resample
{
    /// <summary>Outputs per chunk, or inputs on the way back.</summary>
    private const int ChunkElements = 1 << 15;

    /// <summary>Rows of a plane that are made together.</summary>
    public const int BlockRows = 16;

    /// <summary>y from x.</summary>
    /// <param name="x">The planes, one after the other.</param>
    /// <param name="y">The planes in their new size.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="rows">The rows' tables.</param>
    /// <param name="columns">The columns' tables.</param>
    public static void Forward<T>(
        T* x, T* y, int planes, in ResampleTable<T> rows, in ResampleTable<T> columns)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        long inputs = (long)rows.Axis.Input * columns.Axis.Input,
            outputs = (long)rows.Axis.Output * columns.Axis.Output;
        Debug.Assert(planes >= 0);
        Debug.Assert(Contracts.AreApart(x, planes * inputs, y, planes * outputs), "y overlaps x");
        int all = planes * rows.Axis.Output, perChunk = Math.Max(1, ChunkElements / columns.Axis.Output);
        bool streams = planes * outputs * sizeof(T) >= CacheSizes.LastLevel
            && columns.Axis.Output % Vector512<T>.Count == 0 && (nint)y % Simd.Alignment == 0;
        Workers.Run((int)(((long)all + perChunk - 1) / perChunk), new ResampleForward<T>
        {
            X = x,
            Y = y,
            End = x + (planes * inputs),
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
            Streams = streams,
        });
    }

    /// <summary>
    /// dx from dy: each input gets the share that each output takes of it, in the order of the outputs.
    /// </summary>
    /// <param name="dy">The gradients of the outputs.</param>
    /// <param name="dx">The gradients of the inputs.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="rows">The rows' tables.</param>
    /// <param name="columns">The columns' tables.</param>
    public static void Backward<T>(
        T* dy, T* dx, int planes, in ResampleTable<T> rows, in ResampleTable<T> columns)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(planes >= 0);
        Debug.Assert(
            Contracts.AreApart(dx, (long)planes * rows.Axis.Input * columns.Axis.Input,
                dy, (long)planes * rows.Axis.Output * columns.Axis.Output),
            "dx overlaps dy");

        // A chunk reads about as many outputs as a chunk of the way there makes.
        double work = Math.Max(columns.Axis.Input, (double)columns.Axis.Output * rows.Axis.Output / rows.Axis.Input);
        int all = planes * rows.Axis.Input, perChunk = (int)Math.Max(1, ChunkElements / work);
        Workers.Run((int)(((long)all + perChunk - 1) / perChunk), new ResampleBackward<T>
        {
            Dy = dy,
            Dx = dx,
            End = dy + ((nint)planes * rows.Axis.Output * columns.Axis.Output),
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
        });
    }

    /// <summary>
    /// Elements from the begin of a row that walks may read: two packs from each value on, two more from the places of
    /// the terms behind it. A row in scratch memory has as many.
    /// </summary>
    public static nint Room<T>(int count) where T : unmanaged, IFloatingPointIeee754<T> =>
        (count + ResampleTable<T>.LaneTerms + (4 * Vector512<T>.Count) - 1) & -Vector512<T>.Count;
}
