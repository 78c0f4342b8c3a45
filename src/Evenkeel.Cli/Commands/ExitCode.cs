using Evenkeel.Lab;

namespace Evenkeel.Cli.Commands;

/// <summary>What the process returns; scripts may rely on it.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;

    /// <summary>The code of a failure that the lab reports.</summary>
    public static int Of(LabException failure) => failure.IsUsage ? Usage : Failed;
}
