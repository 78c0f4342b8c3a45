using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Computes two <see cref="PlaneMap"/>s whose results are the even and the odd columns of the same rows: two phases of
/// a gradient of the input with a stride of 2. The rows are written as a whole.
/// </summary>
/// <remarks>The units are those of the even columns, and so are the bands.</remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct TwinJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The even and the odd columns.</summary>
    public PlaneJob<T> Even, Odd;

    /// <summary>Whether the phases of the columns are such twins.</summary>
    public static bool Applies(in ConvolutionShape shape) => shape is { StrideWidth: 2, Width: > 1 }
        && Phase.ReachAll(shape.KernelWidth, shape.StrideWidth, shape.DilationWidth);

    /// <summary>Computes both maps; their weights are in the order of the taps.</summary>
    public static void Run(in PlaneJob<T> even, in PlaneJob<T> odd)
    {
        Debug.Assert(even.Map.Columns - odd.Map.Columns is 0 or 1 && even.Map.Rows == odd.Map.Rows);
        Debug.Assert(even.ColumnStep == 2 && odd.Result == even.Result + 1);
        var job = new TwinJob<T> { Even = even, Odd = odd };
        var bands = Bands.Create(even.Map, even.Images);
        job.Even.Plan(bands);
        job.Odd.Plan(bands);
        job.Even.PerChunk = Convolution.UnitsPerChunk(job.Even.UnitWork + job.Odd.UnitWork);
        Workers.Run(Convolution.DivideUp(job.Even.Units, job.Even.PerChunk), job);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke(int chunk)
    {
        int width = Vector512<T>.Count, panel = 2 * width, panels = Convolution.Panels<T>(Even.Results),
            most = Math.Min(Even.Results, Convolution.DivideUp(panels, Even.Blocks) * panel);
        // Windows as long as the stride reach the same values in both phases.
        bool isOneStage = Even.Map == Odd.Map;
        nint evenStage = Aligned(Even.Stage.Count), oddStage = isOneStage ? 0 : Aligned(Odd.Stage.Count);
        T* stage = (T*)GemmPacking.Scratch(
            (evenStage + oddStage + ((Even.SumsRow + Odd.SumsRow) * most)) * sizeof(T)),
            second = stage + evenStage, sums = stage + evenStage + oddStage;
        int bands = Even.Bands.Count(Even.Map), end = Math.Min(Even.Units, (chunk + 1) * Even.PerChunk);
        for (int unit = chunk * Even.PerChunk; unit < end; unit++)
        {
            (int place, int block) = Math.DivRem(unit, Even.Blocks);
            (int image, int number) = Math.DivRem(place, bands);
            Band band = Even.Bands.At(Even.Map, number);
            int first = Convolution.Cut(panels, block, Even.Blocks) * panel,
                count = Math.Min(Even.Results, Convolution.Cut(panels, block + 1, Even.Blocks) * panel) - first;
            for (int group = 0; group < Even.Groups; group++)
            {
                nint volume = ((nint)image * Even.Groups) + group;
                T* source = Even.Source + (volume * Even.Map.SourceVolume);
                T* evenSource = Even.Stage.Read(source, Even.SourceEnd, stage, band);
                T* oddSource = isOneStage ? evenSource : Odd.Stage.Read(source, Odd.SourceEnd, second, band);
                nint filter = ((nint)group * Even.Results) + first;
                for (int slice = 0; slice < band.Slices; slice++)
                {
                    Even.Sum(evenSource + (slice * Even.Stage.SliceStep), filter, sums, band.Rows, count,
                        band.Slice0 + slice);
                    Odd.Sum(oddSource + (slice * Odd.Stage.SliceStep), filter, sums + (Even.SumsRow * count), band.Rows,
                        count, band.Slice0 + slice);
                    T* result = Even.Result + (((volume * Even.Results) + first) * Even.ResultVolume)
                        + ((nint)(band.Slice0 + slice) * Even.SliceStep * Even.ResultPlane)
                        + ((nint)band.Row0 * Even.RowStep * Even.ResultWidth);
                    Merge(sums, sums + (Even.SumsRow * count), result, band.Rows, count, filter);
                }
            }
        }
    }

    /// <summary>Puts the sums of some results at their places, with the bias and a ReLU.</summary>
    private readonly void Merge(T* even, T* odd, T* result, int rows, int count, nint filter)
    {
        int columns = Even.Map.Columns + Odd.Map.Columns, evenPitch = Even.Stage.Pitch, oddPitch = Odd.Stage.Pitch;
        nint row = (nint)Even.RowStep * Even.ResultWidth;
        for (int i = 0; i < count; i++, even += Even.SumsRow, odd += Odd.SumsRow, result += Even.ResultVolume)
        {
            T bias = Even.Bias == null ? T.Zero : Even.Bias[filter + i];
            Strided.Merge(even, evenPitch, odd, oddPitch, result, row, columns, rows, bias, Even.Limit);
        }
    }

    private static nint Aligned(nint count) => (count + Vector512<T>.Count - 1) & -Vector512<T>.Count;
}
