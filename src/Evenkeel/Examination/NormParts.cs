namespace Evenkeel.Examination;

/// <summary>
/// The parts of a normalization layer in a file, recognized by their names and shapes: a scale and a shift of one
/// number per channel (gamma, beta), running statistics, and the number of batches that they have seen.
/// </summary>
/// <param name="Kind">What kind of norm has these tensors, for people.</param>
/// <param name="Family">The statistics that it uses.</param>
/// <param name="Channels">The number of channels.</param>
public sealed record NormParts(string Kind, NormFamily Family, int Channels)
{
    /// <summary>What the libraries call the parts: PyTorch, Keras and TensorFlow, Flax, Paddle, D2L.</summary>
    private static readonly string[] s_scale = ["weight", "gamma", "scale"], s_shift = ["bias", "beta"],
        s_mean = ["running_mean", "moving_mean", "mean", "_mean"],
        s_variance = ["running_var", "moving_variance", "moving_var", "var", "_variance"],
        s_batches = ["num_batches_tracked"];

    /// <summary>The name of gamma; null if there is none.</summary>
    public string? Scale { get; private init; }

    /// <summary>The name of beta; null if there is none.</summary>
    public string? Shift { get; private init; }

    /// <summary>The name of the running mean; null if there is none.</summary>
    public string? Mean { get; private init; }

    /// <summary>The name of the running variance; null if there is none.</summary>
    public string? Variance { get; private init; }

    /// <summary>The name of the number of batches; null if there is none.</summary>
    public string? Batches { get; private init; }

    /// <summary>What does not fit together, for people; null if everything fits.</summary>
    public string? Misfit { get; private init; }

    /// <summary>Whether the names are those of Keras, whose norms have another eps and momentum.</summary>
    internal bool HasKerasNames => Variance?.EndsWith("moving_variance", StringComparison.Ordinal) == true;

    /// <summary>The norm that a layer is; null if it is something else.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="sizeOf">The dimensions of a tensor by its name; null if it does not hold floating-point numbers.
    /// </param>
    public static NormParts? Of(LayerTensors layer, Func<string, IReadOnlyList<long>?> sizeOf)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(sizeOf);
        (string? scale, string? shift) = (Part(s_scale), Part(s_shift));
        (string? mean, string? variance, string? batches) = (Part(s_mean), Part(s_variance), Part(s_batches));
        bool isTracked = mean is not null && variance is not null;
        int known = new[] { scale, shift, mean, variance, batches }.Count(static part => part is not null);
        if (known != layer.Parts.Count || (!isTracked && scale is null)) return null;
        string[] vectors = [.. new[] { mean, variance, scale, shift }.OfType<string>()];
        long?[] lengths = [.. vectors.Select(part => LengthOf(sizeOf(layer.KeyOf(part)), isTracked))];
        if (lengths.Any(static length => length is null or 0 or > int.MaxValue)) return null;
        // A gamma or a beta of one number serves all channels of a norm with statistics.
        long channels = lengths[0]!.Value;
        bool fits = lengths.Select((length, i) => length == channels || (isTracked && i >= 2 && length == 1))
            .All(static one => one);
        if (!fits && !isTracked) return null;
        // Without statistics, a bias of the same length tells a norm from other layers with a vector (PReLU).
        (string Kind, NormFamily Family)? kind = isTracked ? ("batch norm", NormFamily.Batch)
            : shift is not null ? ("layer or group norm", NormFamily.Other)
            : SoundsLikeNorm(layer.Name) ? ("RMS norm", NormFamily.Rms) : null;
        return kind is not { } found ? null : new NormParts(found.Kind, found.Family, (int)channels)
        {
            Scale = KeyOf(scale),
            Shift = KeyOf(shift),
            Mean = KeyOf(mean),
            Variance = KeyOf(variance),
            Batches = KeyOf(batches),
            Misfit = fits ? null : "expected as many values as channels, got "
                + string.Join(", ", vectors.Select((part, i) => $"{lengths[i]} in {part}")),
        };

        string? Part(string[] names) => names.FirstOrDefault(layer.Parts.Contains);

        string? KeyOf(string? part) => part is null ? null : layer.KeyOf(part);
    }

    /// <summary>The number of values of a vector; null if it has more dimensions.</summary>
    private static long? LengthOf(IReadOnlyList<long>? sizes, bool isTracked)
    {
        if (sizes is null) return null;
        if (sizes.Count == 1) return sizes[0];
        // (1, C, 1, 1), as broadcasting needs it.
        return isTracked && sizes.Count(static size => size != 1) <= 1
            ? sizes.Aggregate(1L, static (all, size) => all * size)
            : null;
    }

    private static bool SoundsLikeNorm(string name) =>
        name.Contains("norm", StringComparison.OrdinalIgnoreCase)
        || name.Split('.', '_').Any(static word => word.ToLowerInvariant() is "ln" or "ln1" or "ln2");
}
