namespace Evenkeel.Nn;

/// <summary>The guards that <see cref="DynamicTanh"/> and <see cref="DynamicErf"/> share.</summary>
internal static class DynamicArguments
{
    /// <exception cref="ArgumentException">The shape is empty, or has more than the channels.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A start value is not finite.</exception>
    public static void Check(
        string layer, Shape normalizedShape, bool channelsLast, double alphaInitValue, double shiftInitValue = 0)
    {
        if (normalizedShape.Rank == 0 || (!channelsLast && normalizedShape.Rank != 1))
        {
            string wanted = channelsLast ? "the trailing dimensions" : "one dimension";
            throw new ArgumentException($"{layer}: expected {wanted} of the features, got shape "
                + $"{normalizedShape}. Pass for example [768], or [C] with channelsLast: false.",
                nameof(normalizedShape));
        }

        NormChecks.Features(layer, normalizedShape.Count);
        if (!double.IsFinite(alphaInitValue))
        {
            throw new ArgumentOutOfRangeException(nameof(alphaInitValue),
                $"{layer}: expected a finite alpha, got {alphaInitValue}. The usual value is 0.5.");
        }

        if (!double.IsFinite(shiftInitValue))
        {
            throw new ArgumentOutOfRangeException(nameof(shiftInitValue),
                $"{layer}: expected a finite shift, got {shiftInitValue}. The usual value is 0.");
        }
    }
}
