namespace Evenkeel.Mpi;

/// <summary>No MPI library could be loaded. The message says what was tried and how to install one.</summary>
public sealed class MpiNotFoundException : Exception
{
    internal MpiNotFoundException(string message, Exception? cause = null) : base(message, cause)
    {
    }
}
