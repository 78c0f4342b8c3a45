namespace Evenkeel.Mpi;

/// <summary>Settings of a <see cref="MpiCollective"/>.</summary>
public sealed class MpiOptions
{
    /// <summary>
    /// The longest that a process waits for the others in one operation. Then all end, with a message that names who is
    /// missing. It covers what a process does between two operations: an evaluation, a checkpoint. Default: 300 s.
    /// </summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>
    /// The file of the MPI library. Null takes that of the launcher that has started the process, or what is
    /// installed. The environment variable <c>EVENKEEL_MPI_LIBRARY</c> sets it as well. Default: null.
    /// </summary>
    public string? Library { get; init; }

    /// <summary>Receives the message that ends all processes. Default: the standard error stream.</summary>
    public TextWriter? Messages { get; init; }
}
