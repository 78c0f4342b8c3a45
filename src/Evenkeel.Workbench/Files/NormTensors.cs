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
    /// <summary>What the libraries call the parts: PyTorch, and Keras and TensorFlow.</summary>
    private static readonly string[] s_scale = ["weight", "gamma"], s_shift = ["bias", "beta"],
        s_mean = ["running_mean", "moving_mean"], s_variance = ["running_var", "moving_variance"],
        s_batches = ["num_batches_tracked"];

    /// <summary>The norms among the layers of a file.</summary>
    public static IReadOnlyList<NormTensors> Of(TensorArchive archive, IReadOnlyList<LayerTensors> layers) =>
        [.. layers.Select(layer => Read(archive, layer)).OfType<NormTensors>()];

    /// <summary>The norm that a layer is; null if it is something else.</summary>
    private static NormTensors? Read(TensorArchive archive, LayerTensors layer)
    {
        (string? scale, string? shift) = (Part(s_scale), Part(s_shift));
        (string? mean, string? variance, string? batches) = (Part(s_mean), Part(s_variance), Part(s_batches));
        bool isTracked = mean is not null && variance is not null;
        int known = new[] { scale, shift, mean, variance, batches }.Count(static part => part is not null);
        if (known != layer.Parts.Count || (!isTracked && scale is null)) return null;
        string[] vectors = [.. new[] { scale, shift, mean, variance }.OfType<string>()];
        Tensor[] values = [.. vectors.Select(part => Vector(layer.KeyOf(part))).OfType<Tensor>()];
        if (values.Length != vectors.Length || values.Select(static value => value.Count).Distinct().Count() != 1)
            return null;
        // Without statistics, a bias of the same length tells a norm from other layers with a vector (PReLU).
        string? kind = isTracked ? "batch norm"
            : shift is not null ? "layer or group norm"
            : SoundsLikeNorm(layer.Name) ? "RMS norm" : null;
        if (kind is null) return null;
        return new NormTensors(layer.Name, kind, values[0].Count, SpreadOf(scale), SpreadOf(shift), SpreadOf(mean),
            SpreadOf(variance), batches is null ? null : BatchesIn(archive, layer.KeyOf(batches)));

        string? Part(string[] names) => names.FirstOrDefault(layer.Parts.Contains);

        Tensor? Vector(string key) => archive.DimensionsOf(key).Count == 1
            && archive.TryGetTensor(key, out Tensor? value) && value.DType.IsFloatingPoint() && value.Count > 0
            ? value : null;

        Spread? SpreadOf(string? part) => part is null ? null : Spread.Of(archive.Tensor(layer.KeyOf(part)));
    }

    private static long? BatchesIn(TensorArchive archive, string key) =>
        archive.TryGetTensor(key, out Tensor? count) && count is { Count: 1, DType: DType.Int64 }
            ? count.AsSpan<long>()[0]
            : null;

    private static bool SoundsLikeNorm(string name) =>
        name.Contains("norm", StringComparison.OrdinalIgnoreCase)
        || name.Split('.', '_').Any(static word => word.ToLowerInvariant() is "ln" or "ln1" or "ln2");
}
