using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>
/// A shape with some of its dimensions reduced, as groups of neighbouring dimensions of the same kind. Kept indices
/// count the elements of the result in order. Reduced indices count the elements that are summed.
/// </summary>
internal unsafe struct ReductionPlan
{
    private const int MaxRank = 6;

    private int _groups;
    private int _keptGroups, _reducedGroups;
    private fixed int _sizes[MaxRank];
    private fixed int _steps[MaxRank];
    private fixed bool _reduced[MaxRank];

    /// <summary>Number of elements of the tensor.</summary>
    public int Count { get; private set; }

    /// <summary>Number of elements of the result.</summary>
    public int Kept { get; private set; }

    /// <summary>Number of elements that are summed per element of the result.</summary>
    public int Reduced { get; private set; }

    /// <summary>Length of the innermost group, which is contiguous.</summary>
    public readonly int Inner => _sizes[_groups - 1];

    /// <summary>True if the innermost group is summed (rows), false if it is kept (columns).</summary>
    public readonly bool InnerReduced => _reduced[_groups - 1];

    /// <summary>The plan for a shape. Dimension i is summed if bit i of <paramref name="reduced"/> is set.</summary>
    public static ReductionPlan Create(ReadOnlySpan<int> shape, uint reduced)
    {
        Debug.Assert(shape.Length <= MaxRank);
        Debug.Assert(reduced >> shape.Length == 0, "a reduced dimension lies beyond the shape");
        var plan = new ReductionPlan { Count = 1, Kept = 1, Reduced = 1 };
        for (int i = 0; i < shape.Length; i++)
        {
            bool sums = (reduced >> i & 1) != 0;
            plan.Count *= shape[i];
            if (sums) plan.Reduced *= shape[i];
            else plan.Kept *= shape[i];
            if (shape[i] == 1) continue;
            if (plan._groups > 0 && plan._reduced[plan._groups - 1] == sums)
            {
                plan._sizes[plan._groups - 1] *= shape[i];
                continue;
            }

            plan._reduced[plan._groups] = sums;
            plan._sizes[plan._groups++] = shape[i];
        }

        if (plan._groups == 0) plan._sizes[plan._groups++] = 1;
        int step = 1;
        for (int i = plan._groups - 1; i >= 0; i--)
        {
            plan._steps[i] = step;
            step *= plan._sizes[i];
            if (i == plan._groups - 1) continue;
            if (plan._reduced[i]) plan._reducedGroups++;
            else plan._keptGroups++;
        }

        return plan;
    }

    /// <summary>The offset at which a kept or reduced index begins. It leaves out the innermost group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Offset(int index, bool reduced)
    {
        int groups = reduced ? _reducedGroups : _keptGroups;
        if (groups == 0) return 0;

        // Kinds alternate. So the outer groups of one kind are every second one, counted from the innermost.
        int group = _groups - (reduced == _reduced[_groups - 1] ? 3 : 2);
        return groups == 1 ? index * _steps[group] : Offset(index, group);
    }

    /// <summary>The offset of the element of a kept and a reduced index.</summary>
    public readonly int ElementAt(int kept, int reduced)
    {
        int inner = Inner, outer = InnerReduced ? kept : kept / inner, run = InnerReduced ? reduced / inner : reduced;
        return Offset(outer, reduced: false) + Offset(run, reduced: true)
            + (InnerReduced ? reduced - (run * inner) : kept - (outer * inner));
    }

    /// <summary>
    /// The same walk as a broadcast. The first operand has the full shape; the other two have one element per element
    /// of the result.
    /// </summary>
    public readonly BroadcastPlan ToBroadcast()
    {
        Span<int> full = stackalloc int[MaxRank], kept = stackalloc int[MaxRank];
        for (int i = 0; i < _groups; i++)
        {
            full[i] = _sizes[i];
            kept[i] = _reduced[i] ? 1 : _sizes[i];
        }

        return BroadcastPlan.Create(full[.._groups], full[.._groups], kept[.._groups], kept[.._groups]);
    }

    private readonly int Offset(int index, int group)
    {
        int offset = 0;
        for (; group >= 0; group -= 2)
        {
            int next = index / _sizes[group];
            offset += (index - (next * _sizes[group])) * _steps[group];
            index = next;
        }

        return offset;
    }
}
