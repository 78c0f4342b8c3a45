namespace Evenkeel.Serialization;

/// <summary>
/// The memory that reading one file may take. A small file can claim a large content: packed zeros, or many views of
/// one storage. Each reader takes its bytes here before it allocates them.
/// </summary>
/// <param name="reader">What errors begin with, for example <c>PyTorchFile</c>.</param>
/// <param name="file">What errors call the file.</param>
/// <param name="most">The number of bytes that may be taken in all.</param>
/// <param name="remedy">How a user can allow more, in a whole sentence; empty if there is no way.</param>
internal sealed class ReadBudget(string reader, string file, long most, string remedy = "")
{
    private long _taken;

    /// <summary>Takes bytes.</summary>
    /// <param name="bytes">Their number; 0 or more.</param>
    /// <param name="what">What they are for, for example <c>the tensor "fc.weight"</c>.</param>
    /// <exception cref="InvalidDataException">The file claims more than it may have.</exception>
    public void Take(long bytes, string what)
    {
        if (bytes > most - _taken)
        {
            throw new InvalidDataException(
                $"{reader} \"{file}\": expected a content of at most {most} bytes, got more with {what} "
                + $"({bytes} bytes after {_taken}). The file is damaged, or was made to fill the memory."
                + (remedy.Length == 0 ? "" : $" {remedy}"));
        }

        _taken += bytes;
    }
}
