using System.IO.Compression;

namespace Evenkeel.Data;

/// <summary>
/// Unpacks gzip or zlib, and notices a missing end. The platform's readers take the end of the file as the end of the
/// data, so they accept a file that is cut inside its checksum. Here, bytes that no packed data ends with (FF) follow
/// the file. After complete data they are ignored; otherwise they make the checksum wrong.
/// </summary>
/// <remarks>The end is verified when it is reached. The caller must read until nothing comes.</remarks>
internal sealed class PackedStream : Stream
{
    private readonly Source _source;
    private readonly Stream _unpacked;

    private PackedStream(Source source, Stream unpacked) => (_source, _unpacked) = (source, unpacked);

    /// <summary>Whether the platform found the packed data or its checksum wrong.</summary>
    public bool IsDamaged { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Unpacks gzip: one or several members, each with its CRC-32 and its length.</summary>
    public static PackedStream Gzip(Stream file)
    {
        var source = new Source(file);
        return new PackedStream(source, new GZipStream(source, CompressionMode.Decompress));
    }

    /// <summary>Unpacks zlib, with its Adler-32.</summary>
    public static PackedStream ZLib(Stream file)
    {
        var source = new Source(file);
        return new PackedStream(source, new ZLibStream(source, CompressionMode.Decompress));
    }

    /// <summary>Unpacks some bytes.</summary>
    /// <exception cref="InvalidDataException">The packed data is truncated or damaged.</exception>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            return _unpacked.Read(buffer);
        }
        catch (Exception failure) when (!_source.HasFailed)
        {
            IsDamaged = true;
            // The platform reports "an unsupported compression method" for every fault.
            string wrong = _source.IsPastEnd ? "ends too early: truncated" : "or its checksum is wrong: damaged";
            throw new InvalidDataException($"the packed data {wrong}", failure);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int ReadByte()
    {
        byte value = 0;
        return Read(new Span<byte>(ref value)) == 1 ? value : -1;
    }

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _unpacked.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The file, then eight bytes FF (as many as gzip's checksum and length), then an error.</summary>
    private sealed class Source(Stream file) : Stream
    {
        public bool IsPastEnd { get; private set; }

        /// <summary>Whether the file itself could not be read.</summary>
        public bool HasFailed { get; private set; }

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
            int got;
            try
            {
                got = file.Read(buffer);
            }
            catch
            {
                HasFailed = true;
                throw;
            }

            if (got > 0 || buffer.IsEmpty) return got;
            if (IsPastEnd) throw new InvalidDataException("still more was asked for");
            IsPastEnd = true;
            got = Math.Min(8, buffer.Length);
            buffer[..got].Fill(0xFF);
            return got;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
