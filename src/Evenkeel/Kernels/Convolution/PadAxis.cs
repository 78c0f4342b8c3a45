using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>How the places beside an input are filled.</summary>
internal enum PadKind
{
    /// <summary>Mirrored at the first and the last value.</summary>
    Reflect,

    /// <summary>The first and the last value again.</summary>
    Replicate,

    /// <summary>From the other end.</summary>
    Circular,
}

/// <summary>The padding along one dimension, whose values come from the input.</summary>
/// <param name="Kind">Which value stands at a place of the padding.</param>
/// <param name="Input">Values of the input.</param>
/// <param name="Before">Values before it.</param>
/// <param name="After">Values after it.</param>
internal readonly record struct PadAxis(PadKind Kind, int Input, int Before, int After)
{
    public int Output => Before + Input + After;

    /// <summary>True if every place of the padding has a value.</summary>
    public bool IsSound => Input >= 1 && Before >= 0 && After >= 0
        && (Kind == PadKind.Replicate || Math.Max(Before, After) <= (Kind == PadKind.Reflect ? Input - 1 : Input));

    /// <summary>The place of the input whose value stands at a place of the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Source(int place)
    {
        Debug.Assert(place >= 0 && place < Output);
        int i = place - Before;
        return Kind switch
        {
            PadKind.Reflect => i < 0 ? -i : i < Input ? i : (2 * (Input - 1)) - i,
            PadKind.Replicate => Math.Clamp(i, 0, Input - 1),
            _ => i < 0 ? i + Input : i < Input ? i : i - Input,
        };
    }
}
