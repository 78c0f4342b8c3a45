using System.Buffers;
using System.Text.Json;
using Evenkeel.Lab.Claims;

namespace Evenkeel.Lab.Reports;

/// <summary>
/// A judged claim as one line of JSON, numbers as in <see cref="ResultJson"/>: effect and interval are those of the
/// first case, which is the lesson's own; null if it was not run.
/// </summary>
internal static class FindingJson
{
    public static byte[] Write(Finding finding)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, ResultJson.Options(indented: false)))
        {
            json.WriteStartObject();
            json.WriteString("id", finding.Claim.Id);
            json.WriteString("statement", finding.Claim.Statement);
            json.WriteString("lesson", finding.Claim.Lesson);
            json.WriteString("rule", finding.Claim.Rule);
            json.WriteString("verdict", finding.WhyNone is not null ? null : ResultJson.Name(finding.Verdict));
            json.WriteString("whyNone", finding.WhyNone);
            Interval(json, finding.Cases.Count > 0 ? finding.Cases[0].Interval : null);
            json.WriteNumber("seeds", finding.Seeds);
            json.WriteString("condition", finding.Condition);
            json.WriteStartArray("cases");
            foreach (JudgedCase judged in finding.Cases) Case(json, judged);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Case(Utf8JsonWriter json, JudgedCase judged)
    {
        json.WriteStartObject();
        json.WriteString("case", judged.Case.Name);
        json.WriteString("bound", judged.Bound.ToString());
        json.WriteString("verdict", ResultJson.Name(judged.Verdict));
        Interval(json, judged.Interval);
        ResultJson.Numbers(json, "values", judged.Case.Values);
        json.WriteEndObject();
    }

    private static void Interval(Utf8JsonWriter json, Interval? interval)
    {
        if (interval is not { } known)
        {
            json.WriteNull("effect");
            json.WriteNull("interval");
            return;
        }

        ResultJson.Number(json, "effect", known.Mean);
        ResultJson.Numbers(json, "interval", [known.Low, known.High]);
    }
}
