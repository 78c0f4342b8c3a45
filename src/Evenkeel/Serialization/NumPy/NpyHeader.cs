using System.Globalization;

namespace Evenkeel.Serialization;

/// <summary>
/// The dictionary in the header of an npy file, a literal of Python as NumPy's <c>ast.literal_eval</c> takes it: three
/// keys in any order, single or double quotes, spaces and line breaks between all parts, a comma after the last item,
/// and numbers with the L of Python 2.
/// </summary>
internal sealed class NpyHeader
{
    private readonly string _text, _label;
    private int _at;

    private NpyHeader(string text, string label) => (_text, _label) = (text, label);

    /// <summary>The dimensions of an array that are read. NumPy has at most 32, and 64 from version 2 on.</summary>
    private const int MaxRank = 64;

    public static NpyLayout Parse(string text, string label)
    {
        var header = new NpyHeader(text, label);
        string? descr = null;
        bool? isFortran = null;
        long[]? shape = null;
        header.Expect('{');
        while (!header.Take('}'))
        {
            string key = header.Text("a key in quotes");
            header.Expect(':');
            switch (key)
            {
                case "descr": descr = header.Descr(); break;
                case "fortran_order": isFortran = header.Truth(); break;
                case "shape": shape = header.Tuple(); break;
                default:
                    throw header.Bad("expected the keys 'descr', 'fortran_order' and 'shape' in the header, " +
                    $"got '{key}'");
            }

            if (header.Take(',')) continue;
            header.Expect('}');
            break;
        }

        if (header.Next() is { } rest) throw header.Bad($"expected the end of the header after '}}', got '{rest}'");
        (ElementType type, bool isSwapped) = NpyTypes.Parse(descr ?? throw header.Missing("descr"), label);
        return new NpyLayout(type, shape ?? throw header.Missing("shape"),
            isFortran ?? throw header.Missing("fortran_order"), isSwapped);
    }

    /// <summary>The type's name. A list of fields is returned as its text.</summary>
    private string Descr()
    {
        if (Next() is '[' or '(' or '{')
            throw Npy.Bad(_label, $"expected numbers, got records with fields: {Shown(_text[_at..])}",
                "Save the fields one by one in NumPy: numpy.save(\"x.npy\", a[\"x\"]).");
        return Text("a type in quotes for 'descr'");
    }

    private bool Truth()
    {
        string word = Word();
        return word switch
        {
            "True" => true,
            "False" => false,
            _ => throw Bad($"expected fortran_order True or False, got {Shown(word.Length > 0 ? word : _text[_at..])}"),
        };
    }

    private long[] Tuple()
    {
        Next();
        int begin = _at;
        if (!Take('(')) throw Bad($"expected a shape in parentheses, got {Shown(_text[_at..])}");
        var sizes = new List<long>();
        bool isTuple = true;
        while (!Take(')'))
        {
            if (Next() is null) throw Bad("expected a value of 'shape' in the header, got its end");
            string word = Word();
            // Python 2 writes an L behind numbers of its type long.
            if (!long.TryParse(word.EndsWith('L') ? word[..^1] : word, NumberStyles.None, CultureInfo.InvariantCulture,
                out long size))
                throw Bad($"expected dimensions from 0 to {long.MaxValue}, got {Shown(_text[begin..])}");
            sizes.Add(size);
            if (sizes.Count > MaxRank) throw Bad($"expected at most {MaxRank} dimensions, got {Shown(_text[begin..])}");
            isTuple = Take(',');
            if (!isTuple && Next() != ')') throw Bad("expected a value of 'shape' in the header, " +
                $"got {Shown(_text[begin..])}");
        }

        // In Python, (3) is a number in parentheses; a tuple of one item is (3,).
        return sizes.Count != 1 || isTuple ? [.. sizes] : throw Bad("expected a shape in parentheses with a comma " +
            $"after a single size, got ({sizes[0]})");
    }

    private string Text(string what)
    {
        // Python 2 marks some strings with a prefix.
        if (Next() is 'u' or 'U' && _at + 1 < _text.Length && _text[_at + 1] is '\'' or '"') _at++;
        if (Next() is not ('\'' or '"')) throw Bad($"expected {what}, got {Shown(_text[_at..])}");
        char quote = _text[_at++];
        int end = _text.AsSpan(_at).IndexOfAny([quote, '\n', '\\']);
        if (end < 0 || _text[_at + end] != quote) throw Bad($"expected {what}, got {Shown(_text[(_at - 1)..])}");
        string text = _text.Substring(_at, end);
        _at += end + 1;
        return text;
    }

    /// <summary>Letters, digits and signs up to the next mark.</summary>
    private string Word()
    {
        Next();
        int begin = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '_' or '-' or '+' or '.'))
            _at++;
        return _text[begin.._at];
    }

    private void Expect(char mark)
    {
        if (!Take(mark)) throw Bad($"expected '{mark}' in the header, got " +
            $"{(_at < _text.Length ? Shown(_text[_at..]) : "its end")}");
    }

    private bool Take(char mark)
    {
        if (Next() != mark) return false;
        _at++;
        return true;
    }

    /// <summary>The next character that is not white space; null at the end.</summary>
    private char? Next()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t' or '\n' or '\r' or '\f') _at++;
        return _at < _text.Length ? _text[_at] : null;
    }

    private InvalidDataException Missing(string key) => Bad($"expected '{key}' in the header, got none");

    private InvalidDataException Bad(string what) => Npy.Bad(_label, what, "The header is damaged, or the array is " +
        "not of plain numbers.");

    private static string Shown(string text) => text.Length <= 40 ? text.TrimEnd() : text[..37] + "...";
}
