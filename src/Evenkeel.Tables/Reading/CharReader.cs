namespace Evenkeel.Tables;

/// <summary>Reads letters of a buffer.</summary>
internal sealed class CharReader(ReadOnlyMemory<char> text) : TextReader
{
    private ReadOnlyMemory<char> _rest = text;

    public override int Read(Span<char> buffer)
    {
        int count = Math.Min(buffer.Length, _rest.Length);
        _rest.Span[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read()
    {
        char letter = '\0';
        return Read(new Span<char>(ref letter)) == 0 ? -1 : letter;
    }

    public override int Peek() => _rest.IsEmpty ? -1 : _rest.Span[0];
}
