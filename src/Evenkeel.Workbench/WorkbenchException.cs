namespace Evenkeel.Workbench;

/// <summary>A failure whose message is all that a user needs: it is printed without a stack trace.</summary>
/// <param name="message">What was expected, what came, and what to do.</param>
/// <param name="inner">The cause; null if there is none.</param>
internal sealed class WorkbenchException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the request is at fault: the same request fails again.</summary>
    public bool IsUsage { get; init; }

    /// <summary>Whether there is nothing to work on: a command that judges many things tells it from a bad verdict.
    /// </summary>
    public bool IsUnreadable { get; init; }

    /// <summary>A request at fault.</summary>
    /// <param name="message">What was expected, what came, and what to do.</param>
    public static WorkbenchException Usage(string message) => new(message) { IsUsage = true };
}
