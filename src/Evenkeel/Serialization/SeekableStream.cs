namespace Evenkeel.Serialization;

/// <summary>What all readers do with a stream whose length they check before they read it.</summary>
internal static class SeekableStream
{
    /// <summary>Refuses a stream that cannot seek.</summary>
    /// <param name="reader">What the error begins with, for example <c>SafeTensors</c>.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="ArgumentException">It cannot seek.</exception>
    public static void Check(string reader, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.CanSeek) return;
        throw new ArgumentException(
            $"{reader}: expected a stream that can seek (its length is checked first). Copy it into a MemoryStream.",
            nameof(stream));
    }

    /// <summary>The error of a file that ends before the length that it had at first.</summary>
    /// <param name="reader">What the error begins with.</param>
    /// <param name="file">What errors call the file.</param>
    /// <param name="cause">The end that was found.</param>
    public static InvalidDataException Shortened(string reader, string file, EndOfStreamException cause) =>
        new($"{reader} \"{file}\": expected a file that stays as it is, it became shorter while it was read. "
            + "Read it again when its writer is done.", cause);
}
