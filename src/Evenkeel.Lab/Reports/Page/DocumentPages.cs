using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// The documents that the page refers to (docs/lessons, docs/derivations), which are embedded in the lab: each becomes
/// a page of its own beside the report, its text as it is written, with headings and anchors to land at.
/// </summary>
internal static partial class DocumentPages
{
    private const string Style =
        ":root{color-scheme:light dark}" +
        "body{max-width:62rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}" +
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9rem}:target{scroll-margin-top:1rem}";

    /// <summary>Their paths in the repository: <c>docs/lessons/k-theory.md</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(DocumentPages).Assembly.GetManifestResourceNames()
            .Where(static name => name.StartsWith("docs/", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    /// <summary>Writes each into a folder of results.</summary>
    public static void Write(ResultFolder folder)
    {
        foreach (string name in Names)
        {
            Stream stream = typeof(DocumentPages).Assembly.GetManifestResourceStream(name)!;
            using var reader = new StreamReader(stream, Encoding.UTF8);
            folder.WriteFile(Path.ChangeExtension(name, ".html"), ToHtml(reader.ReadToEnd()));
        }
    }

    /// <summary>
    /// Writes a text in which the paths of documents, <c>docs/lessons/k-theory.md#k9</c>, become links.
    /// </summary>
    public static void WriteText(HtmlWriter html, string text)
    {
        int at = 0;
        foreach (Match match in DocumentPath().Matches(text))
        {
            if (!Names.Contains(match.Groups["path"].Value, StringComparer.Ordinal)) continue;
            html.Text(text[at..match.Index]);
            WriteLink(html, match.Value, match.Value);
            at = match.Index + match.Length;
        }

        html.Text(text[at..]);
    }

    /// <summary>Writes a link to a document or a place in it.</summary>
    public static void WriteLink(HtmlWriter html, string path, string text) =>
        html.Element("a", text, ("href", path.Replace(".md", ".html", StringComparison.Ordinal)));

    /// <summary>Headings and anchors as such, all else as it is written.</summary>
    internal static string ToHtml(string markdown)
    {
        var html = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        html.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        html.Append("<link rel=\"icon\" href=\"data:,\">");
        html.Append("<title>Evenkeel</title><style>").Append(Style).Append("</style></head><body>\n");
        bool isText = false, isCode = false;
        foreach (string line in markdown.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("```", StringComparison.Ordinal)) isCode = !isCode;
            Match heading = Heading().Match(line), anchors = Anchors().Match(line);
            bool isHeading = !isCode && heading.Success, isAnchor = !isCode && anchors.Success;
            if (isText != !(isHeading || isAnchor)) html.Append((isText = !isText) ? "<pre>" : "</pre>\n");
            if (isAnchor)
            {
                html.Append(line).Append('\n');
                continue;
            }

            string text = WebUtility.HtmlEncode(isHeading ? heading.Groups["text"].Value : line);
            if (!isHeading) html.Append(text).Append('\n');
            else
            {
                int level = heading.Groups["marks"].Length;
                string id = IdOf(heading.Groups["text"].Value);
                html.Append(CultureInfo.InvariantCulture, $"<h{level} id=\"{id}\">{text}</h{level}>\n");
            }
        }

        return html.Append(isText ? "</pre>\n" : "").Append("</body></html>\n").ToString();
    }

    /// <summary>
    /// The anchor of a heading, as code hosts make it: lower case, hyphens for spaces, no punctuation.
    /// </summary>
    private static string IdOf(string heading) =>
        string.Concat(heading.ToLowerInvariant().Replace(' ', '-')
            .Where(static letter => char.IsLetterOrDigit(letter) || letter is '-' or '_'));

    [GeneratedRegex(
        @"(?<path>docs/[\w/-]+\.md)(#[\w-]+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DocumentPath();

    [GeneratedRegex("^(?<marks>#{1,6}) (?<text>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Heading();

    [GeneratedRegex("^(<a id=\"[\\w-]+\"></a>)+$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Anchors();
}
