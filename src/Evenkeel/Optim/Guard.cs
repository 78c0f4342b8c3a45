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
}
