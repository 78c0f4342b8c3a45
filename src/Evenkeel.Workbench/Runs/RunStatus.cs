namespace Evenkeel.Workbench.Runs;

/// <summary>How a run stands.</summary>
internal enum RunStatus
{
    /// <summary>A process trains it. If none does, the process was killed.</summary>
    Running,

    /// <summary>All epochs are done.</summary>
    Completed,

    /// <summary>Stopped before the last epoch by a rule, for example for lack of progress.</summary>
    Stopped,

    /// <summary>Ctrl-C, or the system ended it.</summary>
    Interrupted,

    /// <summary>The loss or a gradient became NaN or infinite.</summary>
    Diverged,

    /// <summary>An error ended it.</summary>
    Failed,

    /// <summary>Nobody trains it, and nobody said that it was over: the process was killed.</summary>
    Killed,
}
