using System.Globalization;
using System.Text;

namespace System.Runtime.CompilerServices;

/// <summary>
/// What the compiler makes every <c>$"..."</c> of in this assembly: numbers and dates are written in the
/// invariant culture, whatever the culture of the thread. A type of the compilation stands before the
/// framework's of the same name.
/// </summary>
/// <remarks>
/// Errors, reports and files read the same everywhere, so no line has to say so by itself. Other ways to
/// a text (<c>ToString</c>, <c>Parse</c>, <c>StringBuilder.Append</c>) name their culture; the analyzers
/// make sure of it (CA1305).
/// </remarks>
[InterpolatedStringHandler]
internal ref struct DefaultInterpolatedStringHandler
{
    /// <summary>Characters that a hole takes, as a guess: the framework's own.</summary>
    private const int HoleLength = 11;

    private readonly StringBuilder _text;
    private StringBuilder.AppendInterpolatedStringHandler _handler;

    public DefaultInterpolatedStringHandler(int literalLength, int formattedCount)
    {
        _text = new StringBuilder(literalLength + (formattedCount * HoleLength));
        _handler = new StringBuilder.AppendInterpolatedStringHandler(
            literalLength, formattedCount, _text, CultureInfo.InvariantCulture);
    }

    public void AppendLiteral(string value) => _handler.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _handler.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _handler.AppendFormatted(value, format);

    public void AppendFormatted<T>(T value, int alignment) => _handler.AppendFormatted(value, alignment);

    public void AppendFormatted<T>(T value, int alignment, string? format) =>
        _handler.AppendFormatted(value, alignment, format);

    public void AppendFormatted(ReadOnlySpan<char> value) => _handler.AppendFormatted(value);

    public void AppendFormatted(ReadOnlySpan<char> value, int alignment = 0, string? format = null) =>
        _handler.AppendFormatted(value, alignment, format);

    public void AppendFormatted(string? value) => _handler.AppendFormatted(value);

    public readonly string ToStringAndClear() => _text.ToString();
}
