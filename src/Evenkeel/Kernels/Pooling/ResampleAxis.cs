using System.Diagnostics;
using System.Numerics;

namespace Evenkeel.Kernels;

/// <summary>
/// Resampling along one dimension. Output o reads inputs first(o) and second(o), the next one or the same, with weights
/// 1 - λ(o) and λ(o).
/// </summary>
/// <param name="Input">Number of inputs, 1 or more.</param>
/// <param name="Output">Number of outputs, 1 or more.</param>
/// <param name="Blends">Whether two inputs are blended (linear); otherwise the nearest one is copied.</param>
/// <param name="AlignCorners">Whether the first and last inputs lie on the first and last outputs.</param>
/// <param name="Scale">Outputs per input, if the user gave it; 0 takes output/input.</param>
internal readonly record struct ResampleAxis(int Input, int Output, bool Blends, bool AlignCorners, double Scale)
{
    /// <summary>True if the numbers make sense.</summary>
    public bool IsSound => Input >= 1 && Output >= 1 && double.IsFinite(Scale) && Scale >= 0;

    /// <summary>The inputs of output <paramref name="o"/>, and the weight λ of the second.</summary>
    public void Sources(int o, out int first, out int second, out double lambda)
    {
        Debug.Assert((uint)o < (uint)Output);
        lambda = 0;
        first = second = o;
        if (Input == Output) return;
        if (!Blends)
        {
            first = second = Nearest(o);
            return;
        }

        double step = !AlignCorners ? Scale > 0 ? 1 / Scale : (double)Input / Output
            : Output > 1 ? (Input - 1.0) / (Output - 1) : 0;
        double at = AlignCorners ? step * o : Math.Max(0, (step * (o + 0.5)) - 0.5);
        first = (int)Math.Min(at, Input - 1);
        second = Math.Min(first + 1, Input - 1);
        lambda = Math.Min(at - first, 1);
    }

    /// <summary>
    /// floor(o/scale). PyTorch computes it in 32-bit floats, except where the output is twice as large. Other
    /// arithmetic would take another input for some sizes.
    /// </summary>
    private int Nearest(int o)
    {
        if (Output == 2L * Input) return o >> 1;
        float step = Scale > 0 ? (float)(1 / Scale) : (float)Input / Output;
        return (int)Math.Min(o * step, Input - 1);
    }
}

/// <summary>
/// The tables of an axis for the kernels, in memory of the caller: what each output reads, and which outputs read an
/// input.
/// </summary>
internal unsafe struct ResampleTable<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public ResampleAxis Axis;

    /// <summary>First and second input of each output.</summary>
    public int* First, Second;

    /// <summary>1 - λ and λ of each output.</summary>
    public T* Left, Right;

    /// <summary>
    /// The outputs that read input i are Begin[i] up to End[i], without a gap; their weights lie from At[i] on in
    /// Share.
    /// </summary>
    public int* Begin, End, At;

    /// <summary>The weights of the outputs of all inputs.</summary>
    public T* Share;

    /// <summary>Entries of a table per output: whole packs can be read from each place.</summary>
    public static int Padded(int output) => output + Vector512Count;

    /// <summary>Number of ints in the tables of an axis.</summary>
    public static int Ints(in ResampleAxis axis) => (2 * Padded(axis.Output)) + (3 * axis.Input);

    /// <summary>Number of values of T in the tables of an axis.</summary>
    public static int Values(in ResampleAxis axis) => 4 * Padded(axis.Output);

    private static int Vector512Count => System.Runtime.Intrinsics.Vector512<T>.Count;

    /// <summary>Fills the tables.</summary>
    /// <param name="axis">The resampling.</param>
    /// <param name="ints">Memory for <see cref="Ints"/>.</param>
    /// <param name="values">Memory for <see cref="Values"/>.</param>
    public static ResampleTable<T> Create(in ResampleAxis axis, int* ints, T* values)
    {
        Debug.Assert(axis.IsSound);
        int padded = Padded(axis.Output);
        var table = new ResampleTable<T>
        {
            Axis = axis,
            First = ints,
            Second = ints + padded,
            Begin = ints + (2 * padded),
            End = ints + (2 * padded) + axis.Input,
            At = ints + (2 * padded) + (2 * axis.Input),
            Left = values,
            Right = values + padded,
            Share = values + (2 * padded),
        };
        for (int i = 0; i < axis.Input; i++) table.Begin[i] = table.End[i] = 0;
        for (int o = 0; o < padded; o++)
        {
            axis.Sources(Math.Min(o, axis.Output - 1), out int first, out int second, out double lambda);
            (table.First[o], table.Second[o]) = (first, second);
            (table.Left[o], table.Right[o]) = (T.CreateTruncating(1 - lambda), T.CreateTruncating(lambda));
            if (o >= axis.Output) continue;
            if (table.End[first] == 0) table.Begin[first] = o;
            table.End[first] = o + 1;
            if (table.End[second] == 0) table.Begin[second] = o;
            table.End[second] = o + 1;
        }

        int at = 0;
        for (int i = 0; i < axis.Input; i++)
        {
            table.At[i] = at;
            for (int o = table.Begin[i]; o < table.End[i]; o++)
            {
                table.Share[at++] = (table.First[o] == i ? table.Left[o] : T.Zero)
                    + (table.Second[o] == i ? table.Right[o] : T.Zero);
            }
        }

        return table;
    }
}
