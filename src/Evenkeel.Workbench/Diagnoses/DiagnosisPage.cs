using System.Globalization;
using Evenkeel.Examination;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>
/// A diagnosis as one HTML page, which needs no network and no script: what was found, then the network as a column of
/// its layers, with the findings beside them.
/// </summary>
internal sealed class DiagnosisPage
{
    /// <summary>So many layers of a rule are named at the top; all of them stand in the column below.</summary>
    private const int MostNamed = 8;

    /// <summary>A note in more layers than these is told once.</summary>
    private const int MostInFull = 3;

    private static readonly string s_style = Embedded.Text("report.css") + Embedded.Text("doctor.css");

    private readonly HtmlWriter _html = new();
    private readonly Diagnosis _diagnosis;
    private readonly NormDrawing _drawing;
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly ILookup<string, Finding> _findings;

    private DiagnosisPage(Diagnosis diagnosis)
    {
        _diagnosis = diagnosis;
        _drawing = new NormDrawing(_html, diagnosis);
        foreach ((int place, ExaminedLayer layer) in diagnosis.Network.Layers.Index())
            _places.TryAdd(layer.Name, place);
        _findings = diagnosis.Findings.ToLookup(
            finding => _places.ContainsKey(finding.Layer) ? finding.Layer : "", StringComparer.Ordinal);
    }

    /// <summary>The page.</summary>
    /// <param name="diagnosis">The diagnosis.</param>
    public static string Of(Diagnosis diagnosis)
    {
        var page = new DiagnosisPage(diagnosis);
        page.Write();
        return page._html.ToString();
    }

    private string Title =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(_diagnosis.Subject)) is { Length: > 0 } name
            ? name
            : _diagnosis.Subject;

    private void Write()
    {
        _html.Raw("<!DOCTYPE html>\n");
        using (_html.Open("html", ("lang", "en")))
        {
            using (_html.Open("head"))
            {
                _html.Void("meta", ("charset", "utf-8"));
                _html.Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
                _html.Void("meta", ("http-equiv", "Content-Security-Policy"),
                    ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
                _html.Void("link", ("rel", "icon"), ("href", "data:,"));
                _html.Element("title", $"{Title} · Evenkeel doctor");
                using (_html.Open("style")) _html.Raw(s_style);
            }

            using (_html.Open("body", ("class", "doctor")))
            {
                WriteThemes();
                using (_html.Open("header", ("class", "hero"))) WriteHero();
                using (_html.Open("main"))
                {
                    WriteFound();
                    WriteColumn();
                    WriteRest();
                }

                using (_html.Open("footer"))
                {
                    _html.Element("p", "Made by evenkeel doctor. The page needs no network and no script; "
                        + "'evenkeel doctor --explain EK107' prints the page of a rule.");
                }
            }
        }
    }

    /// <summary>Automatic, light or dark: the style sheet alone does it.</summary>
    private void WriteThemes()
    {
        using (_html.Open("fieldset", ("class", "themes"), ("aria-label", "Colours")))
        {
            foreach (string theme in (string[])["Auto", "Light", "Dark"])
            {
                string id = $"theme-{theme.ToLowerInvariant()}";
                _html.Void("input", ("type", "radio"), ("name", "theme"), ("id", id),
                    ("checked", theme == "Auto" ? "" : null));
                _html.Element("label", theme, ("for", id));
            }
        }
    }

    private void WriteHero()
    {
        string level = _diagnosis.Worst is { } worst ? UserText.Of(worst) : "healthy";
        string[] words = _diagnosis.Verdict.Split(": ", 2);
        _html.Element("h1", Title);
        using (_html.Open("p", ("class", "answer")))
        {
            _html.Element("span", words[0], ("class", $"level is-{(words[0] == "healthy" ? words[0] : level)}"));
            _html.Text(words.Length > 1 ? $" {words[1]}" : " nothing found");
        }

        ExaminedNetwork network = _diagnosis.Network;
        int norms = network.Norms.Count(), channels = network.Norms.Sum(static norm => norm.Channels);
        string what = $"{network.Format}, {Number(network.Layers.Count, "layer")}, "
            + $"{Number(norms, "norm")} with {Number(channels, "channel")}.";
        _html.Element("p", $"{what} {_diagnosis.Subject}");
    }

    /// <summary>What was found, a rule at a time, the most harmful first.</summary>
    private void WriteFound()
    {
        if (_diagnosis.Findings.Count == 0) return;
        using (_html.Open("section", ("class", "found"), ("aria-label", "Findings")))
        using (_html.Open("ol"))
        {
            foreach (IGrouping<(string Rule, FindingLevel Level), Finding> group in
                _diagnosis.Findings.GroupBy(static finding => (finding.Rule, finding.Level)))
            {
                Finding first = group.First();
                using (_html.Open("li", ("class", ToneOf(first)), ("id", IdOf(first))))
                {
                    WriteHeading(first);
                    WriteText("p", first.Message);
                    WriteRemedy(first);
                    WriteWhere([.. group.Select(static finding => finding.Layer)]);
                }
            }
        }
    }

    private void WriteHeading(Finding finding)
    {
        using (_html.Open("h3"))
        {
            string level = UserText.Of(finding.Level);
            _html.Element("span", level, ("class", $"level {ToneOf(finding)}"));
            _html.Text($" {RulePages.TitleOf(finding.Rule)} ");
            _html.Element("small", finding.Rule);
        }
    }

    private void WriteRemedy(Finding finding)
    {
        if (finding.Remedy.Length == 0) return;
        using (_html.Open("p", ("class", "remedy"))) WriteMarked(finding.Remedy);
    }

    private void WriteWhere(string[] layers)
    {
        string[] named = [.. layers.Where(_places.ContainsKey)];
        if (named.Length == 0) return;
        using (_html.Open("p", ("class", "where")))
        {
            foreach ((int i, string layer) in named.Take(MostNamed).Index())
            {
                if (i > 0) _html.Text(", ");
                _html.Element("a", layer, ("href", $"#layer-{_places[layer]}"));
            }

            if (named.Length > MostNamed) _html.Text($" and {named.Length - MostNamed} more");
        }
    }

    private void WriteColumn()
    {
        using (_html.Open("section", ("class", "column"), ("aria-label", "The network")))
        {
            _html.Element("h2", "The network, layer by layer");
            if (_diagnosis.Network.Norms.Any())
            {
                using (_html.Open("p", ("class", "about")))
                {
                    _html.Text("Each picture shows how the channels of a layer spread, on an axis that is the same for "
                        + "all layers. Thin lines are powers of ten, the dashed line is eps. ");
                    _html.Element("span", "▲", ("class", "mark-sign"));
                    _html.Text(" marks a channel that a finding names.");
                }
            }

            WriteFindings(_findings[""].Where(static finding => finding.Layer.Length > 0));
            using (_html.Open("ol", ("class", "network")))
            {
                foreach ((int place, ExaminedLayer layer) in _diagnosis.Network.Layers.Index())
                    WriteLayer(layer, place);
            }
        }
    }

    private void WriteLayer(ExaminedLayer layer, int place)
    {
        // Of two layers of one name the first has the findings.
        Finding[] findings = _places[layer.Name] == place ? [.. _findings[layer.Name]] : [];
        string level = findings.Length == 0 ? "silent" : UserText.Of(findings.Max(static one => one.Level));
        string kind = layer is ExaminedNorm ? "norm" : "linear";
        using (_html.Open("li", ("class", $"layer {kind} is-{level}"), ("id", $"layer-{place}")))
        {
            using (_html.Open("div", ("class", "who")))
            {
                _html.Element("h3", layer.Name);
                _html.Element("p", Describe(layer));
            }

            if (layer is ExaminedNorm norm) _drawing.Write(norm, Marks(findings, norm.Before));
            else if (layer is ExaminedLinear linear && findings.Length > 0)
                _drawing.Write(linear, Marks(findings, null));
            WriteFindings(findings);
        }
    }

    /// <summary>The channels that are named: by the layer's own findings, and by those of the layer before it.
    /// </summary>
    private Dictionary<int, FindingLevel> Marks(Finding[] own, ExaminedLinear? before)
    {
        var marks = new Dictionary<int, FindingLevel>();
        foreach (Finding finding in before is null ? own : own.Concat(_findings[before.Name]))
        {
            foreach (int channel in finding.Channels)
            {
                if (!marks.TryGetValue(channel, out FindingLevel level) || finding.Level > level)
                    marks[channel] = finding.Level;
            }
        }

        return marks;
    }

    private static string Describe(ExaminedLayer layer) => layer switch
    {
        ExaminedNorm norm => $"{norm.Kind}, {Number(norm.Channels, "channel")}" + norm.Activation switch
        {
            FollowingActivation.ReLU => ", then ReLU",
            FollowingActivation.LikeReLU or FollowingActivation.Other => ", then an activation",
            _ => "",
        } + (norm.Batches is { } batches ? $", {Number(batches, "batch")}" : ""),
        ExaminedLinear linear => $"{linear.Kind}, {string.Join(" × ", linear.Shape)}",
        _ => layer.Kind,
    };

    private void WriteFindings(IEnumerable<Finding> findings)
    {
        Finding[] all = [.. findings];
        if (all.Length == 0) return;
        using (_html.Open("div", ("class", "findings")))
        {
            foreach (Finding finding in all)
            {
                if (IsFrequent(finding))
                {
                    WriteBrief(finding);
                    continue;
                }

                using (_html.Open("article", ("class", ToneOf(finding))))
                {
                    WriteHeading(finding);
                    WriteText("p", finding.Layer.Length > 0 && !_places.ContainsKey(finding.Layer)
                        ? $"{finding.Layer}: {finding.Message}"
                        : finding.Message);
                    WriteRemedy(finding);
                }
            }
        }
    }

    /// <summary>A note of many layers is told once, at the top, and named beside them.</summary>
    private bool IsFrequent(Finding finding) => finding.Level == FindingLevel.Note
        && _diagnosis.Findings.Count(other => other.Rule == finding.Rule) > MostInFull;

    private void WriteBrief(Finding finding)
    {
        using (_html.Open("article", ("class", $"brief {ToneOf(finding)}")))
        using (_html.Open("h3"))
        {
            _html.Element("a", RulePages.TitleOf(finding.Rule), ("href", $"#{IdOf(finding)}"));
            _html.Element("small", finding.Rule);
        }
    }

    private static string ToneOf(Finding finding) => $"is-{UserText.Of(finding.Level)}";

    private static string IdOf(Finding finding) => $"{finding.Rule}-{UserText.Of(finding.Level)}";

    /// <summary>What was not checked, what was assumed, and what the rules that found something say of themselves.
    /// </summary>
    private void WriteRest()
    {
        string[] rules = [.. _diagnosis.Findings.Select(static finding => finding.Rule)
            .Distinct(StringComparer.Ordinal).Where(static id => RulePages.Of(id) is not null)];
        string[] notRead = [.. UnreadText.Lines(_diagnosis.Network)];
        if (rules.Length + _diagnosis.NotChecked.Count + notRead.Length + _diagnosis.Network.Assumptions.Count == 0)
            return;
        using (_html.Open("section", ("class", "rest")))
        {
            if (rules.Length > 0)
            {
                _html.Element("h2", "Why it matters");
                using (_html.Open("dl"))
                {
                    foreach (string id in rules)
                    {
                        using (_html.Open("dt"))
                        {
                            _html.Element("small", id);
                            _html.Text($" {RulePages.TitleOf(id)}");
                        }

                        WriteText("dd", RulePages.SectionOf(RulePages.Of(id)!, "Why it matters"));
                    }
                }
            }

            WriteList("Not checked", UncheckedText.Lines(_diagnosis.NotChecked));
            WriteList("Not read", notRead);
            WriteList("Assumed", _diagnosis.Network.Assumptions);
        }
    }

    private void WriteList(string heading, IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        if (all.Length == 0) return;
        _html.Element("h2", heading);
        using (_html.Open("ul"))
        {
            foreach (string line in all) WriteText("li", line);
        }
    }

    private void WriteText(string element, string text)
    {
        using (_html.Open(element)) WriteMarked(text);
    }

    /// <summary>A text whose parts between backticks are code.</summary>
    private void WriteMarked(string text)
    {
        foreach ((int i, string part) in text.Split('`').Index())
        {
            if (i % 2 == 0) _html.Text(part);
            else _html.Element("code", part);
        }
    }

    private static string Number(long count, string what)
    {
        string number = count.ToString("N0", CultureInfo.InvariantCulture);
        return count == 1 ? $"{number} {what}"
            : what.EndsWith("ch", StringComparison.Ordinal) ? $"{number} {what}es" : $"{number} {what}s";
    }
}
