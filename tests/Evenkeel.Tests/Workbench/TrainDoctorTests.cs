using System.Text.Json.Nodes;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>The doctor of <c>evenkeel train</c>.</summary>
public sealed class TrainDoctorTests
{
    [Fact]
    public void What_it_finds_is_in_the_run_and_changes_no_bit()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(400, seed: 1));
        const string command = "train --data wine.csv --target quality --model mlp:16 --norm batch --batch-size 3 "
            + "--epochs 2";
        folder.Run($"{command} --name watched");
        folder.Run($"{command} --name alone --doctor false");
        JsonNode watched = folder.RunJson("watched"), alone = folder.RunJson("alone");
        JsonNode noisy = Assert.Single(
            watched["findings"]!.AsArray(), static said => (string?)said!["rule"] == "EK308")!;
        Assert.Equal("warning", (string?)noisy["level"]);
        Assert.True((double)noisy["measured"]! > (double)noisy["bound"]!);
        Assert.Contains("GroupNorm", (string?)noisy["remedy"], StringComparison.Ordinal);
        Assert.Empty(alone["findings"]!.AsArray());
        Assert.Equal((string?)alone["weightsHash"], (string?)watched["weightsHash"]);
        // The live log has the same members: step and epoch are those of all lines.
        JsonNode[] live =
        [
            .. File.ReadAllLines(folder.PathOf("runs/watched/live.jsonl")).Select(static line => JsonNode.Parse(line)!)
                .Where(static line => (string?)line["event"] == "finding"),
        ];
        Assert.Equal(watched["findings"]!.AsArray().Count, live.Length);
        foreach ((JsonNode? said, JsonNode line) in watched["findings"]!.AsArray().Zip(live))
        {
            foreach ((string name, JsonNode? value) in said!.AsObject())
                Assert.True(JsonNode.DeepEquals(value, line[name]), name);
        }

        Assert.Contains("EK308", File.ReadAllText(folder.PathOf("runs/watched/report.html")).Split("<script")[0],
            StringComparison.Ordinal);
    }
}
