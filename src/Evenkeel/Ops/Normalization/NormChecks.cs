namespace Evenkeel;

/// <summary>The checks that normalization ops and layers share; every text names the true cause and the remedy.</summary>
internal static class NormChecks
{
    public static void Eps(string op, double eps)
    {
        if (!(eps >= 0) || double.IsPositiveInfinity(eps))
            throw new ArgumentOutOfRangeException(nameof(eps), $"{op}: expected a finite eps of 0 or more, got {eps}. The usual value is 1e-5; with 0 a constant channel gives beta.");
    }

    public static void Features(string layer, int features)
    {
        if (features <= 0)
            throw new ArgumentOutOfRangeException(nameof(features), $"{layer}: expected at least one feature, got {features}. Pass the number of channels C of inputs (N, C, ...).");
    }

    public static void PerChannel(string op, string what, Tensor? values, Tensor x, int channels)
    {
        if (values is null) return;
        if (values.Shape.Rank != 1 || values.Count != channels)
            throw new ArgumentException($"{op}: expected {what} of shape ({channels}) for an input of shape {x.Shape}, whose channels are dimension 1, got {values.Shape}. Create the layer with {channels} features or fix the layer before it.");
        if (values.DType != x.DType)
            throw new ArgumentException($"{op}: expected {what} of the input's type {x.DType}, got {values.DType}. Convert the model with model.To(DType.{x.DType}) or the input with To(DType.{values.DType}).");
    }

    /// <summary>An empty batch is fine: its result is empty too.</summary>
    public static void MoreThanOneValue(Tensor x, int channels, bool training)
    {
        if (channels == 0 || x.Count != channels) return;
        string why = training
            ? "the statistics of the batch are needed in training mode"
            : "the layer keeps no running statistics (trackRunningStats: false), so it needs the batch's own in every mode";
        throw new ArgumentException($"BatchNorm: expected more than one value per channel, got shape {x.Shape} with exactly one; {why}, and one value has no spread (the output would be beta whatever the input). Use a larger batch, drop or merge a last batch of one sample, {(training ? "run in Mode.Eval, freeze the layer" : "track running statistics")}, or use LayerNorm.");
    }

    public static void TrailingShape(string op, Shape normalized, Tensor x)
    {
        if (normalized.Rank == 0 || normalized.Count == 0)
            throw new ArgumentException($"{op}: expected a normalized shape of one or more dimensions without zeros, got {normalized}.");
        bool matches = normalized.Rank <= x.Shape.Rank;
        for (int i = 1; matches && i <= normalized.Rank; i++) matches = normalized[-i] == x.Shape[-i];
        if (!matches)
            throw new ArgumentException($"{op}: expected an input whose last dimensions are {normalized}, got shape {x.Shape}. The normalized shape must be exactly the trailing dimensions of the input.");
    }

    public static void OfShape(string op, string what, Tensor? values, Tensor x, Shape shape)
    {
        if (values is null) return;
        if (values.Shape != shape)
            throw new ArgumentException($"{op}: expected {what} of shape {shape}, got {values.Shape}.");
        if (values.DType != x.DType)
            throw new ArgumentException($"{op}: expected {what} of the input's type {x.DType}, got {values.DType}. Convert the model with model.To(DType.{x.DType}) or the input with To(DType.{values.DType}).");
    }
}
