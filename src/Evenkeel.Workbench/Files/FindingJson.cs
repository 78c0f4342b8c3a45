using System.Text.Json.Nodes;
using Evenkeel.Examination;
using Evenkeel.Training;

namespace Evenkeel.Workbench.Files;

/// <summary>A finding as one JSON object, in all outputs: <c>docs/results-schema.md</c> describes it.</summary>
internal static class FindingJson
{
    /// <summary>A finding: of a network, or of a training.</summary>
    /// <param name="finding">The finding.</param>
    public static JsonObject Of(Finding finding) => new()
    {
        ["rule"] = finding.Rule,
        ["level"] = UserText.Of(finding.Level),
        ["layer"] = finding.Layer,
        ["channels"] = new JsonArray([.. finding.Channels.Select(static one => (JsonNode)JsonValue.Create(one))]),
        ["measured"] = FileContent.Number(finding.Measured),
        ["bound"] = double.IsNaN(finding.Bound) ? null : FileContent.Number(finding.Bound),
        ["message"] = finding.Message,
        ["remedy"] = finding.Remedy,
    };

    /// <summary>A finding with the step and the epoch in which it showed.</summary>
    /// <param name="said">The finding.</param>
    public static JsonObject Of(TrainingFinding said)
    {
        JsonObject json = Of(said.Finding);
        json.Insert(0, "epoch", said.Epoch);
        json.Insert(0, "step", said.Iteration);
        return json;
    }
}
