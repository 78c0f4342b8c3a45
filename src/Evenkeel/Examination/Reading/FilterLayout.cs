namespace Evenkeel.Examination;

/// <summary>Where the filters of a weight are: (outer, filter, inner), row-major.</summary>
/// <param name="Outer">The dimensions before that of the outputs, as one.</param>
/// <param name="PerOuter">The outputs in one step of the outer dimension.</param>
/// <param name="Inner">The dimensions behind that of the outputs, as one.</param>
/// <param name="Groups">The groups of a transposed convolution: each has its own part of the outer dimension.</param>
internal readonly record struct FilterLayout(long Outer, int PerOuter, long Inner, int Groups = 1)
{
    /// <summary>The number of filters.</summary>
    public int Filters => PerOuter * Groups;

    /// <summary>The number of values.</summary>
    public long Count => Outer * PerOuter * Inner;

    /// <summary>The first filter of a step of the outer dimension.</summary>
    public int FirstFilter(long outer) => (int)(outer / (Outer / Groups)) * PerOuter;

    /// <summary>A weight whose outputs are one of its dimensions.</summary>
    public static FilterLayout Along(IReadOnlyList<long> sizes, int axis)
    {
        (long outer, long inner) = (1, 1);
        for (int i = 0; i < axis; i++) outer *= sizes[i];
        for (int i = axis + 1; i < sizes.Count; i++) inner *= sizes[i];
        return new FilterLayout(outer, (int)sizes[axis], inner);
    }

    /// <summary>All values as one filter.</summary>
    public static FilterLayout Whole(long count) => new(1, 1, count);
}
