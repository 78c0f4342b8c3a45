using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Evenkeel.Cli.Commands;
using Evenkeel.Cli.Terminal;
using Evenkeel.Examination;
using Evenkeel.Workbench.Diagnoses;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>What the doctor finds as text, as JSON, as SARIF and as a page.</summary>
public sealed class DiagnosisOutputTests
{
    private static readonly Diagnosis s_diagnosis = SomeDiagnosis.Make();

    [Fact]
    public void The_text_has_a_verdict_then_findings_then_what_was_not_checked()
    {
        string[] lines = Printed(s_diagnosis).Split('\n');
        Assert.Equal("net.onnx (ONNX): ill: 1 error, 2 warnings, 5 notes", lines[0]);
        Assert.Equal(
            ["error EK101", "warning EK107", "warning OWN1", "note EK124", "note EK124", "note EK124"],
            lines.Where(static line => Regex.IsMatch(line, "^(error|warning|note) "))
                .Select(static line => string.Join(' ', line.Split(' ').Take(2))));
        Assert.Contains("EK124 also in bn4, bn5", lines);
        Assert.Contains("not checked: no data: EK201-EK214", lines);
        Assert.Contains("not checked: no counts: EK105, OWN2", lines);
        Assert.Contains("not read: torn: its axis is damaged", lines);
        Assert.Contains("and 2 more: its inner graph is not read", string.Join(' ', lines), StringComparison.Ordinal);
        Assert.DoesNotContain(lines, static line => line.Contains("If \"4", StringComparison.Ordinal));
        Assert.Contains("assumed: eps is 1e-5: the file has none.", lines);
        Assert.All(lines, static line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public void A_healthy_network_takes_one_line()
    {
        var healthy = new Diagnosis("net.onnx", new ExaminedNetwork("ONNX", []), [], []);
        Assert.Equal("net.onnx (ONNX): healthy\n", Printed(healthy));
    }

    [Fact]
    public void A_finding_is_two_to_four_lines()
    {
        string[] blocks = Printed(s_diagnosis).Split("\n\n");
        Assert.All(blocks.Where(static block => Regex.IsMatch(block, "^(error|warning|note) ")),
            static block => Assert.InRange(block.Split('\n').Length, 2, 4));
    }

    [Fact]
    public void Json_has_what_the_page_on_files_says()
    {
        JsonObject json = JsonNode.Parse(DiagnosisJson.Of(s_diagnosis).ToJsonString())!.AsObject();
        string schema = Repository.Text("docs", "results-schema.md");
        string section = schema[schema.IndexOf("## doctor --json", StringComparison.Ordinal)..];
        Assert.Equal(["file", "format", "verdict", "findings", "notChecked", "notRead", "assumptions", "layers"],
            json.Select(static pair => pair.Key));
        foreach (string path in Paths(json, "").Distinct(StringComparer.Ordinal))
            Assert.Contains($"| `{path}` |", section, StringComparison.Ordinal);
        JsonNode first = json["findings"]![0]!;
        Assert.Equal("NaN", (string?)first["measured"]);
        Assert.Null(first["bound"]);
        Assert.Equal([1], first["channels"]!.AsArray().Select(static channel => (int)channel!));
        Assert.Equal("NaN", (string?)json["layers"]![1]!["runningMean"]!["max"]);
        Assert.Equal("Infinity", (string?)json["layers"]![1]!["runningVariance"]!["max"]);
        Assert.Equal(6, json["notRead"]!.AsArray().Count);
        Assert.Equal(-3, (double?)json["layers"]![3]!["drift"]!["min"]);
    }

    [Fact]
    public void Sarif_has_what_the_standard_asks_for()
    {
        JsonNode log = JsonNode.Parse(DiagnosisSarif.Of(s_diagnosis, "folder with space/net.onnx", new DoctorOptions())
            .ToJsonString())!;
        Assert.Equal("2.1.0", (string?)log["version"]);
        JsonNode run = Assert.Single(log["runs"]!.AsArray())!;
        JsonArray rules = run["tool"]!["driver"]!["rules"]!.AsArray(), results = run["results"]!.AsArray();
        Assert.Equal(rules.Count, rules.Select(static rule => (string?)rule!["id"]).Distinct().Count());
        Assert.Equal(s_diagnosis.Findings.Count, results.Count);
        foreach (JsonNode? result in results)
        {
            Assert.Equal((string?)result!["ruleId"], (string?)rules[(int)result["ruleIndex"]!]!["id"]);
            Assert.Contains((string?)result["level"], (string[])["error", "warning", "note"]);
            Assert.NotEqual("", (string?)result["message"]!["text"]);
            JsonNode place = Assert.Single(result["locations"]!.AsArray())!;
            string uri = (string)place["physicalLocation"]!["artifactLocation"]!["uri"]!;
            Assert.Equal("folder%20with%20space/net.onnx", uri);
            Assert.True(Uri.IsWellFormedUriString(uri, UriKind.Relative));
        }

        Assert.Equal("conv1", (string?)results[1]!["locations"]![0]!["logicalLocations"]![0]!["fullyQualifiedName"]);
        // A rule of the whole network has a file and no layer.
        Assert.Null(results[2]!["locations"]![0]!["logicalLocations"]);
        JsonNode invocation = Assert.Single(run["invocations"]!.AsArray())!;
        Assert.True((bool)invocation["executionSuccessful"]!);
        Assert.Equal(
            s_diagnosis.NotChecked.Count, invocation["toolExecutionNotifications"]!.AsArray().Count);
        JsonNode help = rules.First(static rule => (string?)rule!["id"] == "EK107")!;
        Assert.Equal("collapsed filter", (string?)help["shortDescription"]!["text"]);
        Assert.StartsWith("# EK107: ", (string?)help["help"]!["markdown"], StringComparison.Ordinal);
        Assert.Empty(Names(log).Except(s_sarifNames));
    }

    [Fact]
    public void No_text_of_a_file_becomes_markup_on_the_page()
    {
        string page = DiagnosisPage.Of(s_diagnosis);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
        // Everything is inside, and the policy of the page says so to the browser.
        Assert.DoesNotMatch("(src|href)=\"(?!#|data:)", page);
        Assert.Contains("default-src &#39;none&#39;", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_has_a_picture_per_tensor_and_a_place_per_layer()
    {
        string page = DiagnosisPage.Of(s_diagnosis);
        Assert.Equal(s_diagnosis.Network.Layers.Count, Regex.Count(page, "<li class=\"layer "));
        int begin = page.IndexOf("id=\"layer-3\"", StringComparison.Ordinal);
        string bn1 = page[begin..page.IndexOf("id=\"layer-4\"", StringComparison.Ordinal)];
        // |gamma|, mean, variance, drift, and the share of dead channels.
        Assert.Equal(5, Regex.Count(bn1, "<svg "));
        Assert.Contains("aria-label=\"dead: 1 of 4\"", bn1, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", page, StringComparison.Ordinal);
        // The filter that a finding names is marked at the filter and at the norm behind it.
        Assert.Contains("mark is-warning", bn1, StringComparison.Ordinal);
        // A note of many layers is told once.
        Assert.Equal(1, Regex.Count(page, "can go\\."));
    }

    [Fact]
    public void The_page_has_the_same_bytes_for_the_same_diagnosis() =>
        Assert.Equal(DiagnosisPage.Of(s_diagnosis), DiagnosisPage.Of(SomeDiagnosis.Make()));

    private static readonly string[] s_sarifNames =
    [
        "$schema", "version", "runs", "tool", "driver", "name", "rules", "id", "shortDescription", "fullDescription",
        "help", "text", "markdown", "invocations", "executionSuccessful", "toolExecutionNotifications", "level",
        "message", "associatedRule", "index", "artifacts", "location", "uri", "columnKind", "results", "ruleId",
        "ruleIndex", "locations", "physicalLocation", "artifactLocation", "logicalLocations", "fullyQualifiedName",
        "kind", "properties", "channels", "measured", "bound", "remedy",
    ];

    private static string Printed(Diagnosis diagnosis)
    {
        var text = new StringWriter { NewLine = "\n" };
        new DoctorPrinter(text, Ink.Plain).Print(diagnosis, "net.onnx");
        return text.ToString();
    }

    /// <summary>The paths of all members, as the page on files writes them: <c>findings[].rule</c>.</summary>
    private static IEnumerable<string> Paths(JsonNode? node, string path) => node switch
    {
        JsonObject members => members.SelectMany(pair =>
        {
            string here = path.Length == 0 ? pair.Key : $"{path}.{pair.Key}";
            // A spread has the same members everywhere.
            return pair.Value is JsonObject spread && spread.ContainsKey("min") ? [here] : Paths(pair.Value, here)
                .Prepend(here);
        }),
        JsonArray items => items.SelectMany(item => Paths(item, $"{path}[]")),
        _ => [],
    };

    private static IEnumerable<string> Names(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(static pair => Names(pair.Value).Prepend(pair.Key)),
        JsonArray items => items.SelectMany(Names),
        _ => [],
    };
}
