using System.Text;
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
        Assert.Equal("[\"a\",2.5,3,null]", root.GetProperty("tables")[0].GetProperty("rows")[0].GetRawText().Replace(
            " ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal(double.NegativeInfinity, ResultJson.Number(y[1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_written_is_read_back_whole(bool indented)
    {
        var result = new ExperimentResult { WeightsHash = "ab12" };
        result.Figures["third"] = 1.0 / 3;
        result.Figures["nan"] = double.NaN;
        result.Figures["smallest"] = double.Epsilon;
        result.Series.Add(new Series("v/loss", [1, 2, 3], [double.PositiveInfinity, double.NegativeInfinity, 0.1]));
        result.Series.Add(new Series("v/none", [], []));
        result.Tables.Add(new ResultTable("a \"table\"",
            ["name", "value", "nothing"], [["é", 2.5, null], ["", double.NaN, null]], [null, "F2", null]));
        result.Tables.Add(new ResultTable("no formats", ["count"], [[1234567.0]]));
        result.Checks.Add(new Check("N4", "statement", "rule", "measured", Verdict.Undecided));
        result.Checks.Add(Check.Judge("N5", "statement", "rule", "measured", holds: false));
        result.Notes.Add("one");
        result.Notes.Add("two");
        var record = new ResultRecord(
            ExperimentCatalog.Find("deep-net")!, s_settings, ResultEnvironment.Current, s_data, 0.1 + 0.2, result, [
                new Replicate(232, 1.5,
                    new Dictionary<string, double> { ["third"] = -0.0, ["nan"] = double.PositiveInfinity }, "cd34"),
                new Replicate(uint.MaxValue, 0, new Dictionary<string, double>(), null),
            ]);
        byte[] written = ResultJson.Write(record, indented);

        ResultRecord read = ResultJson.Read(written);

        Assert.Equal(written, ResultJson.Write(read, indented));
        Assert.Equal((record.Experiment, record.Settings, record.Environment, record.Data, record.Seconds),
            (read.Experiment, read.Settings, read.Environment, read.Data, read.Seconds));
        Assert.Equal(result.Figures, read.Result.Figures);
        Assert.Equal(
            result.Series.Select(series => (series.Name, string.Join(' ', series.X), string.Join(' ', series.Y))),
            read.Result.Series.Select(series => (series.Name, string.Join(' ', series.X), string.Join(' ', series.Y))));
        Assert.Equal(result.Tables.Count, read.Result.Tables.Count);
        Assert.All(result.Tables.Zip(read.Result.Tables), pair =>
        {
            Assert.Equal(pair.First.Name, pair.Second.Name);
            Assert.Equal(pair.First.Columns, pair.Second.Columns);
            Assert.Equal(pair.First.Rows, pair.Second.Rows);
            Assert.Equal(pair.First.Formats, pair.Second.Formats);
        });
        Assert.Equal(result.Checks, read.Result.Checks);
        Assert.Equal(result.Notes, read.Result.Notes);
        Assert.Equal(result.WeightsHash, read.Result.WeightsHash);
        Assert.Equal(record.Replicates.Select(replicate => (replicate.Seed, replicate.Seconds, replicate.WeightsHash)),
            read.Replicates.Select(replicate => (replicate.Seed, replicate.Seconds, replicate.WeightsHash)));
        Assert.All(record.AllFigures.Zip(read.AllFigures), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Fact]
    public void Nothing_is_read_back_as_nothing()
    {
        var record = new ResultRecord(
            ExperimentCatalog.Find("batchnorm-forward")!, s_settings with { Epochs = null, Quick = true },
            ResultEnvironment.Current, null, double.NaN, new ExperimentResult(), []);
        ResultRecord read = ResultJson.Read(ResultJson.Write(record, indented: true));
        Assert.Null(read.Data);
        Assert.Null(read.Settings.Epochs);
        Assert.True(read.Settings.Quick);
        Assert.True(double.IsNaN(read.Seconds));
        Assert.Null(read.Result.WeightsHash);
        Assert.Single(read.AllFigures);
    }

    [Fact]
    public void Settings_and_data_are_equal_by_value_and_differ_by_any_part()
    {
        ResultRecord read = Record(_ => { });
        Assert.Equal(s_settings, read.Settings);
        Assert.NotEqual(s_settings with { Seed = 1 }, read.Settings);
        Assert.NotEqual(s_settings with { Threads = 1 }, read.Settings);
        Assert.NotEqual(s_settings with { DType = DType.Float64 }, read.Settings);
        Assert.NotEqual(s_settings with { Epochs = null }, read.Settings);
        Assert.NotEqual(s_settings with { Quick = true }, read.Settings);
        Assert.Equal(s_data, read.Data);
        Assert.NotEqual(s_data with { Identity = "other" }, read.Data);

        static ResultRecord Record(Action<ExperimentResult> fill)
        {
            using JsonDocument json = Written(fill);
            return ResultJson.Read(Encoding.UTF8.GetBytes(json.RootElement.GetRawText()));
        }
    }

    [Fact]
    public void A_mark_is_read_and_bytes_of_another_encoding_are_refused_with_their_place()
    {
        using JsonDocument json = Written(_ => { });
        string text = json.RootElement.GetRawText();
        byte[] written = Encoding.UTF8.GetBytes(text);
        Assert.Equal(s_data, ResultJson.Read([0xEF, 0xBB, 0xBF, .. written]).Data);
        Assert.Equal(s_data, ResultJson.Read([0xFF, 0xFE, .. Encoding.Unicode.GetBytes(text)]).Data);
        written[written.AsSpan().IndexOf("CIFAR"u8)] = 0xE9;
        foreach (byte[] damaged in (byte[][])[written, [0xEF, 0xBB, 0xBF, .. written]])
            Assert.Contains("holds the byte E9 in line ",
                Assert.ThrowsAny<JsonException>(() => ResultJson.Read(damaged)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"experiment\": \"deep-net\", \"sett")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"experiment\":\"no-such-experiment\"}")]
    [InlineData("{\"experiment\":7}")]
    public void What_is_no_result_is_refused(string text) =>
        Assert.ThrowsAny<JsonException>(() => ResultJson.Read(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("\"seconds\":0.5", "\"seconds\":\"soon\"")]
    [InlineData("\"dtype\":\"float32\"", "\"dtype\":\"float16\"")]
    [InlineData("\"epochs\":10", "\"epochs\":1.5")]
    [InlineData("\"verdict\":\"holds\"", "\"verdict\":\"maybe\"")]
    [InlineData("\"figures\":{", "\"figure\":{")]
    [InlineData("\"tables\":[", "\"tables\":7,\"rest\":[")]
    public void A_damaged_value_is_refused_as_such(string whole, string damaged)
    {
        var result = new ExperimentResult();
        result.Checks.Add(new Check("N4", "statement", "rule", "measured", Verdict.Holds));
        string text = Encoding.UTF8.GetString(ResultJson.Write(
            new ResultRecord(
                ExperimentCatalog.Find("deep-net")!, s_settings, ResultEnvironment.Current, s_data, 0.5, result, []),
            indented: false));
        Assert.Contains(whole, text, StringComparison.Ordinal);
        Assert.ThrowsAny<JsonException>(
            () => ResultJson.Read(Encoding.UTF8.GetBytes(text.Replace(whole, damaged, StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("\"x\":[1,2]", "\"x\":[1]", "1 positions and 2 values")]
    [InlineData("[\"a\",0.5]", "[\"a\"]", "2 columns")]
    [InlineData("[null,\"F2\"]", "[\"F2\"]", "2 columns")]
    [InlineData("\"dtype\":\"float32\"", "\"dtype\":\"99999999999\"", "not a result of this version")]
    [InlineData("\"replicates\":[]}", "\"replicates\":[]} more", "'m' is invalid")]
    public void Parts_that_do_not_fit_together_are_refused(string whole, string damaged, string reason)
    {
        var result = new ExperimentResult();
        result.Series.Add(new Series("v/loss", [1, 2], [3, 4]));
        result.Tables.Add(new ResultTable("t", ["name", "value"], [["a", 0.5]], [null, "F2"]));
        string text = Encoding.UTF8.GetString(ResultJson.Write(
            new ResultRecord(
                ExperimentCatalog.Find("deep-net")!, s_settings, ResultEnvironment.Current, s_data, 0.5, result, []),
            indented: false));
        Assert.Contains(whole, text, StringComparison.Ordinal);
        JsonException refusal = Assert.ThrowsAny<JsonException>(
            () => ResultJson.Read(Encoding.UTF8.GetBytes(text.Replace(whole, damaged, StringComparison.Ordinal))));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>A page is made from the file, a terminal shows what was just measured: both the same.</summary>
    [Theory]
    [InlineData(null, "7")]
    [InlineData("F2", "7.00")]
    public void A_count_prints_the_same_before_and_after_it_was_in_a_file(string? format, string text)
    {
        Assert.Equal(text, ResultText.Cell(7, format));
        Assert.Equal(text, ResultText.Cell(7.0, format));
    }

    private static readonly ExperimentSettings s_settings = new(231, 2, DType.Float32, 10, Quick: false);
    private static readonly DataIdentity s_data = new("CIFAR-10", "/data", "1@2");

    private static JsonDocument Written(Action<ExperimentResult> fill)
    {
        var result = new ExperimentResult();
        fill(result);
        return JsonDocument.Parse(ResultJson.Write(
            new ResultRecord(
                ExperimentCatalog.Find("deep-net")!, s_settings, ResultEnvironment.Current, s_data, 0.5, result, []),
            indented: true));
    }
}
