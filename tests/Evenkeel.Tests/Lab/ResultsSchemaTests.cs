using System.Text.Json;
using System.Text.RegularExpressions;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>docs/results-schema.md names every key of a result, and no other.</summary>
public sealed partial class ResultsSchemaTests
{
    [Fact]
    public void Every_key_of_a_result_is_documented_and_every_documented_key_is_there()
    {
        string[] documented = Documented("## NAME.json");
        SortedSet<string> written = new(StringComparer.Ordinal);
        using JsonDocument json = JsonDocument.Parse(ResultJson.Write(Result(), indented: true));
        AddKeys(json.RootElement, "", written);
        Assert.Equal(written, documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void So_is_every_key_of_a_judged_claim()
    {
        SortedSet<string> written = new(StringComparer.Ordinal);
        using JsonDocument json = JsonDocument.Parse(FindingJson.Write(
            new MadeUpClaim().Judge(Claims.MadeUp.Evidence(("worked-example", new() { ["a"] = 1 })))));
        AddKeys(json.RootElement, "", written);
        Assert.Equal(written, Documented("## claims --json").Order(StringComparer.Ordinal));
    }

    /// <summary>A real result, with the data and the further seed that this experiment does not have.</summary>
    private static ResultRecord Result()
    {
        Experiment experiment = ExperimentCatalog.Find("worked-example")!;
        var settings = new ExperimentSettings(experiment.LessonSeed, 1, DType.Float64, null, Quick: true);
        ExperimentResult result = experiment.Run(
            new ExperimentContext(settings, LabData.Embedded, new Silence(), CancellationToken.None));
        return new ResultRecord(
            experiment, settings, ResultEnvironment.Current, LabData.Embedded.Of(LabSet.Cifar10), 0.5, result,
            [new Replicate(2, 0.5, result.Figures, result.WeightsHash)]);
    }

    /// <summary>
    /// Paths of all keys: <c>settings.seed</c>, <c>series[].name</c>. The names of figures are each experiment's own.
    /// </summary>
    private static void AddKeys(JsonElement element, string path, SortedSet<string> keys)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray()) AddKeys(item, path + "[]", keys);
        }
        else if (element.ValueKind == JsonValueKind.Object && !path.EndsWith("figures", StringComparison.Ordinal))
        {
            foreach (JsonProperty member in element.EnumerateObject())
            {
                string key = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
                keys.Add(key);
                AddKeys(member.Value, key, keys);
            }
        }
    }

    /// <summary>The first cell of every row of the table below a heading.</summary>
    private static string[] Documented(string heading)
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "Evenkeel.slnx")))
            root = Path.GetDirectoryName(root);
        Assert.SkipWhen(root is null, "the tests run outside the repository");
        string[] lines = File.ReadAllLines(Path.Combine(root!, "docs", "results-schema.md"));
        return
        [
            .. lines.SkipWhile(line => line != heading)
                .Skip(1)
                .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
                .Select(line => Key().Match(line))
                .Where(match => match.Success)
                .Select(match => match.Groups[1].Value),
        ];
    }

    [GeneratedRegex(@"^\| `([^`]+)` \|")]
    private static partial Regex Key();

    private sealed class MadeUpClaim : Claim
    {
        public override string Id => "C0";

        public override string Statement => "";

        public override string Lesson => "K5";

        public override string Words => "";

        public override string Effect => "";

        public override Bound Bound => Bound.Above(0);

        public override IReadOnlyList<string> Experiments => ["worked-example"];

        public override string Practice => "";

        protected override string? Remark(Evidence evidence) => null;

        protected override IEnumerable<Case> Measure(Evidence evidence) =>
            [new Case("always", evidence.Values("worked-example", "a"))];
    }
}
