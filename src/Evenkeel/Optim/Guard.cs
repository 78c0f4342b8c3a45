namespace Evenkeel.Optim;

/// <summary>Checks hyperparameters. Errors name the owner, the argument, the expected range and the value.</summary>
internal static class Guard
{
    public static double NotNegative(double value, string owner, string argument) =>
        value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(
                argument, $"{owner}: expected {argument} to be 0 or more and finite, got {value}.");

    public static double BelowOne(double value, string owner, string argument) => value is >= 0 and < 1
        ? value
        : throw new ArgumentOutOfRangeException(
            argument, $"{owner}: expected {argument} from 0 to below 1, got {value}.");

    public static double UpToOne(double value, string owner, string argument) => value is >= 0 and <= 1
        ? value
        : throw new ArgumentOutOfRangeException(
            argument, $"{owner}: expected {argument} from 0 to 1, got {value}.");

    /// <summary>A share that is divided by: above 0.</summary>
    public static double ShareAboveZero(double value, string owner, string argument) => value is > 0 and <= 1
        ? value
        : throw new ArgumentOutOfRangeException(
            argument, $"{owner}: expected {argument} above 0 and up to 1, got {value}.");

    public static double AboveZero(double value, string owner, string argument) =>
        value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(
                argument, $"{owner}: expected {argument} to be above 0 and finite, got {value}.");

    public static long AtLeast(long value, long least, string owner, string argument) => value >= least
        ? value
        : throw new ArgumentOutOfRangeException(
            argument, $"{owner}: expected {argument} of {least} or more, got {value}.");
}
