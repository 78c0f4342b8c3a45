using Evenkeel.Lab;
using Evenkeel.Workbench;

namespace Evenkeel.Cli.Commands;

/// <summary>What the process returns; scripts may rely on it.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>A training whose loss or gradients became NaN or infinite.</summary>
    public const int Diverged = 3;

    /// <summary>Tests that a command should run are missing or cannot be read.</summary>
    public const int Unreadable = 3;
    public const int Interrupted = 130;

    /// <summary>The code of a failure that the lab reports.</summary>
    public static int Of(LabException failure) => failure.IsUsage ? Usage : Failed;

    /// <summary>The code of a failure that the workbench reports.</summary>
    public static int Of(WorkbenchException failure) =>
        failure.IsUsage ? Usage : failure.IsUnreadable ? Unreadable : Failed;
}
