using System.Globalization;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>Times, cells and settings in words, the same on the page and at the terminal.</summary>
internal static class ResultText
{
    /// <summary><c>12 ms</c>, <c>1.23 s</c>, <c>2 min 5 s</c>.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        < 0.1 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:F0} ms"),
        < 60 => string.Create(CultureInfo.InvariantCulture, $"{seconds:F2} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)seconds / 60} min {(int)seconds % 60} s"),
    };

    /// <summary>A number or text of a table's cell.</summary>
    public static string Cell(object? value, string? format) => value switch
    {
        null => "",
        double number when double.IsNaN(number) => "NaN",
        double number when double.IsInfinity(number) => number > 0 ? "Infinity" : "-Infinity",
        // A count prints as a count also if it has been in a file, where 1234567 and 1234567.0 are one number.
        double number when format is null && number == Math.Round(number) && Math.Abs(number) < 1e15 =>
            number.ToString("F0", CultureInfo.InvariantCulture),
        double number => number.ToString(format ?? "G6", CultureInfo.InvariantCulture),
        // As it prints when it has been in a file.
        int number => Cell((double)number, format),
        _ => value.ToString() ?? "",
    };

    /// <summary>Settings without the seed: <c>2 threads, float32, 10 epochs, quick</c>.</summary>
    public static string Describe(ExperimentSettings settings)
    {
        string threads = settings.Threads == 1 ? "1 thread" : $"{settings.Threads} threads";
        string epochs = settings.Epochs is { } n ? n == 1 ? ", 1 epoch" : $", {n} epochs" : "";
        return $"{threads}, {settings.DType.ToString().ToLowerInvariant()}{epochs}{(settings.Quick ? ", quick" : "")}";
    }
}
