using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// What is known of some groups: one row of doubles per quantity, one place per group. The one
/// numbering that all norms share.
/// </summary>
/// <remarks>
/// A chunk of work has a table of its own on the stack, for at most <see cref="Width"/> groups. What the backward pass
/// or other parts of the batch need is copied to a table that the op keeps, which has the first rows only:
/// <see cref="StatisticsRows"/>, or <see cref="PartRows"/>.
/// </remarks>
/// <param name="rows">The first row.</param>
/// <param name="stride">Doubles from a row to the next.</param>
internal readonly unsafe struct NormTable(double* rows, nint stride)
{
    /// <summary>Groups that a chunk's table has room for: a stripe of columns.</summary>
    public const int Width = 64;

    /// <summary>The rows of statistics: <see cref="Pivot"/> to <see cref="Rstd"/>.</summary>
    public const int StatisticsRows = 5;

    /// <summary>
    /// The rows of statistics and of what belongs to a part of a batch: <see cref="Pivot"/> to <see cref="D"/>.
    /// </summary>
    public const int PartRows = 9;

    /// <summary>All rows.</summary>
    public const int Rows = 14;

    /// <summary>Doubles of a chunk's memory: all rows, those of its constants, and room to align them.</summary>
    public const int ChunkDoubles = (Rows + Constants<double>.Rows) * Width + Eight.Count;

    /// <summary>mean = Pivot + Low·2^Exponent; the pivot is a number of the element type.</summary>
    public double* Pivot => rows;

    /// <summary>What the mean is more than the pivot. Before that: Σ(x - pivot).</summary>
    public double* Low => rows + stride;

    /// <summary>The biased variance. Before that: Σ(x - pivot)².</summary>
    public double* Variance => rows + 2 * stride;

    /// <summary>
    /// Low, the variance and rstd are in units of 2^this, 4^this and 2^-this; 0 for all but the ends of the range.
    /// See <see cref="Moments"/>.
    /// </summary>
    public double* Exponent => rows + 3 * stride;

    /// <summary>1/sqrt(var + eps); negative if the exponent is not 0, so that one look tells.</summary>
    public double* Rstd => rows + 4 * stride;

    /// <summary>Σdy, which is dbeta; in norms over groups of many gammas Σ gamma·dy.</summary>
    public double* SumDy => rows + 5 * stride;

    /// <summary>
    /// Σdy·xhat, which is dgamma; in norms over groups of many gammas Σ gamma·dy·xhat. Before that: Σdy·(x - pivot).
    /// </summary>
    public double* SumDyXHat => rows + 6 * stride;

    /// <summary>Renormalization's factor.</summary>
    public double* R => rows + 7 * stride;

    /// <summary>Renormalization's shift.</summary>
    public double* D => rows + 8 * stride;

    public double* Gamma => rows + 9 * stride;

    public double* Beta => rows + 10 * stride;

    /// <summary>gamma·rstd.</summary>
    public double* Scale => rows + 11 * stride;

    /// <summary>The slope of dx = a·dy + b·(x - pivot) + c along x.</summary>
    public double* B => rows + 12 * stride;

    /// <summary>The constant of dx = a·dy + b·(x - pivot) + c.</summary>
    public double* C => rows + 13 * stride;

    /// <summary>A chunk's table in memory of <see cref="ChunkDoubles"/> doubles.</summary>
    public static NormTable Chunk(double* memory) => new(Simd.Align(memory), Width);

    /// <summary>The constants that a chunk makes from its table.</summary>
    public Constants<T> Rounded<T>() where T : unmanaged => new((T*)(rows + Rows * Width), Width);

    /// <summary>A table that an op keeps.</summary>
    /// <param name="memory">Its memory.</param>
    /// <param name="shape">Rows and places are the last dimensions.</param>
    /// <param name="block">Which of several tables.</param>
    public static NormTable Of(double* memory, Shape shape, int block = 0)
    {
        int groups = shape[-1], rows = shape[-2];
        return new NormTable(memory + (nint)block * rows * groups, groups);
    }

    /// <summary>The groups from <paramref name="group"/> on.</summary>
    public NormTable From(int group) => new(rows + group, stride);

    public Moments Moments(int group) => new(Pivot[group], Low[group], Variance[group], (int)Exponent[group]);

    /// <summary>Sets the statistics of a group.</summary>
    public void Set(int group, in Moments moments, double eps)
    {
        Pivot[group] = moments.Pivot;
        Low[group] = moments.Low;
        Variance[group] = moments.Variance;
        Exponent[group] = moments.Exponent;
        Rstd[group] = moments.Exponent == 0 ? moments.Rstd(eps) : -moments.Rstd(eps);
    }

    /// <summary>Copies the statistics of the first <paramref name="groups"/> groups.</summary>
    public void CopyStatistics(NormTable to, int groups)
    {
        if (groups == 1)
        {
            (*to.Pivot, *to.Low, *to.Variance, *to.Exponent, *to.Rstd) = (*Pivot, *Low, *Variance, *Exponent, *Rstd);
            return;
        }

        Copy(Pivot, to.Pivot, groups);
        Copy(Low, to.Low, groups);
        Copy(Variance, to.Variance, groups);
        Copy(Exponent, to.Exponent, groups);
        Copy(Rstd, to.Rstd, groups);
    }

    /// <summary>Copies the statistics of the first group to <paramref name="places"/> places.</summary>
    public void SpreadStatistics(NormTable to, int places)
    {
        new Span<double>(to.Pivot, places).Fill(*Pivot);
        new Span<double>(to.Low, places).Fill(*Low);
        new Span<double>(to.Variance, places).Fill(*Variance);
        new Span<double>(to.Exponent, places).Fill(*Exponent);
        new Span<double>(to.Rstd, places).Fill(*Rstd);
    }

    /// <summary>Copies Σdy and Σdy·xhat of the first <paramref name="groups"/> groups.</summary>
    public void CopySums(NormTable to, int groups)
    {
        Copy(SumDy, to.SumDy, groups);
        Copy(SumDyXHat, to.SumDyXHat, groups);
    }

    /// <summary>Copies r and d of the first <paramref name="groups"/> groups.</summary>
    public void CopyCorrections(NormTable to, int groups)
    {
        Copy(R, to.R, groups);
        Copy(D, to.D, groups);
    }

    /// <summary>Loads gamma and beta of the first groups; 1 and 0 where there are none.</summary>
    public void LoadParameters<T>(T* gamma, T* beta, int groups) where T : unmanaged
    {
        if (gamma is null) new Span<double>(Gamma, groups).Fill(1);
        else Widen.Copy(gamma, Gamma, groups);
        if (beta is null) new Span<double>(Beta, groups).Clear();
        else Widen.Copy(beta, Beta, groups);
    }

    /// <summary>Rounds Σdy·xhat and Σdy into the gradients of gamma and beta, if they are wanted.</summary>
    public void SaveGradients<T>(T* dgamma, T* dbeta, int groups) where T : unmanaged
    {
        if (dgamma is not null) Widen.CopyBack(SumDyXHat, dgamma, groups);
        if (dbeta is not null) Widen.CopyBack(SumDy, dbeta, groups);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(double* from, double* to, int count)
    {
        int i = 0;
        for (; i <= count - Eight.Count; i += Eight.Count) Simd.Store(to + i, Simd.Load(from + i));
        for (; i < count; i++) to[i] = from[i];
    }
}
