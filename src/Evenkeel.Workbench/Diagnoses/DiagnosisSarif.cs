using System.Reflection;
using System.Text.Json.Nodes;
using Evenkeel.Examination;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>A diagnosis as a SARIF 2.1.0 log, which hosts of code and editors show.</summary>
internal static class DiagnosisSarif
{
    private const string Schema = "https://json.schemastore.org/sarif-2.1.0.json";

    /// <summary>The log.</summary>
    /// <param name="diagnosis">The diagnosis.</param>
    /// <param name="file">The examined file or folder, as the user named it.</param>
    /// <param name="options">What was checked: rules of the user are among its rules.</param>
    public static JsonObject Of(Diagnosis diagnosis, string file, DoctorOptions options)
    {
        DoctorRule[] rules = [.. Doctor.Rules.Concat(options.Rules)
            .Where(rule => !options.Disabled.Contains(rule.Id))];
        // A diagnosis may name a rule that is in neither list: it gets a descriptor of its id alone.
        List<string> ids = [.. rules.Select(static rule => rule.Id)
            .Concat(diagnosis.Findings.Select(static finding => finding.Rule))
            .Concat(diagnosis.NotChecked.Select(static rule => rule.Rule)).Distinct(StringComparer.Ordinal)];
        var places = ids.Index().ToDictionary(
            static pair => pair.Item, static pair => pair.Index, StringComparer.Ordinal);
        var run = new JsonObject
        {
            ["tool"] = new JsonObject
            {
                ["driver"] = new JsonObject
                {
                    ["name"] = "evenkeel doctor",
                    ["version"] = Version,
                    ["rules"] = DiagnosisJson.Array(ids, id => RuleOf(id, TitleOf(id))),
                },
            },
            ["invocations"] = new JsonArray(new JsonObject
            {
                ["executionSuccessful"] = true,
                ["toolExecutionNotifications"] = DiagnosisJson.Array(diagnosis.NotChecked, rule => new JsonObject
                {
                    ["level"] = "note",
                    ["message"] = TextOf($"{rule.Rule} was not checked: {rule.Reason}"),
                    ["associatedRule"] = Reference(rule.Rule),
                }),
            }),
            ["artifacts"] = new JsonArray(new JsonObject { ["location"] = new JsonObject { ["uri"] = UriOf(file) } }),
            ["columnKind"] = "utf16CodeUnits",
            ["results"] = DiagnosisJson.Array(diagnosis.Findings, ResultOf),
        };
        return new JsonObject
        {
            ["$schema"] = Schema,
            ["version"] = "2.1.0",
            ["runs"] = new JsonArray(run),
        };

        string TitleOf(string id) => rules.FirstOrDefault(rule => rule.Id == id)?.Title ?? id;

        JsonObject Reference(string id) => new() { ["id"] = id, ["index"] = places[id] };

        JsonObject ResultOf(Finding finding) => new()
        {
            ["ruleId"] = finding.Rule,
            ["ruleIndex"] = places[finding.Rule],
            ["level"] = UserText.Of(finding.Level),
            ["message"] = TextOf(finding.Remedy.Length == 0 ? finding.Message
                : $"{finding.Message} Remedy: {finding.Remedy}"),
            ["locations"] = new JsonArray(LocationOf(file, finding.Layer)),
            ["properties"] = new JsonObject
            {
                ["channels"] = DiagnosisJson.Array(finding.Channels, static channel => channel),
                ["measured"] = FileContent.Number(finding.Measured),
                ["bound"] = FileContent.Number(finding.Bound),
                ["remedy"] = finding.Remedy,
            },
        };
    }

    private static string Version { get; } =
        typeof(DiagnosisSarif).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];

    private static JsonObject RuleOf(string id, string title)
    {
        var rule = new JsonObject { ["id"] = id, ["shortDescription"] = TextOf(title) };
        if (RulePages.Of(id) is not { } page) return rule;
        if (RulePages.SectionOf(page, "What is measured") is { Length: > 0 } measured)
            rule["fullDescription"] = TextOf(measured);
        rule["help"] = new JsonObject { ["text"] = page, ["markdown"] = page };
        return rule;
    }

    private static JsonObject LocationOf(string file, string layer)
    {
        var location = new JsonObject
        {
            ["physicalLocation"] = new JsonObject { ["artifactLocation"] = ArtifactOf(file) },
        };
        if (layer.Length > 0)
        {
            location["logicalLocations"] = new JsonArray(new JsonObject
            {
                ["name"] = layer.Split('.', '/')[^1] is { Length: > 0 } last ? last : layer,
                ["fullyQualifiedName"] = layer,
                ["kind"] = "object",
            });
        }

        return location;
    }

    private static JsonObject ArtifactOf(string file) => new() { ["uri"] = UriOf(file), ["index"] = 0 };

    /// <summary>A path as a URI: relative if it is, with every letter that a URI cannot hold escaped.</summary>
    private static string UriOf(string file) => Path.IsPathRooted(file)
        ? new Uri(Path.GetFullPath(file)).AbsoluteUri
        : string.Join('/', file.Replace('\\', '/').Split('/').Select(Uri.EscapeDataString));

    private static JsonObject TextOf(string text) => new() { ["text"] = text };
}
