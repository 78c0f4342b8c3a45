using System.Text.Json.Nodes;
using Evenkeel.Examination;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>A diagnosis as one JSON object, as <c>docs/results-schema.md</c> describes it.</summary>
internal static class DiagnosisJson
{
    /// <summary>The object. A number that is not finite is a text: JSON has no word for it.</summary>
    /// <param name="diagnosis">The diagnosis.</param>
    public static JsonObject Of(Diagnosis diagnosis) => new()
    {
        ["file"] = diagnosis.Subject,
        ["format"] = diagnosis.Network.Format,
        ["verdict"] = diagnosis.Verdict,
        ["findings"] = Array(diagnosis.Findings, FindingJson.Of),
        ["notChecked"] = Array(diagnosis.NotChecked, static rule => new JsonObject
        {
            ["rule"] = rule.Rule,
            ["reason"] = rule.Reason,
        }),
        ["notRead"] = Array(UnreadText.Of(diagnosis.Network), static remark => new JsonObject
        {
            ["node"] = remark.Node,
            ["reason"] = remark.Detail,
        }),
        ["assumptions"] = Array(diagnosis.Network.Assumptions, static text => text),
        ["layers"] = Array(diagnosis.Network.Layers, layer => LayerOf(layer, diagnosis.Drift)),
    };

    /// <summary>What was repaired, and what was left out.</summary>
    /// <param name="repair">The repairs.</param>
    public static JsonArray Of(DoctorRepair repair) => Array(repair.Steps, static step => new JsonObject
    {
        ["name"] = step.Name,
        ["done"] = step.IsDone,
        ["message"] = step.Message,
    });

    private static JsonObject LayerOf(
        ExaminedLayer layer, IReadOnlyDictionary<string, IReadOnlyList<double>> drift)
    {
        var json = new JsonObject { ["name"] = layer.Name, ["kind"] = layer.Kind };
        if (layer is ExaminedNorm norm) AddNorm(json, norm);
        else if (layer is ExaminedLinear linear) AddLinear(json, linear);
        if (drift.TryGetValue(layer.Name, out IReadOnlyList<double>? shift)) json["drift"] = SpreadOf([.. shift]);
        return json;
    }

    private static void AddNorm(JsonObject json, ExaminedNorm norm)
    {
        json["channels"] = norm.Channels;
        json["type"] = norm.StoredType;
        json["eps"] = FileContent.Number(norm.Eps);
        json["momentum"] = norm.Momentum is { } momentum ? FileContent.Number(momentum) : null;
        json["batches"] = norm.Batches;
        json["gamma"] = SpreadOf(norm.Gamma);
        json["beta"] = SpreadOf(norm.Beta);
        json["runningMean"] = SpreadOf(norm.Mean);
        json["runningVariance"] = SpreadOf(norm.Variance);
        json["before"] = norm.Before?.Name;
        json["after"] = norm.After?.Name;
    }

    private static void AddLinear(JsonObject json, ExaminedLinear linear)
    {
        json["shape"] = Array(linear.Shape, static size => size);
        json["outputs"] = linear.Outputs;
        json["filterNorm"] = SpreadOf(linear.FilterNorms);
        json["bias"] = SpreadOf(linear.Bias);
    }

    private static JsonObject? SpreadOf(double[]? values) => values is not { Length: > 0 } ? null : new JsonObject
    {
        ["min"] = FileContent.Number(values.Min()),
        ["mean"] = FileContent.Number(values.Average()),
        // Unlike Max of LINQ, a NaN among the values is the result.
        ["max"] = FileContent.Number(values.Aggregate(Math.Max)),
    };

    /// <summary>An array of values.</summary>
    public static JsonArray Array<T>(IEnumerable<T> values, Func<T, JsonNode?> node) => new([.. values.Select(node)]);
}
