using Evenkeel.Examination;
using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Files;

/// <summary>The least, the mean and the largest of the numbers of one tensor.</summary>
/// <param name="Least">The least number; NaN if one of them is.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Largest">The largest number; NaN if one of them is.</param>
internal readonly record struct Spread(double Least, double Mean, double Largest)
{
    public static Spread Of(Tensor values)
    {
        (double least, double sum, double largest) = (double.PositiveInfinity, 0, double.NegativeInfinity);
        foreach (double value in values.To(DType.Float64).AsSpan<double>())
        {
            (least, sum, largest) = (Math.Min(least, value), sum + value, Math.Max(largest, value));
        }

        return new Spread(least, sum / values.Count, largest);
    }
}

/// <summary>
/// A normalization layer in a file, recognized by its tensors: a scale and a shift of one number per channel (γ, β),
/// running statistics, and the number of batches that they have seen.
/// </summary>
/// <param name="Name">The name of the layer.</param>
/// <param name="Kind">What kind of norm has these tensors.</param>
/// <param name="Channels">The number of channels.</param>
/// <param name="Scale">γ; null if it has none.</param>
/// <param name="Shift">β; null if it has none.</param>
/// <param name="Mean">The running mean; null if it has none.</param>
/// <param name="Variance">The running variance; null if it has none.</param>
/// <param name="Batches">The number of batches in the running statistics; null if the file has none.</param>
internal sealed record NormTensors(string Name, string Kind, int Channels, Spread? Scale, Spread? Shift, Spread? Mean,
    Spread? Variance, long? Batches)
{
    /// <summary>The norms among the layers of a file.</summary>
    public static IReadOnlyList<NormTensors> Of(TensorArchive archive, IReadOnlyList<LayerTensors> layers) =>
        [.. layers.Select(layer => Read(archive, layer)).OfType<NormTensors>()];

    /// <summary>The norm that a layer is; null for anything else, or if its tensors do not fit together.</summary>
    private static NormTensors? Read(TensorArchive archive, LayerTensors layer)
    {
        NormParts? norm = NormParts.Of(layer, key => archive.DimensionsOf(key) is var sizes
            && sizes.Count(static size => size != 1) <= 1 && archive.TryGetTensor(key, out Tensor? value)
            && value.DType.IsFloatingPoint() ? sizes : null);
        if (norm is not { Misfit: null }) return null;
        return new NormTensors(layer.Name, norm.Kind, norm.Channels, SpreadOf(norm.Scale), SpreadOf(norm.Shift),
            SpreadOf(norm.Mean), SpreadOf(norm.Variance), norm.Batches is { } key ? BatchesIn(archive, key) : null);

        Spread? SpreadOf(string? name) => name is null ? null : Spread.Of(archive.Tensor(name));
    }

    private static long? BatchesIn(TensorArchive archive, string key) =>
        archive.TryGetTensor(key, out Tensor? count) && count is { Count: 1, DType: DType.Int64 }
            ? count.AsSpan<long>()[0]
            : null;
}
