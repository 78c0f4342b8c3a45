using System.Globalization;

namespace Evenkeel.Workbench.Settings;

/// <summary>
/// What a user says of the pictures that a network of somebody else takes: their size, what is done to their values,
/// and the classes of the answers.
/// </summary>
/// <param name="Size">Height and width; null if they were not given.</param>
/// <param name="Mean">What is subtracted from values from 0 to 1, per channel or one for all; null if not given.
/// </param>
/// <param name="Deviation">What is divided by then; null if not given.</param>
/// <param name="Classes">A file with the name of a class per line; null if not given.</param>
internal sealed record PictureChoice(
    (int Height, int Width)? Size, float[]? Mean, float[]? Deviation, string? Classes)
{
    public static PictureChoice None { get; } = new(null, null, null, null);

    /// <summary>Reads the options of a command.</summary>
    /// <param name="size">As 224x224, or one number for both sides.</param>
    /// <param name="mean">As 0.485,0.456,0.406.</param>
    /// <param name="deviation">As 0.229,0.224,0.225.</param>
    /// <param name="classes">A file.</param>
    /// <exception cref="WorkbenchException">One of them is something else, or mean and deviation are not both given.
    /// </exception>
    public static PictureChoice Parse(string? size, string? mean, string? deviation, string? classes)
    {
        if ((mean is null) != (deviation is null))
        {
            throw WorkbenchException.Usage($"expected --mean and --std together, got only "
                + $"{(mean is null ? "--std" : "--mean")}. --mean 0 --std 1 leaves values from 0 to 1 as they are.");
        }

        float[]? divisors = Numbers("--std", deviation);
        return divisors is null || divisors.All(static value => value > 0)
            ? new PictureChoice(size is null ? null : SizeOf(size), Numbers("--mean", mean), divisors, classes)
            : throw WorkbenchException.Usage($"--std: expected numbers above 0, got {deviation}.");
    }

    private static (int Height, int Width) SizeOf(string text)
    {
        int[] sides = [.. text.Split('x').Select(static side =>
            int.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out int pixels) ? pixels : 0)];
        return sides.Length <= 2 && sides.All(static side => side is > 0 and <= 4096)
            ? (sides[0], sides[^1])
            : throw WorkbenchException.Usage(
                $"--size: expected a height and a width from 1 to 4096, as 224x224, got {text}.");
    }

    private static float[]? Numbers(string option, string? text)
    {
        if (text is null) return null;
        float[] numbers = [.. text.Split(',').Select(static word => float.TryParse(
            word, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN)];
        return numbers.All(float.IsFinite) && numbers.Length is 1 or 3
            ? numbers
            : throw WorkbenchException.Usage(
                $"{option}: expected a number, or one per channel as 0.485,0.456,0.406, got {text}.");
    }
}
