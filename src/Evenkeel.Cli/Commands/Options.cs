using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Cli.Commands;

/// <summary>The options that several commands share, each checked with an error that says what was expected.</summary>
internal static class Options
{
    public static Option<string?> Data() => new("--data")
    {
        Description = "folder with image sets (cifar-10-binary.tar.gz, fashion-mnist, rmb); " +
            $"default: {LabData.Variable}, then the embedded images",
        HelpName = "DIR",
    };

    public static Option<string> Out() => new("--out")
    {
        Description = "folder for the results, one NAME.json per experiment",
        HelpName = "DIR",
        DefaultValueFactory = _ => "out",
    };

    public static Option<bool> Quick() => new("--quick")
    {
        Description = "about a minute: fewer epochs, scales, samples and seeds; " +
            "a claim that needs the full run says so",
    };

    public static Option<bool> SkipBad() => new("--skip-bad")
    {
        Description = "skip pictures that cannot be opened or decoded, and count them",
    };

    public static Option<bool> Json() => new("--json")
    {
        Description = "print JSON, one object per line, instead of tables",
    };

    public static Option<long?> Seed() => Number("--seed", 0, uint.MaxValue,
        "seed of all random numbers of a run (default: the lesson's)");

    public static Option<long?> Threads() => Number("--threads", 1, 1024, "threads that compute (default: the number " +
        "of processors); the results do not depend on it");

    public static Option<long?> Epochs() => Number("--epochs", 1, 1_000_000,
        "epochs of each training (default: the lesson's)");

    public static Option<DType?> ElementType() => new("--dtype")
    {
        Description = "element type (default: the lesson's)",
        HelpName = "float32|float64",
        CustomParser = result => result.Tokens[0].Value.ToLowerInvariant() switch
        {
            "float32" => DType.Float32,
            "float64" => DType.Float64,
            _ => Refuse<DType?>(result, $"--dtype: expected float32 or float64, got {result.Tokens[0].Value}."),
        },
    };

    /// <summary>Sets the number of threads of this process.</summary>
    public static int UseThreads(long? threads)
    {
        if (threads is { } number) Compute.Threads = (int)number;
        return Compute.Threads;
    }

    /// <summary>Says once, on standard error, that this processor will take long; the results are the same.</summary>
    public static void WarnOfSlowHardware()
    {
        if (!Compute.HasFusedMultiplyAdd)
            Console.Error.WriteLine("note: this processor has no fused multiply-add (or it is switched off): results " +
                "are the same, but everything takes many times longer.");
    }

    public static Option<long?> Number(string name, long least, long most, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
            long.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out long value) && value >= least && value <= most
                ? value
                : Refuse<long?>(result, $"{name}: expected a whole number from {least} to {most}, " +
                    $"got {result.Tokens[0].Value}."),
    };

    public static T? Refuse<T>(ArgumentResult result, string error)
    {
        result.AddError(error);
        return default;
    }
}
