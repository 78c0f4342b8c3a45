using Evenkeel.Nn;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>A parameter of a layer.</summary>
/// <param name="Name">Its name in the layer.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Values">Its numbers.</param>
internal sealed record Weight(string Name, int[] Shape, double[] Values)
{
    public static Weight Of(Draw draw, string name, params int[] shape) =>
        new(name, shape, draw.Numbers(Sizes.Count(shape)));
}

/// <summary>The numbers of one run, of either side, as they are given to the bound.</summary>
/// <param name="X">The input.</param>
/// <param name="Weights">The parameters.</param>
/// <param name="Dy">The gradient of the output.</param>
/// <param name="Y">PyTorch's output.</param>
internal sealed record Numbers(double[] X, IReadOnlyList<double[]> Weights, double[] Dy, double[] Y);

/// <summary>
/// What two results of one formula may differ by, element by element: 2·u·count·sum, with u the unit roundoff. The sum
/// is that of the absolute values of all terms, and the count bounds the roundings on the way of one term into the
/// result. Each side is within half of it of the exact value, whatever order it adds in (Higham, "Accuracy and
/// Stability of Numerical Algorithms", section 3.1).
/// </summary>
/// <param name="Sums">The sums, element by element.</param>
/// <param name="Counts">The counts, element by element.</param>
internal sealed record Terms(double[] Sums, double[] Counts)
{
    /// <summary>
    /// Multiples of the smallest normal number that are allowed besides; null for 2·count. Where e⁻ˣ overflows, PyTorch
    /// has 0 for x·σ(x), which is some hundred times that number.
    /// </summary>
    public double[]? Floors { get; init; }

    public Terms(double[] sums, double count) : this(sums, Filled(sums.Length, count))
    {
    }

    private static double[] Filled(int length, double value)
    {
        var values = new double[length];
        Array.Fill(values, value);
        return values;
    }
}

/// <summary>A layer with all its settings, its input, and both sides of it.</summary>
/// <param name="Text">The layer, its settings and shapes: all that a report needs.</param>
/// <param name="Shape">The shape of the input.</param>
/// <param name="Layer">Makes the library's layer.</param>
/// <param name="PyTorch">PyTorch's function of input and parameters: the output, then the statistics.</param>
internal sealed record FuzzCase(
    string Text, int[] Shape, Func<Module> Layer, Func<Torch, Torch[], Torch[]> PyTorch)
{
    public FuzzCase(string text, int[] shape, Func<Module> layer, Func<Torch, Torch[], Torch> pytorch)
        : this(text, shape, layer, (x, w) => [pytorch(x, w)])
    {
    }

    /// <summary>The input; null if it is <see cref="Positions"/>.</summary>
    public double[]? Input { get; init; }

    /// <summary>The input of an embedding.</summary>
    public long[]? Positions { get; init; }

    public IReadOnlyList<Weight> Weights { get; init; } = [];

    public Mode Mode { get; init; }

    /// <summary>The statistics that the layer keeps, in the order of PyTorch's.</summary>
    public Func<Module, IEnumerable<Tensor>> Statistics { get; init; } = static _ => [];

    /// <summary>
    /// The bounds of the output, the gradient of the input, those of the parameters, and the statistics. Null for a
    /// function that is linear in each of its operands: PyTorch's own results for the operands' absolute values are the
    /// sums, and those for ones are the counts.
    /// </summary>
    public Func<Numbers, Terms[]>? Bound { get; init; }

    /// <summary>
    /// Roundings on the way of a term, more than there are terms, where <see cref="Bound"/> is null.
    /// </summary>
    public int Roundings { get; init; } = 1;

    /// <summary>
    /// True if an output is one of the inputs: then its bound is 0, and only the gradient is linear.
    /// </summary>
    public bool Chooses { get; init; }

    /// <summary>
    /// The rule by which an output (or, if true, a derivative) is not compared where PyTorch's is NaN and the input is
    /// the given number; null for none.
    /// </summary>
    public Func<double, bool, string?>? Skips { get; init; }

    /// <summary>The only element type of the case; null for both.</summary>
    public DType? Type { get; init; }

    /// <summary>The rule by which the case is not compared; null for none.</summary>
    public string? Excluded { get; init; }
}

/// <summary>Arithmetic of shapes.</summary>
internal static class Sizes
{
    public static int Count(ReadOnlySpan<int> shape)
    {
        int count = 1;
        foreach (int size in shape) count *= Math.Max(size, 0);
        return count;
    }

    public static long[] Long(IEnumerable<int> sizes) => [.. sizes.Select(static size => (long)size)];

    public static string Text(IEnumerable<int> sizes) => $"({string.Join(", ", sizes)})";
}
