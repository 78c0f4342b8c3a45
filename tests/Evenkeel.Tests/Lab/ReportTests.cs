using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Evenkeel.Cli.Commands;
using Evenkeel.Lab;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// The page and its CSV files: from results that were run here, and from made-up ones with everything in
/// them that is hard to write.
/// </summary>
public sealed partial class ReportTests : IDisposable
{
    /// <summary>Everything that HTML, a script element, a CSV file and a file name must not take as it is.</summary>
    private const string Nasty = "<b>&\"it's\"</b></script><!--, a/b";

    private static readonly Lazy<ResultRecord[]> s_run = new(
        () => [Run("worked-example"), Run("scale-invariance", replicates: 2), MadeUp()]);

    private readonly string _path = Directory.CreateTempSubdirectory("evenkeel-report-").FullName;

    private ResultFolder Folder => new(_path);

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void The_page_is_well_formed_and_asks_the_network_for_nothing()
    {
        string html = Page(script: "console.log('</script>')");
        AssertBalanced(html);
        const string known = @"^(#[\w.-]+|docs/[\w/-]+\.html(#[\w-]+)?|charts/[\w.%+-]+\.csv|[a-z0-9-]+\.json|data:,)$";
        Assert.All(Address().Matches(html), match => Assert.Matches(known, match.Groups[1].Value));
        string[] ids = [.. Id().Matches(html).Select(match => match.Groups[1].Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(
            Address().Matches(html).Select(match => match.Groups[1].Value).Where(address => address.StartsWith('#')),
            address => Assert.Contains(address[1..], ids));
        Assert.DoesNotContain("console.log('</script>')", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_to_documents_land_where_they_point()
    {
        string html = Page(script: null);
        IEnumerable<string> all = Address().Matches(html).Select(match => match.Groups[1].Value).Distinct();
        string[] links = [.. all.Where(link => link.StartsWith("docs/", StringComparison.Ordinal))];
        Assert.True(links.Length > 20);
        Assert.DoesNotMatch("<code>docs/", html);
        Assert.All(links, link =>
        {
            string[] parts = link.Split('#');
            string document = File.ReadAllText(Path.Combine(_path, parts[0]));
            AssertBalanced(document);
            if (parts.Length > 1) Assert.Contains($"id=\"{parts[1]}\"", document, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Without_the_script_the_tables_are_there_and_the_page_says_why()
    {
        string html = Page(script: null);
        AssertBalanced(html);
        Assert.Contains("charts need Node at build time", html, StringComparison.Ordinal);
        Assert.Contains("<html lang=\"en\" class=\"no-charts\">", html, StringComparison.Ordinal);
        int figures = Figure().Count(html);
        Assert.True(figures > 5);
        Assert.Equal(figures, Regex.Count(html, "<details open><summary>Numbers</summary>"));
        Assert.DoesNotContain("charts need Node", Page(script: "1"), StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_are_escaped_everywhere()
    {
        string html = Page(script: null);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<!--", html, StringComparison.Ordinal);
        // A note, a table's name, heading and cell, a check, the data, a curve.
        Assert.True(
            Regex.Count(html, Regex.Escape("&lt;b&gt;&amp;&quot;it&#39;s&quot;&lt;/b&gt;&lt;/script&gt;")) >= 7);
        Assert.Single(Regex.Matches(html, "</script>"));
        using JsonDocument charts = Charts(html);
        Assert.Contains(charts.RootElement.EnumerateArray(), chart => chart.GetProperty("series").EnumerateArray().Any(
            series => series.GetProperty("name").GetString() == Nasty.Split('/')[0]));
    }

    [Fact]
    public void The_same_results_make_the_same_bytes()
    {
        Write();
        Report.Write(Folder, "style", "script");
        Dictionary<string, byte[]> first = Files();
        foreach (string file in first.Keys.Where(file => !file.EndsWith(".json", StringComparison.Ordinal)))
            File.Delete(Path.Combine(_path, file));
        Report.Write(Folder, "style", "script");
        Assert.Equal(first.Keys.Order(), Files().Keys.Order());
        Assert.All(Files(), file => Assert.Equal(first[file.Key], file.Value));

        Dictionary<string, byte[]> Files() => Directory.EnumerateFiles(_path, "*", SearchOption.AllDirectories)
            .ToDictionary(file => Path.GetRelativePath(_path, file), File.ReadAllBytes);
    }

    [Fact]
    public void Every_figure_has_its_chart_and_its_file_and_every_file_a_figure()
    {
        string html = Page(script: null);
        using JsonDocument charts = Charts(html);
        string[] figures = [
            .. Figure().Matches(html).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];
        Assert.Equal(figures, charts.RootElement.EnumerateArray()
            .Select(chart => chart.GetProperty("id").GetString())
            .Order(StringComparer.Ordinal));
        Assert.Equal(figures, Directory.GetFiles(Path.Combine(_path, "charts"), "*.csv")
            .Select(Path.GetFileNameWithoutExtension)
            .Order(StringComparer.Ordinal));
        Assert.Contains("C10", figures);
    }

    [Fact]
    public void Every_claim_has_a_row_an_article_and_a_verdict()
    {
        string html = Page(script: null);
        foreach (Claim claim in ClaimCatalog.All)
        {
            Assert.Contains(
                $"<td class=\"id\"><a href=\"#{claim.Id}\">{claim.Id}</a> ", html, StringComparison.Ordinal);
            Assert.Single(Regex.Matches(html, $"<article class=\"claim\" id=\"{claim.Id}\">"));
        }

        Assert.Equal(ClaimCatalog.All.Count, Regex.Count(html, "<tr data-verdict="));
        Assert.Contains("<span class=\"verdict holds-if\">holds, except for k = 0.01 and k = 0.001</span>",
            html, StringComparison.Ordinal);
        Assert.Contains(">except for k = 0.01 and k = 0.001</span></td>", html, StringComparison.Ordinal);
        Assert.Contains("<span class=\"verdict undecided\">not run</span>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_CSV_file_of_a_claim_has_a_row_a_case_and_a_column_a_seed()
    {
        Page(script: null);
        string[] lines = File.ReadAllText(Path.Combine(_path, "charts", "C10.csv")).Split("\r\n");
        Assert.Equal("case,mean,low,high,verdict,seed 1,seed 2,seed 3", lines[0]);
        Assert.StartsWith("k = 10,", lines[1], StringComparison.Ordinal);
        Assert.Equal(8, lines.Length);
        double figure = s_run.Value[1].Result.Figures["eps1e-5.changeAt10"];
        Assert.Equal(figure, double.Parse(lines[1].Split(',')[5], CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Curves_of_the_same_positions_stand_side_by_side_and_others_below_each_other()
    {
        Curve a = new("a", [0, 1], [0.1, double.NaN]), b = new("b, \"c\"", [0, 1], [1.0 / 3, double.NegativeInfinity]),
            c = new("c", [1, 2], [5, 6]);
        Assert.Equal("epoch,a,\"b, \"\"c\"\"\"\r\n0,0.1,0.3333333333333333\r\n1,NaN,-Infinity\r\n",
            ChartData.Of(Of(a, b)).ToCsv());
        Assert.Equal("series,epoch,loss\r\na,0,0.1\r\na,1,NaN\r\nc,1,5\r\nc,2,6\r\n", ChartData.Of(Of(a, c)).ToCsv());
        Assert.Equal("epoch,a,c\r\n0,0.1,\r\n1,NaN,5\r\n2,,6\r\n", ChartData.Beside(Of(a, c)).ToCsv());
        Assert.Equal("epoch\r\n", ChartData.Of(Of()).ToCsv());

        static PageChart Of(params Curve[] curves) =>
            new("id", new Chart("id", "title", new Axis("epoch"), new Axis("loss"), curves));
    }

    [Fact]
    public void Positions_with_names_are_named() =>
        Assert.Equal("x,a\r\nnone,1\r\nLRN,2\r\n",
            ChartData.Of(new PageChart("id", new Chart("id", "title", new Axis("", Categories: ["none", "LRN"]),
                new Axis(""), [new Curve("a", [0, 1], [1, 2])], Kind: ChartKind.Bar))).ToCsv());

    [Fact]
    public void A_long_curve_keeps_its_ends_its_peaks_and_its_gaps()
    {
        double[] x = [.. Enumerable.Range(0, 10_000).Select(i => (double)i)], y = [.. x.Select(i => i % 7)];
        (y[1234], y[5678], y[9000]) = (100, -100, double.NaN);
        (IReadOnlyList<double> thinX, IReadOnlyList<double> thinY) = ChartJson.Thin(new Curve("a", x, y));
        Assert.InRange(thinX.Count, 100, ChartJson.LongCurve);
        Assert.Equal((0, 9999), (thinX[0], thinX[^1]));
        Assert.Equal(thinX.Order(), thinX);
        Assert.Equal(100, thinY[thinX.ToList().IndexOf(1234)]);
        Assert.Equal(-100, thinY[thinX.ToList().IndexOf(5678)]);
        Assert.True(double.IsNaN(thinY[thinX.ToList().IndexOf(9000)]));

        // A path that turns back, for example a contour, is drawn as it is.
        Assert.Equal(x.Length, ChartJson.Thin(new Curve("a", [.. x.Select(i => Math.Abs(i - 5000))], y)).X.Count);
    }

    [Fact]
    public void The_picture_of_a_verdict_shows_every_case_within_its_frame()
    {
        string svg = IntervalDrawing.Svg(
            [Judge("a", 2e-6, 2.1e-6, 2.2e-6), Judge("b", 0.9, 1.1, 1), Judge("c", double.NaN, 1, 1)]);
        Assert.Contains("logarithmic", svg, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(svg, "<g "));
        Assert.Contains("--tone:var(--holds)", svg, StringComparison.Ordinal);
        Assert.Contains("--tone:var(--fails)", svg, StringComparison.Ordinal);
        Assert.Equal(3, Regex.Count(svg, "class=\"seed\""));
        Assert.All(Regex.Matches(svg, " (?:x1|x2|cx|x)=\"([^\"]*)\""),
            match => Assert.InRange(double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), 0, 120));

        Assert.Empty(IntervalDrawing.Svg([Judge("nothing", double.NaN)]));

        static JudgedCase Judge(string name, params double[] values)
        {
            Bound bound = Bound.AtMost(0.01);
            Interval interval = Interval.OfMean(values);
            return new JudgedCase(new Case(name, values), interval, bound, bound.Judge(interval));
        }
    }

    [Theory]
    [InlineData(-1234.5, "−1234")]
    [InlineData(0.000012345, "1.23e−5")]
    [InlineData(2.5e30, "2.5e30")]
    [InlineData(0.5, "0.5")]
    [InlineData(double.PositiveInfinity, "∞")]
    [InlineData(double.NaN, "–")]
    public void Numbers_are_short(double value, string text) => Assert.Equal(text, PageText.Number(value));

    [Theory]
    [InlineData(1.035, 1.0301, 1.0399, "1.0350 [1.0301, 1.0399]")]
    [InlineData(0.003, -0.0167, 0.0227, "0.003 [−0.017, 0.023]")]
    [InlineData(-0.0004, -0.2, 0.2, "0.00 [−0.20, 0.20]")]
    [InlineData(16, 16, 16, "16 [16, 16]")]
    [InlineData(2.5e-5, 2e-5, 3.2e-5, "2.5e−5 [2e−5, 3.2e−5]")]
    [InlineData(250, 120.4, 410, "250 [120, 410]")]
    [InlineData(0.5, double.NaN, double.NaN, "0.5 [no interval]")]
    public void An_effect_has_the_digits_of_its_interval(double mean, double low, double high, string text) =>
        Assert.Equal(text, PageText.Effect(new Interval(mean, low, high)));

    [Fact]
    public void A_folder_that_is_not_there_or_empty_is_refused()
    {
        Assert.Contains(
            "does not exist", Refusal(new ResultFolder(Path.Combine(_path, "none"))), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_path, "other.json"), "{}");
        Assert.Contains("found none", Refusal(Folder), StringComparison.Ordinal);
        Assert.Contains(
            "which is a file", Refusal(new ResultFolder(Path.Combine(_path, "other.json"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_are_named()
    {
        Write();
        File.WriteAllText(Folder.PathOf("batch-size"), "{ \"experiment\": \"batch-size\", \"sett");
        File.Copy(Folder.PathOf("worked-example"), Folder.PathOf("weight-scale"));
        string refusal = Refusal(Folder);
        Assert.Contains(Folder.PathOf("batch-size"), refusal, StringComparison.Ordinal);
        Assert.Contains(
            $"{Folder.PathOf("weight-scale")} (it holds worked-example)", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_is_written_only_when_the_files_it_links_to_are()
    {
        Write();
        File.WriteAllText(Path.Combine(_path, "charts"), "in the way");
        LabException refusal = Assert.Throws<LabException>(() => Report.Write(Folder, null, null));
        Assert.Contains("Remove what is in its place", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_path, "index.html")));
    }

    [Fact]
    public void Results_that_one_run_could_not_have_made_are_noticed()
    {
        ResultRecord example = s_run.Value[0], scale = s_run.Value[1];
        Assert.Null(ResultMixture.Find(s_run.Value));

        // A seed of the user's own: for all, or for none.
        Assert.Null(ResultMixture.Find([example with { Settings = example.Settings with { Seed = 5 } },
            scale with { Settings = scale.Settings with { Seed = 5 } }]));
        Mixed("settings", "worked-example was run with seed 5, scale-invariance with seed 1",
            example with { Settings = example.Settings with { Seed = 5 } }, scale);
        Mixed("settings", "worked-example was run with --quick, scale-invariance with no --quick",
            example, scale with { Settings = scale.Settings with { Quick = false } });
        Mixed("settings", "worked-example was run with 1 thread, scale-invariance with 3 threads",
            example, scale with { Settings = scale.Settings with { Threads = 3 } });
        ResultRecord deep = With("deep-net", new DataIdentity("a", "here", "1")),
            sweep = With("weight-scale", new DataIdentity("b", "there", "1"));
        Mixed("settings",
            "deep-net was run with 99 epochs", deep with { Settings = deep.Settings with { Epochs = 99 } }, sweep);
        Mixed("data", "deep-net was run with a (here, 1), weight-scale with b (there, 1)", deep, sweep);
        Mixed("builds",
            "build", example, scale with { Environment = scale.Environment with { Build = new string('0', 64) } });
        Mixed("machines",
            "7 processors", example, scale with { Environment = scale.Environment with { Processors = 7 } });

        ResultRecord With(string name, DataIdentity data)
        {
            Experiment experiment = ExperimentCatalog.Find(name)!;
            return new ResultRecord(
                experiment,
                example.Settings with
                {
                    Seed = experiment.LessonSeed,
                    DType = experiment.LessonDType,
                    Epochs = experiment.Epochs!.Value.Quick,
                },
                example.Environment, data, 1, new ExperimentResult(), []);
        }

        static void Mixed(string what, string explanation, params ResultRecord[] records)
        {
            ResultMixture? mixture = ResultMixture.Find(records);
            Assert.NotNull(mixture);
            Assert.Equal(what, mixture.Of);
            Assert.Contains(explanation, mixture.Explanation, StringComparison.Ordinal);
        }
    }

    /// <summary><c>reproduce --quick</c>, then one full <c>run</c> into the same folder.</summary>
    [Fact]
    public void A_run_of_other_settings_is_shown_and_the_page_says_what_differs()
    {
        Write();
        Assert.DoesNotContain("Results of several", Page(script: null), StringComparison.Ordinal);
        ResultRecord scale = s_run.Value[1];
        Folder.Write(scale with { Settings = scale.Settings with { Quick = false }, Seconds = 7777 });
        var warnings = new List<string>();
        Report.Write(Folder, null, null, warnings.Add);
        string html = File.ReadAllText(Path.Combine(_path, "index.html"));
        const string expected =
            "Results of several settings: scale-invariance was run with no --quick, the other 2 with --quick.";
        Assert.Contains(expected, html, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Contains("Quick run, but for 1 experiment.", html, StringComparison.Ordinal);
        Assert.Contains("7777", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Results_without_what_a_claim_or_a_chart_reads_are_of_another_version()
    {
        ResultRecord scale = s_run.Value[1];
        var withoutFigures = new ExperimentResult();
        foreach (Series series in scale.Result.Series) withoutFigures.Series.Add(series);
        Folder.Write(scale with { Result = withoutFigures });
        string refusal = Refusal(Folder);
        Assert.Contains("scale-invariance", refusal, StringComparison.Ordinal);
        Assert.Contains("another version", refusal, StringComparison.Ordinal);

        var withoutSeries = new ExperimentResult();
        foreach ((string name, double value) in scale.Result.Figures) withoutSeries.Figures[name] = value;
        Folder.Write(scale with { Result = withoutSeries });
        refusal = Refusal(Folder);
        Assert.Contains("scale-invariance", refusal, StringComparison.Ordinal);
        Assert.Contains("another version", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_writes_the_page_and_says_where()
    {
        Write();
        using LabProcess lab = LabProcess.Run("report", _path);
        Assert.Equal(0, lab.Process.ExitCode);
        Assert.Equal(Path.Combine(_path, "index.html") + "\n", lab.Output);
        Assert.True(File.Exists(Path.Combine(_path, "charts", "C10.csv")));
        Assert.Empty(lab.Error);

        using LabProcess twice = LabProcess.Run("report", _path, "--out", _path);
        Assert.Equal(ExitCode.Usage, twice.Process.ExitCode);
        using LabProcess missing = LabProcess.Run("report");
        Assert.Equal(ExitCode.Usage, missing.Process.ExitCode);
        Assert.Contains("expected a folder with results, got out", missing.Error, StringComparison.Ordinal);
    }

    /// <summary>Writes the results and the page, and returns the page.</summary>
    private string Page(string? script)
    {
        Write();
        return File.ReadAllText(Report.Write(Folder, "p { color: black; }", script));
    }

    private void Write()
    {
        foreach (ResultRecord record in s_run.Value) Folder.Write(record);
    }

    private static string Refusal(ResultFolder folder) =>
        Assert.Throws<LabException>(() => ReportResults.Read(folder)).Message;

    private static JsonDocument Charts(string html)
    {
        const string open = "<script type=\"application/json\" id=\"charts\">";
        int start = html.IndexOf(open, StringComparison.Ordinal) + open.Length;
        return JsonDocument.Parse(html[start..html.IndexOf("</script>", start, StringComparison.Ordinal)]);
    }

    /// <summary>Every element is closed, in the order they were opened.</summary>
    private static void AssertBalanced(string html)
    {
        var open = new Stack<string>();
        foreach (Match tag in Tag().Matches(Unread().Replace(html, "${open}${close}")))
        {
            string name = tag.Groups[2].Value;
            if (name is "meta" or "link") continue;
            if (tag.Groups[1].Length == 0) open.Push(name);
            else Assert.Equal(open.Pop(), name);
        }

        Assert.Empty(open);
    }

    private static ResultRecord Run(string name, int replicates = 0)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        ExperimentSettings settings = new(experiment.LessonSeed, 1, experiment.LessonDType, null, Quick: true);
        return new ResultRecord(
            experiment, settings, ResultEnvironment.Current, null, 0.5, Measure(experiment.LessonSeed, experiment.Run),
            [.. Enumerable.Range(1, replicates)
                .Select(i => (Seed: settings.Seed + i, Result: Measure(settings.Seed + i, experiment.Replicate)))
                .Select(run => new Replicate(run.Seed, 0.25, run.Result.Figures, run.Result.WeightsHash))]);

        ExperimentResult Measure(long seed, Func<ExperimentContext, ExperimentResult> run) => run(new ExperimentContext(
            settings with { Seed = seed }, LabData.Embedded, new Silence(), CancellationToken.None));
    }

    /// <summary>A result with long curves, gaps and hard texts; its numbers mean nothing.</summary>
    private static ResultRecord MadeUp()
    {
        // One that no claim reads.
        Experiment experiment = ExperimentCatalog.Find("batchnorm-forward")!;
        var result = new ExperimentResult { WeightsHash = new string('a', 64) };
        foreach (string variant in (string[])["batchnorm", "none"])
        {
            foreach (string quantity in (string[])["train-accuracy", "validation-accuracy"])
                result.AddSeries($"{variant}/{quantity}", [0.1, double.NaN, 0.5]);
            result.AddSeries($"{variant}/loss", [.. Enumerable.Range(0, 2000).Select(i => 1.0 / (1 + i))]);
        }

        result.AddSeries(Nasty, [1, double.PositiveInfinity, 3]);
        result.Tables.Add(new ResultTable(Nasty, ["", Nasty], [["row", Nasty], ["number", 1.5]]));
        result.Checks.Add(new Check("N10", Nasty, Nasty, Nasty, Verdict.Undecided));
        result.Notes.Add(Nasty);
        return new ResultRecord(
            experiment, new ExperimentSettings(experiment.LessonSeed, 1, experiment.LessonDType, null, Quick: true),
            ResultEnvironment.Current, new DataIdentity(Nasty, "embedded", "synthetic-1"), 1.5, result, []);
    }

    [GeneratedRegex("<(/?)([a-z][a-z0-9]*)(?: [^<>]*)?>")]
    private static partial Regex Tag();

    /// <summary>Scripts and styles, whose content is no HTML.</summary>
    [GeneratedRegex("(?<open><(?:script|style)[^>]*>).*?(?<close></(?:script|style)>)",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Unread();

    [GeneratedRegex(" (?:href|src)=\"([^\"]*)\"")]
    private static partial Regex Address();

    [GeneratedRegex(" id=\"([^\"]*)\"")]
    private static partial Regex Id();

    [GeneratedRegex("<figure class=\"chart\" id=\"chart-[^\"]*\" data-chart=\"([^\"]*)\">")]
    private static partial Regex Figure();
}
