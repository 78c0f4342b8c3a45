namespace Evenkeel.Serialization;

/// <summary>A stream that is read once, from front to back, and the checksum of what has been read.</summary>
/// <param name="inner">Where the bytes come from; it is closed with this stream.</param>
internal sealed class Crc32Stream(Stream inner) : Stream
{
    /// <summary>The bytes of one step. They are still in the cache when their checksum is taken.</summary>
    private const int MaxStep = 1 << 17;

    /// <summary>The checksum of all bytes that have been read.</summary>
    public uint Crc { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer[..Math.Min(buffer.Length, MaxStep)]);
        Crc = Crc32.Append(Crc, buffer[..read]);
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
