using System.Globalization;

namespace Evenkeel.Onnx;

/// <summary>What is done to an input's values: (x·scale - mean)/std, for each channel or for all alike.</summary>
public sealed class OnnxPreprocessing
{
    /// <summary>Creates it.</summary>
    /// <param name="mean">
    /// What is subtracted: one number per channel (dimension 1 of the input), or one for all.
    /// </param>
    /// <param name="std">What is divided by: as many numbers, none of them 0.</param>
    /// <param name="scale">What values are multiplied by first, for example 1/255.0. Default: 1.</param>
    /// <exception cref="ArgumentException">
    /// The two lists differ in length or are empty, or a number is not finite, or one divides by 0.
    /// </exception>
    public OnnxPreprocessing(IReadOnlyList<double> mean, IReadOnlyList<double> std, double scale = 1)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(std);
        if (mean.Count == 0 || mean.Count != std.Count || !double.IsFinite(scale)
            || !mean.All(double.IsFinite) || !std.All(static value => double.IsFinite(value) && value != 0))
        {
            throw new ArgumentException(
                $"OnnxPreprocessing: expected as many finite means as deviations other than 0, got {mean.Count} means "
                + $"({Text(mean)}), {std.Count} deviations ({Text(std)}) and the scale {scale}.", nameof(std));
        }

        (Mean, Std, Scale) = ([.. mean], [.. std], scale);
    }

    /// <summary>What is subtracted.</summary>
    public IReadOnlyList<double> Mean { get; }

    /// <summary>What is divided by.</summary>
    public IReadOnlyList<double> Std { get; }

    /// <summary>What values are multiplied by first.</summary>
    public double Scale { get; }

    /// <summary>The numbers of a list, with commas between them.</summary>
    internal static string Text(IEnumerable<double> values) =>
        string.Join(", ", values.Select(static value => value.ToString("R", CultureInfo.InvariantCulture)));

    /// <summary>The values that the network gets.</summary>
    internal Tensor Apply(Tensor x) =>
        ((Scale == 1 ? x : x * Scale) - Along(Mean, x)) / Along(Std, x);

    /// <summary>The shape in which numbers per channel repeat over an input of this rank.</summary>
    internal static int[] ShapeFor(int count, int rank)
    {
        if (count == 1) return [];
        int[] sizes = new int[rank - 1];
        Array.Fill(sizes, 1);
        sizes[0] = count;
        return sizes;
    }

    /// <summary>Checks that there is a number for each channel of an input.</summary>
    internal void CheckFits(Shape input)
    {
        if (Mean.Count == 1 || (input.Rank > 1 && input[1] == Mean.Count)) return;
        throw new ArgumentException(
            $"ExportOnnx: expected the preprocessing to have 1 mean or one per channel of an input of shape {input}, "
            + $"got {Mean.Count}. The channels are dimension 1.", nameof(input));
    }

    private static Tensor Along(IReadOnlyList<double> values, Tensor x)
    {
        Tensor along = Tensor.From([.. values], new Shape(ShapeFor(values.Count, x.Shape.Rank)));
        return along.To(x.DType);
    }
}
