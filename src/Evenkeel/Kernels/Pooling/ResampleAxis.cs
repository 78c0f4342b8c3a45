using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;

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
    /// The outputs that read input i are Begin[i] up to End[i], without a gap: Counts[i] outputs. Their weights lie
    /// from At[i] on in Share.
    /// </summary>
    public int* Begin, End, Counts, At;

    /// <summary>The weights of the outputs of all inputs.</summary>
    public T* Share;

    /// <summary>
    /// The first <see cref="LaneTerms"/> weights of each input, for packs of inputs: the weight of output Begin[i] + k
    /// is at k·Padded(inputs) + i.
    /// </summary>
    public T* LaneShare;

    /// <summary>
    /// The largest number of outputs that read an input, and the smallest, of each pack of inputs. The last pack
    /// overlaps the one before.
    /// </summary>
    public int* Terms, LeastTerms;

    /// <summary>Packs of inputs with up to so many outputs each are added together.</summary>
    public const int LaneTerms = 8;

    /// <summary>Entries of a table: whole packs can be read from each place.</summary>
    public static int Padded(int count) => count + Vector512<T>.Count;

    /// <summary>Number of ints in the tables of an axis.</summary>
    public static int Ints(in ResampleAxis axis) => (2 * Padded(axis.Output)) + (6 * Padded(axis.Input));

    /// <summary>Number of values of T in the tables of an axis.</summary>
    public static int Values(in ResampleAxis axis) => (4 * Padded(axis.Output)) + (LaneTerms * Padded(axis.Input));

    /// <summary>Fills the tables.</summary>
    /// <param name="axis">The resampling.</param>
    /// <param name="ints">Memory for <see cref="Ints"/>.</param>
    /// <param name="values">Memory for <see cref="Values"/>.</param>
    public static ResampleTable<T> Create(in ResampleAxis axis, int* ints, T* values)
    {
        Debug.Assert(axis.IsSound);
        int padded = Padded(axis.Output), inputs = Padded(axis.Input);
        int* perInput = ints + (2 * padded);
        var table = new ResampleTable<T>
        {
            Axis = axis,
            First = ints,
            Second = ints + padded,
            Begin = perInput,
            End = perInput + inputs,
            Counts = perInput + (2 * inputs),
            At = perInput + (3 * inputs),
            Terms = perInput + (4 * inputs),
            LeastTerms = perInput + (5 * inputs),
            Left = values,
            Right = values + padded,
            Share = values + (2 * padded),
            LaneShare = values + (4 * padded),
        };
        table.FillOutputs(padded);
        table.FillInputs(inputs);
        return table;
    }

    private void FillOutputs(int padded)
    {
        for (int i = 0; i < Axis.Input; i++) Begin[i] = End[i] = 0;
        for (int o = 0; o < padded; o++)
        {
            Axis.Sources(Math.Min(o, Axis.Output - 1), out int first, out int second, out double lambda);
            (First[o], Second[o]) = (first, second);
            (Left[o], Right[o]) = (T.CreateTruncating(1 - lambda), T.CreateTruncating(lambda));
            if (o >= Axis.Output) continue;
            if (End[first] == 0) Begin[first] = o;
            End[first] = o + 1;
            if (End[second] == 0) Begin[second] = o;
            End[second] = o + 1;
        }
    }

    private readonly void FillInputs(int padded)
    {
        int at = 0;
        for (int i = 0; i < padded; i++)
        {
            // Nothing begins at an input that no output reads, nor behind the last one.
            if (i >= Axis.Input) Begin[i] = End[i] = Begin[i - 1];
            else if (End[i] == 0) Begin[i] = End[i] = i > 0 ? End[i - 1] : 0;
            At[i] = at;
            Counts[i] = End[i] - Begin[i];
            for (int o = Begin[i]; o < End[i]; o++)
                Share[at++] = (First[o] == i ? Left[o] : T.Zero) + (Second[o] == i ? Right[o] : T.Zero);
        }

        int width = Vector512<T>.Count, most = 0;
        for (int pack = 0; pack * width < Axis.Input; pack++)
        {
            int first = Math.Min(pack * width, Math.Max(0, Axis.Input - width));
            ReadOnlySpan<int> counts = new(Counts + first, Math.Min(width, Axis.Input));
            Terms[pack] = LeastTerms[pack] = counts[0];
            foreach (int count in counts)
            {
                Terms[pack] = Math.Max(Terms[pack], count);
                LeastTerms[pack] = Math.Min(LeastTerms[pack], count);
            }

            most = Math.Max(most, Terms[pack]);
        }

        for (int k = 0; k < Math.Min(most, LaneTerms); k++)
        {
            T* to = LaneShare + ((nint)k * padded);
            for (int i = 0; i < padded; i++) to[i] = k < Counts[i] ? Share[At[i] + k] : T.Zero;
        }
    }
}
