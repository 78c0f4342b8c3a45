using System.Text;

namespace Evenkeel.Web;

/// <summary>
/// Writes HTML: every text and every value of an attribute is escaped, and elements close in the order they were
/// opened.
/// </summary>
internal sealed class HtmlWriter
{
    private readonly StringBuilder _html = new();

    /// <summary>
    /// Opens an element; disposing what is returned closes it. An attribute that is null is left out.
    /// </summary>
    public Scope Open(string name, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        Start(name, attributes);
        return new Scope(this, name);
    }

    /// <summary>An element of one line of text.</summary>
    public void Element(string name, string text, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        Start(name, attributes);
        Text(text);
        _html.Append("</").Append(name).Append('>');
    }

    /// <summary>An element without content, which HTML does not close: <c>meta</c>.</summary>
    public void Void(string name, params ReadOnlySpan<(string Name, string? Value)> attributes) =>
        Start(name, attributes);

    public void Text(string text)
    {
        foreach (char c in text)
        {
            if (Escaped(c) is { } entity) _html.Append(entity);
            else _html.Append(c);
        }
    }

    /// <summary>What is HTML already, or the content of a script or style.</summary>
    public void Raw(string html) => _html.Append(html);

    public override string ToString() => _html.ToString();

    private void Start(string name, ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        _html.Append('<').Append(name);
        foreach ((string attribute, string? value) in attributes)
        {
            if (value is null) continue;
            _html.Append(' ').Append(attribute);
            if (value.Length == 0) continue;
            _html.Append("=\"");
            Text(value);
            _html.Append('"');
        }

        _html.Append('>');
    }

    private static string? Escaped(char c) => c switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => null,
    };

    /// <summary>An open element.</summary>
    public readonly ref struct Scope(HtmlWriter writer, string name) : IDisposable
    {
        public void Dispose() => writer._html.Append("</").Append(name).Append(">\n");
    }
}
