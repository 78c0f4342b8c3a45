namespace Evenkeel.Lab.Commands;

/// <summary>What the process returns; scripts may rely on it.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
}

/// <summary>A failure whose message is all a user needs: printed in one line, without a stack trace.</summary>
internal sealed class LabException(string message, int exitCode = ExitCode.Failed, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>True where going on with something else makes no sense: results can not be stored.</summary>
    public bool EndsAll { get; init; }
}
