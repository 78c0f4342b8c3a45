using System.Text;

namespace Evenkeel.Data;

/// <summary>Splits a text into rows, the next one per call. Source: RFC 4180.</summary>
internal sealed class CsvParser(string text, int begin, char separator, string name)
{
    private readonly List<string> _fields = [];
    private readonly StringBuilder _quoted = new();
    private int _at = begin;
    private int _line = 1;

    /// <summary>The line where the last row begins.</summary>
    public int RowLine { get; private set; }

    /// <summary>The fields of the next row that is not empty; null at the end.</summary>
    /// <exception cref="InvalidDataException">A quote does not end, or is followed by more text.</exception>
    public string[]? Next()
    {
        while (_at < text.Length)
        {
            if (LineBreak()) continue;
            RowLine = _line;
            _fields.Clear();
            do _fields.Add(Field()); while (Take(separator));
            if (_at < text.Length && !LineBreak())
            {
                throw new InvalidDataException(
                    $"CsvTable: expected {CsvGuess.Show(separator)} or the end of the line after the closing quote " +
                    $"in line {_line} of \"{name}\", got '{text[_at]}'. Double a quote that is " +
                    "part of a text, or set Separator.");
            }

            if (_fields is not [""]) return [.. _fields];
        }

        return null;
    }

    private string Field()
    {
        int start = _at;
        while (_at < text.Length && text[_at] == ' ' && separator != ' ') _at++;
        if (_at < text.Length && text[_at] == '"') return Quoted();
        while (_at < text.Length && text[_at] != separator && text[_at] is not ('\n' or '\r')) _at++;
        return text.AsSpan(start, _at - start).Trim(' ').ToString();
    }

    private string Quoted()
    {
        int begun = _line;
        _quoted.Clear();
        for (_at++; ; _at++)
        {
            if (_at >= text.Length)
            {
                throw new InvalidDataException(
                    $"CsvTable: the quote that begins in line {begun} of \"{name}\" does not end. Close it, or " +
                    "double it if it is part of a text.");
            }

            char letter = text[_at];
            if (letter == '"')
            {
                if (_at + 1 >= text.Length || text[_at + 1] != '"') break;
                _at++;
            }
            else if (letter == '\n' || (letter == '\r' && (_at + 1 >= text.Length || text[_at + 1] != '\n')))
            {
                _line++;
            }

            _quoted.Append(letter);
        }

        _at++;
        while (_at < text.Length && text[_at] == ' ' && separator != ' ') _at++;
        return _quoted.ToString();
    }

    private bool Take(char letter)
    {
        if (_at >= text.Length || text[_at] != letter) return false;
        _at++;
        return true;
    }

    private bool LineBreak()
    {
        bool carriage = Take('\r');
        if (!Take('\n') && !carriage) return false;
        _line++;
        return true;
    }
}
