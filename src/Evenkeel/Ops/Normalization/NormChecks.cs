namespace Evenkeel;

/// <summary>
/// The checks that normalization ops and layers share; every text names the true cause and the remedy.
/// </summary>
internal static class NormChecks
{
    public static void Eps(string op, double eps)
    {
        if (!(eps >= 0) || double.IsPositiveInfinity(eps))
        {
            throw new ArgumentOutOfRangeException(nameof(eps), $"{op}: expected a finite eps of 0 or more, got {eps}. "
                + $"The usual value is 1e-5; with 0 a constant channel gives beta.");
        }
    }

    public static void Features(string layer, int features)
    {
        if (features <= 0)
        {
            throw new ArgumentOutOfRangeException(nameof(features), $"{layer}: expected at least one feature, "
                + $"got {features}. Pass the number of channels C of inputs (N, C, ...).");
        }
    }

    /// <summary>An input (N, C) or (N, C, ...).</summary>
    public static void Batch(string op, Tensor x)
    {
        if (x.Shape.Rank < 2)
        {
            throw new ArgumentException($"{op}: expected a batch (N, C) or (N, C, ...), got shape {x.Shape}. "
                + $"Add the missing dimensions with Reshape.", nameof(x));
        }
    }

    /// <summary>What a norm over a batch has one value per channel of.</summary>
    public static void PerChannel(string op, Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running = null)
    {
        int channels = x.Shape[1];
        PerChannel(op, "gamma (weight)", gamma, x, channels);
        PerChannel(op, "beta (bias)", beta, x, channels);
        PerChannel(op, "running_mean", running?.Mean.Value, x, channels);
        PerChannel(op, "running_var", running?.Variance.Value, x, channels);
    }

    private static void PerChannel(string op, string what, Tensor? values, Tensor x, int channels)
    {
        if (values is null) return;
        if (values.Shape.Rank != 1 || values.Count != channels)
        {
            throw new ArgumentException($"{op}: expected {what} of shape ({channels}) for an input of shape {x.Shape}, "
                + $"whose channels are dimension 1, got {values.Shape}. "
                + $"Create the layer with {channels} features or fix the layer before it.", nameof(values));
        }

        if (values.DType != x.DType)
        {
            throw new ArgumentException($"{op}: expected {what} of the input's type {x.DType}, got {values.DType}. "
                + $"Convert the model with model.To(DType.{x.DType}) or the input with To(DType.{values.DType}).",
                nameof(values));
        }
    }

    /// <summary>An empty batch is fine: its result is empty too.</summary>
    public static void MoreThanOneValue(string op, Tensor x, int channels, bool training)
    {
        if (channels == 0 || x.Count != channels) return;
        string why = training
            ? "the statistics of the batch are needed in training mode"
            : "the layer keeps no running statistics (trackRunningStats: false), "
                + "so it needs the batch's own in every mode";
        throw new ArgumentException($"{op}: expected more than one value per channel, got shape {x.Shape} "
            + $"with exactly one; {why}, and one value has no spread (the output would be beta whatever the input). "
            + $"Use a larger batch, drop or merge a last batch of one sample, "
            + $"{(training ? "run in Mode.Eval, freeze the layer" : "track running statistics")}, or use LayerNorm.",
            nameof(x));
    }

    /// <summary>
    /// A mask of zeros and ones, one for each position; with enough ones if it is the statistics of this
    /// batch alone that they are for.
    /// </summary>
    public static void Mask(string op, Tensor x, Tensor mask, bool alone, SingleValue singleValue)
    {
        Shape expected = x.Shape.With(1, 1);
        if (mask.Shape != expected)
        {
            throw new ArgumentException(
                $"{op}: expected a mask of shape {expected} for an input of shape {x.Shape}, got {mask.Shape}.",
                nameof(mask));
        }

        int ones = PositionMask.CountOnes(op, mask);
        if (!alone || x.Count == 0) return;
        if (ones == 0)
        {
            throw new ArgumentException($"{op}: expected a mask with at least one 1, got none of {mask.Count}; "
                + $"there is nothing to take statistics of. Drop the batch.", nameof(mask));
        }

        if (ones == 1 && singleValue == SingleValue.Error)
        {
            throw new ArgumentException($"{op}: expected more than one value per channel under the mask, "
                + $"got exactly one; one value has no spread (the output would be beta whatever the input). "
                + $"Use a larger batch, run in Mode.Eval, or take a convention that allows it.", nameof(mask));
        }
    }

    /// <summary>A position counts in one of the masks of a pooled batch.</summary>
    public static void NothingUnderMasks(string op, Tensor x, int members)
    {
        if (x.Count == 0) return;
        throw new ArgumentException($"{op}: expected at least one 1 in the masks of all {members} members together, "
            + $"got none (here an input of shape {x.Shape}); there is nothing to take statistics of. Drop the batch.",
            nameof(x));
    }

    /// <summary>
    /// A group norm's input: (N, C, ...) whose channels the groups divide, with more than one value per group.
    /// </summary>
    public static void Groups(string op, Tensor x, int groups, Tensor? gamma, Tensor? beta, double eps)
    {
        Eps(op, eps);
        if (groups <= 0)
            throw new ArgumentOutOfRangeException(nameof(groups), $"{op}: expected at least one group, got {groups}.");
        Batch(op, x);
        int channels = x.Shape[1];
        if (channels % groups != 0)
        {
            throw new ArgumentException(
                $"{op}: expected a number of channels that is a multiple of the {groups} groups, "
                + $"got shape {x.Shape} with {channels}, dimension 1. Use a number of groups that divides {channels}.",
                nameof(groups));
        }

        PerChannel(op, x, gamma, beta);
        if (x.Count > 0 && x.Count / x.Shape[0] == groups)
        {
            throw new ArgumentException($"{op}: expected more than one value per group, got shape {x.Shape} in "
                + $"{groups} groups with exactly one; one value has no spread (the output would be beta whatever the "
                + $"input). Use fewer groups, at most {Math.Max(1, channels / 2)} here, or more channels.", nameof(x));
        }
    }

    /// <summary>
    /// An instance norm's input: (N, C, ...) with spatial dimensions, of more than one value together where the
    /// instances' statistics are needed.
    /// </summary>
    public static void Instances(
        string op, Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps, bool fromInstances)
    {
        Eps(op, eps);
        if (x.Shape.Rank < 2)
        {
            throw new ArgumentException($"{op}: expected a batch (N, C, ...) with spatial dimensions, "
                + $"got shape {x.Shape}. Add the missing dimensions with Reshape.", nameof(x));
        }

        int channels = x.Shape[1];
        PerChannel(op, x, gamma, beta, running);
        if (!fromInstances || x.Count == 0 || x.Count > x.Shape[0] * channels) return;
        string why = running is not null
            ? "the statistics of each instance are needed in training mode"
            : "no running statistics are kept (trackRunningStats: false), "
                + "so each instance's own are needed in every mode";
        throw new ArgumentException($"{op}: expected more than one spatial value, got shape {x.Shape} "
            + $"with exactly one; {why}, and one value has no spread (the output would be beta whatever the input). "
            + $"Use a larger input or fewer poolings before it, or a norm over channels (GroupNorm, LayerNorm).",
            nameof(x));
    }

    public static void VirtualBatchSize(string op, int size)
    {
        if (size < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), $"{op}: expected a virtual batch size of 1 or more samples, got {size}.");
        }
    }

    /// <summary>No virtual batch, of which the last one takes what is left, has one value per channel.</summary>
    public static void VirtualBatches(Tensor x, int channels, int size)
    {
        int samples = x.Shape[0], spatial = samples == 0 || channels == 0 ? 0 : x.Count / channels / samples;
        if (spatial != 1 || (size > 1 && samples % size != 1)) return;
        string which = size == 1
            ? "of one sample each"
            : $"of {size} samples, the last of them with the one that is left";
        throw new ArgumentException($"GhostBatchNorm: expected more than one value per channel in every virtual batch, "
            + $"got shape {x.Shape} in virtual batches {which}; one value has no spread (the output would be beta "
            + $"whatever the input). Use batches whose last virtual batch is larger (drop or merge the last samples), "
            + $"or another virtual batch size.", nameof(x));
    }

    /// <summary>The whole group of a pooled batch has more than one value per channel.</summary>
    public static void MoreThanOneValueInGroup(string op, Tensor x, double count, int members)
    {
        if (count != 1) return;
        throw new ArgumentException(
            $"{op}: expected more than one value per channel in the batches of all {members} members together, "
            + $"got {count} (here a batch of shape {x.Shape}). Give the members more samples, or run in Mode.Eval.",
            nameof(x));
    }

    /// <summary>Sizes of the parts of a batch.</summary>
    public static void Parts(string op, Tensor x, ReadOnlySpan<int> parts)
    {
        if (parts.IsEmpty) return;
        long sum = 0;
        foreach (int samples in parts)
        {
            if (samples < 0)
            {
                throw new ArgumentException(
                    $"{op}: expected parts of 0 or more samples, got {samples}.", nameof(parts));
            }

            sum += samples;
        }

        if (sum != x.Shape[0])
        {
            throw new ArgumentException(
                $"{op}: expected parts that are the batch of {x.Shape[0]} samples together, got {sum}.", nameof(parts));
        }
    }

    public static void TrailingShape(string op, Shape normalized, Tensor x)
    {
        if (normalized.Rank == 0 || normalized.Count == 0)
        {
            throw new ArgumentException(
                $"{op}: expected a normalized shape of one or more dimensions without zeros, got {normalized}.",
                nameof(normalized));
        }

        bool matches = normalized.Rank <= x.Shape.Rank;
        for (int i = 1; matches && i <= normalized.Rank; i++) matches = normalized[-i] == x.Shape[-i];
        if (!matches)
        {
            throw new ArgumentException($"{op}: expected an input whose last dimensions are {normalized}, "
                + $"got shape {x.Shape}. The normalized shape must be exactly the trailing dimensions of the input.",
                nameof(x));
        }
    }

    public static void OfShape(string op, string what, Tensor? values, Tensor x, Shape shape)
    {
        if (values is null) return;
        if (values.Shape != shape)
            throw new ArgumentException($"{op}: expected {what} of shape {shape}, got {values.Shape}.", nameof(values));
        if (values.DType != x.DType)
        {
            throw new ArgumentException($"{op}: expected {what} of the input's type {x.DType}, got {values.DType}. "
                + $"Convert the model with model.To(DType.{x.DType}) or the input with To(DType.{values.DType}).",
                nameof(values));
        }
    }
}
