using System.Text.RegularExpressions;
using Evenkeel.Tests.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench.Watching;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class RunReportTests
{
    private const string Evil = "<script>alert(1)</script>", Quoted = "a\"b'c & d.jpg";

    [Fact]
    public void No_text_of_a_user_becomes_markup()
    {
        using var folder = new TempFolder();
        WriteEvilRun(folder);
        RunReport.Write(folder.Path);
        string page = File.ReadAllText(folder.File(RunReport.FileName));
        Assert.DoesNotContain(Evil, page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Quoted, page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
        Assert.Contains("a&quot;b&#39;c &amp; d.jpg", page, StringComparison.Ordinal);
        // The page's own: the data, and the script if it was built.
        Assert.InRange(Regex.Count(page, "<script"), 1, 2);
    }

    [Fact]
    public void Only_pictures_that_are_inside_the_file_are_shown()
    {
        using var folder = new TempFolder();
        WriteEvilRun(folder);
        RunReport.Write(folder.Path);
        // What comes before the scripts.
        string page = File.ReadAllText(folder.File(RunReport.FileName)).Split("<script")[0];
        Match picture = Assert.Single(Regex.Matches(page, "<img src=\"([^\"]*)\""));
        Assert.Equal("data:image/png;base64,AAAA", picture.Groups[1].Value);
    }

    [Fact]
    public void The_page_has_its_tables_without_a_script()
    {
        using var folder = new TempFolder();
        WriteEvilRun(folder);
        RunReport.Write(folder.Path);
        string page = File.ReadAllText(folder.File(RunReport.FileName));
        Assert.Contains("validation accuracy</th>", page, StringComparison.Ordinal);
        Assert.Contains("Confusion matrix", page, StringComparison.Ordinal);
        Assert.Contains("<svg class=\"scatter\"", page, StringComparison.Ordinal);
        Assert.Contains("norm1", page, StringComparison.Ordinal);
        Assert.Contains(">diverged<", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_of_the_training_are_listed_once_with_their_steps()
    {
        using var folder = new TempFolder();
        WriteEvilRun(folder);
        RunReport.Write(folder.Path);
        string page = File.ReadAllText(folder.File(RunReport.FileName)).Split("<script")[0];
        Assert.Contains("The doctor: 1 warning, 1 note<", page, StringComparison.Ordinal);
        Assert.Equal(1, Regex.Count(page, "EK308 "));
        Assert.Contains("<small>step 20</small>", page, StringComparison.Ordinal);
        Assert.Contains("<p class=\"remedy\">Larger batches.</p>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_little_or_broken_content_has_a_page()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("run.json"), "{\"status\":");
        File.WriteAllText(folder.File("log.csv"), "");
        File.WriteAllText(folder.File("evaluation.json"), "[]");
        File.WriteAllText(folder.File(LiveLog.FileName), "{}\n{\"event\":5}\ntorn");
        RunReport.Write(folder.Path);
        Assert.Contains("unknown", File.ReadAllText(folder.File(RunReport.FileName)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_log_is_thinned_and_keeps_its_events_and_its_end()
    {
        using var folder = new TempFolder();
        string path = folder.File(LiveLog.FileName);
        File.WriteAllLines(path, Enumerable.Range(1, 50_000).Select(static step => step % 1000 == 0
            ? $"{{\"step\":{step},\"event\":\"epoch\"}}" : $"{{\"step\":{step},\"loss\":1}}"));
        IReadOnlyList<string> lines = LiveHistory.Of(path);
        Assert.InRange(lines.Count, 1000, 1300);
        Assert.Equal(50, lines.Count(static line => line.Contains("epoch", StringComparison.Ordinal)));
        Assert.Contains(lines, static line => line.Contains("\"step\":49999,", StringComparison.Ordinal));
    }

    [Fact]
    public void A_real_training_fills_the_page()
    {
        using var folder = new TempFolder();
        using var log = new LiveLog(folder.Path, WatchedTraining.Validation);
        WatchedTraining.Run(WatchedTraining.Create(3, null, log, new CsvLog(folder.File("log.csv"))));
        RunReport.Write(folder.Path);
        string page = File.ReadAllText(folder.File(RunReport.FileName));
        Assert.Contains("Epochs: 3", page, StringComparison.Ordinal);
        Assert.Contains("BatchNorm1d", page, StringComparison.Ordinal);
    }

    private static void WriteEvilRun(TempFolder folder)
    {
        File.WriteAllText(folder.File("run.json"), $$"""
            {"name":"{{Evil}}","status":"diverged","command":["evenkeel","train","--data","{{Evil}}"],
             "settings":{"batchSize":50,"note":"{{Evil}}"},"data":{"classes":["{{Evil}}","b"]},"figures":{"best":0.5},
             "findings":[{"step":20,"epoch":1,"rule":"EK308","level":"warning","layer":"{{Evil}}","channels":[],
               "measured":0.6,"bound":0.35,"message":"{{Evil}} scatters.","remedy":"Larger batches."},
              {"rule":"EK303","level":"note"}, 5] }
            """);
        File.WriteAllText(
            folder.File("log.csv"), $"epoch,iteration,loss,validation_accuracy,\"{Evil}\"\n1,6,0.5,0.9,0.1\n");
        File.WriteAllText(folder.File("evaluation.json"), $$"""
            {"task":"classification","set":"{{Evil}}","scores":{"{{Evil}}":0.5},
             "confusion":{"classes":["{{Evil}}","b"],"counts":[[3,1],[0,2]]},
             "mistakes":[{"sample":"a\"b'c & d.jpg","expected":"{{Evil}}","predicted":"b","probability":0.98,
               "picture":"data:image/png;base64,AAAA"},
              {"sample":"x","expected":"a","predicted":"b","picture":"https://evil.example/x.png"},
              {"sample":"x","expected":"a","predicted":"b","picture":"data:text/html,{{Evil}}"}],
             "points":[[1,2],[3,2.5],["NaN",1]],
             "norms":[{"layer":"norm1","kind":"{{Evil}}","channels":16,"meanShift":0.01,"varianceRatio":1.1}]}
            """);
        File.WriteAllText(folder.File(LiveLog.FileName),
            "{\"t\":1,\"step\":1,\"epoch\":0,\"event\":\"layers\","
            + $"\"layers\":[{{\"name\":\"{Evil}\",\"std\":1}}]}}\n");
    }
}
