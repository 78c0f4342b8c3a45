using System.Text.Json;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class ResultJsonTests
{
    [Fact]
    public void Numbers_are_whole_and_what_JSON_does_not_know_is_a_string()
    {
        using JsonDocument json = Written(result =>
        {
            result.Figures["third"] = 1.0 / 3;
            result.Figures["nan"] = double.NaN;
            result.Series.Add(new Series("v/loss", [1, 2, 3], [double.PositiveInfinity, double.NegativeInfinity, 0.1]));
            result.Tables.Add(new ResultTable("t", ["name", "value", "count", "nothing"], [["a", 2.5, 3, null]]));
        });
        JsonElement root = json.RootElement;
        Assert.Equal(1.0 / 3, root.GetProperty("figures").GetProperty("third").GetDouble());
        Assert.Equal("NaN", root.GetProperty("figures").GetProperty("nan").GetString());
        JsonElement y = root.GetProperty("series")[0].GetProperty("y");
        Assert.Equal("Infinity", y[0].GetString());
        Assert.Equal("-Infinity", y[1].GetString());
        Assert.Equal(0.1, y[2].GetDouble());
        Assert.Equal("[\"a\",2.5,3,null]", root.GetProperty("tables")[0].GetProperty("rows")[0].GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal(double.NegativeInfinity, ResultJson.Number(y[1]));
    }

    [Fact]
    public void A_result_is_the_same_only_with_its_settings_and_data()
    {
        using JsonDocument json = Written(_ => { });
        Assert.True(ResultJson.IsSame(json.RootElement, s_settings, s_data));
        Assert.False(ResultJson.IsSame(json.RootElement, s_settings with { Seed = 1 }, s_data));
        Assert.False(ResultJson.IsSame(json.RootElement, s_settings with { Epochs = null }, s_data));
        Assert.False(ResultJson.IsSame(json.RootElement, s_settings, s_data with { Identity = "other" }));
        Assert.False(ResultJson.IsSame(json.RootElement, s_settings, null));
    }

    private static readonly ExperimentSettings s_settings = new(231, 2, DType.Float32, 10, Quick: false);
    private static readonly DataIdentity s_data = new("CIFAR-10", "/data", "1@2");

    private static JsonDocument Written(Action<ExperimentResult> fill)
    {
        var result = new ExperimentResult();
        fill(result);
        return JsonDocument.Parse(ResultJson.Write(new ResultRecord(ExperimentCatalog.Find("deep-net")!, s_settings, ResultEnvironment.Current, s_data, 0.5, result, []), indented: true));
    }
}
