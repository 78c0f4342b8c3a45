using System.Diagnostics;
using System.Text.Json;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Workbench;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class CommandLineTests
{
    [Fact]
    public void Who_types_commands_reads_no_names_of_parameters()
    {
        Exception refused = Assert.Throws<ArgumentException>("x", () => Tensor.Ones([2]).BatchNorm(null, null, null));
        Assert.EndsWith(" (Parameter 'x')", refused.Message, StringComparison.Ordinal);
        string message = refused.Message[..^" (Parameter 'x')".Length];
        Assert.Equal(message[(message.IndexOf(": ", StringComparison.Ordinal) + 2)..], UserText.Of(refused));
        Assert.Equal("expected less Actual value was 3.", UserText.Of(TooMany(3)));

        static Exception TooMany(int count) => new ArgumentOutOfRangeException(nameof(count), count, "expected less");
    }

    [Theory]
    [InlineData("0", 1)]
    [InlineData("1", 0)]
    public void Without_fused_multiply_add_the_lab_says_once_that_it_is_slow(string avx2, int times)
    {
        Assert.SkipUnless(
            System.Runtime.Intrinsics.X86.Fma.IsSupported, "no such instruction that could be switched off");
        using LabProcess lab = LabProcess.Start(
            ["run", "worked-example", "batchnorm-forward", "--quick"], ("DOTNET_EnableAVX2", avx2));
        Assert.Equal(0, lab.Wait());
        Assert.Equal(times, lab.Error.Split("no fused multiply-add").Length - 1);
        Assert.DoesNotContain("fused", lab.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_and_list_end_with_0()
    {
        using LabProcess help = LabProcess.Run("--help");
        Assert.Equal(0, help.Process.ExitCode);
        Assert.Contains("evenkeel [command] [options]", help.Output, StringComparison.Ordinal);
        using LabProcess list = LabProcess.Run("list");
        Assert.Equal(0, list.Process.ExitCode);
        Assert.Contains("deep-net", list.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run deap-net", "Did you mean deep-net?")]
    [InlineData("run no-such-thing-at-all", "unknown experiment 'no-such-thing-at-all'")]
    [InlineData("run deep-net --trheads 2", "unknown option --trheads. Did you mean --threads?")]
    [InlineData("claims C100", "unknown claim 'C100'. Did you mean C10?")]
    [InlineData("claims no-such-claim", "unknown claim 'no-such-claim'. 'evenkeel claims' shows all.")]
    [InlineData("claims --fast", "unknown option --fast.")]
    [InlineData("bench --fliter x", "Did you mean --filter?")]
    [InlineData("run deep-net --threads 0", "--threads: expected a whole number from 1 to 1024, got 0.")]
    [InlineData("run deep-net --epochs -1", "--epochs: expected a whole number from 1")]
    [InlineData("run deep-net --seed x", "--seed: expected a whole number from 0")]
    [InlineData("run deep-net --dtype float16", "--dtype: expected float32 or float64, got float16.")]
    [InlineData("run", "evenkeel run: expected NAME, got none. See 'evenkeel run --help'.")]
    [InlineData("data", "evenkeel data: expected a command (list, show, fetch, path), got none.")]
    [InlineData("list extra", "evenkeel list: expected no further argument, got 'extra'.")]
    [InlineData("run deep-net --threads", "--threads: expected a value, got none.")]
    [InlineData("run deep-net --seed 1 --seed 2", "--seed: expected one value, got 2: 1, 2.")]
    [InlineData("rum", "Did you mean run?")]
    [InlineData("bench --seconds -1", "--seconds: expected a number above 0")]
    [InlineData("bench --filter no-such-case", "--filter: expected part of a case's name")]
    [InlineData("run deep-net --data no-such-folder",
        "--data: expected a folder with image sets, got no-such-folder, which does not exist")]
    public void Wrong_usage_ends_with_2_and_one_line_that_says_why(string arguments, string expected)
    {
        using LabProcess lab = LabProcess.Run(arguments.Split(' '));
        Assert.Equal(2, lab.Process.ExitCode);
        Assert.Contains(expected, lab.Error, StringComparison.Ordinal);
        Assert.Single(lab.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(lab.Output);
    }

    [Fact]
    public void A_folder_without_images_ends_with_1()
    {
        using LabProcess lab = LabProcess.Run("run", "batchnorm-forward", "--data", Path.GetTempPath());
        Assert.Equal(1, lab.Process.ExitCode);
        Assert.Contains("expected cifar-10-binary.tar.gz", lab.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_data_is_wrong_usage()
    {
        using LabProcess lab = LabProcess.Run("run", "deep-net", "--data", "");
        Assert.Equal(2, lab.Process.ExitCode);
        Assert.Contains("--data: expected a folder with image sets, got nothing", lab.Error, StringComparison.Ordinal);
        Assert.Single(lab.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("list", false)]
    [InlineData("--help", false)]
    [InlineData("list", true)]
    public void A_full_standard_output_ends_with_1_and_one_line(string command, bool debug)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using LabProcess lab = LabProcess.StartInShell(
            "exec \"$0\" \"$@\" > /dev/full", [command], debug ? ("EVENKEEL_DEBUG", "1") : default);
        Assert.Equal(1, lab.Wait());
        Assert.StartsWith("evenkeel: ", lab.Error, StringComparison.Ordinal);
        Assert.Equal(debug, lab.Error.Contains("   at ", StringComparison.Ordinal));
        if (!debug) Assert.Single(lab.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("FILE", "FILE, which is a file")]
    [InlineData("FILE/out/below", "FILE/out/below, but FILE is a file")]
    [InlineData("", "nothing")]
    public void An_out_folder_that_cannot_be_written_ends_with_1_before_anything_runs(string folder, string got)
    {
        string file = Path.GetTempFileName();
        try
        {
            using LabProcess lab = LabProcess.Run("run", "batchnorm-forward", "--out", folder.Replace("FILE", file));
            Assert.Equal(1, lab.Process.ExitCode);
            Assert.Equal($"evenkeel run: --out: expected a folder to write to, got {got.Replace("FILE", file)}. "
                + "Choose another folder.", lab.Error.Trim());
            Assert.Empty(lab.Output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_run_writes_its_file_and_prints_the_same_object()
    {
        using LabProcess lab = LabProcess.Run("run", "batchnorm-forward", "batchnorm-gradient", "--json");
        Assert.Equal(0, lab.Process.ExitCode);
        string[] lines = lab.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        using JsonDocument printed = JsonDocument.Parse(lines[0]);
        using JsonDocument stored = JsonDocument.Parse(File.ReadAllText(lab.PathOf("out/batchnorm-forward.json")));
        Assert.True(JsonElement.DeepEquals(printed.RootElement, stored.RootElement));
        string[] members = [.. stored.RootElement.EnumerateObject().Select(member => member.Name)];
        Assert.Equal(
            ["experiment", "title", "lesson", "settings", "environment",
                "data", "seconds", "figures", "series", "tables", "claims", "notes", "weightsHash", "replicates"],
            members);
        Assert.Equal(231, stored.RootElement.GetProperty("settings").GetProperty("seed").GetInt64());
        Assert.Equal(JsonValueKind.Null, stored.RootElement.GetProperty("data").ValueKind);
        Assert.All(stored.RootElement.GetProperty("claims").EnumerateArray(),
            claim => Assert.Equal("holds", claim.GetProperty("verdict").GetString()));
        Assert.Equal(["batchnorm-forward.json", "batchnorm-gradient.json"],
            Directory.GetFiles(lab.PathOf("out")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_pipe_gets_no_escape_codes_and_no_line_over_80_columns()
    {
        using LabProcess lab = LabProcess.Run("run", "deep-net", "--quick", "--epochs", "1");
        Assert.Equal(0, lab.Process.ExitCode);
        Assert.DoesNotContain('\e', lab.Output + lab.Error);
        Assert.Contains("synthetic images (embedded;", lab.Output, StringComparison.Ordinal);
        Assert.Contains("deep-net: batchnorm, epoch 1/1", lab.Error, StringComparison.Ordinal);
        Assert.All(lab.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public void Reproduce_refuses_a_folder_of_other_settings_and_replaces_them_when_told()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using LabProcess seeded = LabProcess.Run("run", "batchnorm-dimensions", "--quick", "--seed", "7");
        Assert.Equal(0, seeded.Process.ExitCode);
        string folder = seeded.PathOf("out"), file = Path.Combine(folder, "batchnorm-dimensions.json");
        byte[] before = File.ReadAllBytes(file);

        using LabProcess refused = LabProcess.Run("reproduce", "--quick", "--out", folder);
        Assert.Equal(2, refused.Process.ExitCode);
        Assert.Contains("the folder holds results of other settings: batchnorm-dimensions was run with seed 7",
            refused.Error, StringComparison.Ordinal);
        Assert.Contains("--replace", refused.Error, StringComparison.Ordinal);
        Assert.Empty(refused.Output);
        Assert.Equal(before, File.ReadAllBytes(file));

        // What is asked for anew is run, from the first experiment on; here it is enough that it begins.
        using LabProcess replaced = LabProcess.Start("reproduce", "--quick", "--replace", "--out", folder);
        WaitFor(() => replaced.Error.Contains(ExperimentCatalog.All[0].Name, StringComparison.Ordinal));
        replaced.Signal("-INT");
        Assert.Equal(130, replaced.Wait(seconds: 60));
        Assert.Contains(
            $"interrupted; finished experiments and seeds are kept in {folder}. The same command continues from there.",
            replaced.Error, StringComparison.Ordinal);
        Assert.All(replaced.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public void Ctrl_C_ends_with_130_and_keeps_what_is_finished()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using LabProcess lab = LabProcess.Start("run", "batchnorm-forward", "weight-scale", "--epochs", "1000");
        WaitFor(() => File.Exists(lab.PathOf("out/batchnorm-forward.json"))
            && lab.Output.Contains("batchnorm-forward.json", StringComparison.Ordinal));
        Thread.Sleep(300);
        lab.Signal("-INT");
        Assert.Equal(130, lab.Wait(seconds: 20));
        Assert.Contains("interrupted", lab.Error, StringComparison.Ordinal);
        Assert.Equal(["batchnorm-forward.json"], Directory.GetFiles(lab.PathOf("out")).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("-INT")]
    [InlineData("-KILL")]
    public void A_killed_run_leaves_whole_files_and_the_same_command_goes_on_from_them(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        // Two experiments of milliseconds, then one of seconds.
        string[] command = ["claims", "C10", "C11", "C7", "--quick", "--json"];
        using LabProcess killed = LabProcess.Start(command);
        string folder = killed.PathOf("out"), scale = Path.Combine(folder, "scale-invariance.json"),
            bias = Path.Combine(folder, "redundant-bias.json");
        WaitFor(() => killed.Error.Contains("init-depth: ", StringComparison.Ordinal));
        killed.Signal(signal);
        int code = killed.Wait(seconds: 60);
        if (signal == "-INT") Assert.Equal(130, code);
        Assert.All(Directory.GetFiles(folder, "*.json"), file => JsonDocument.Parse(File.ReadAllText(file)).Dispose());
        Assert.Equal(2, Replicates(scale));
        Assert.Equal(2, Replicates(bias));

        // A file that ends in the middle counts as none; one that is whole is not written again.
        byte[] whole = File.ReadAllBytes(scale);
        File.WriteAllText(bias, "{ \"experiment\": \"redundant-bias\", \"sett");
        using LabProcess resumed = LabProcess.Start([.. command, "--out", folder]);
        Assert.Equal(0, resumed.Wait(seconds: 300));
        Assert.Equal(3, resumed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(whole, File.ReadAllBytes(scale));
        Assert.Equal(2, Replicates(bias));
        Assert.DoesNotContain("scale-invariance: ", resumed.Error, StringComparison.Ordinal);
        Assert.Contains("redundant-bias: ", resumed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Claims_are_listed_run_explained_and_printed_as_objects()
    {
        using LabProcess none = LabProcess.Run("claims");
        Assert.Equal(0, none.Process.ExitCode);
        Assert.Contains("out holds no results.", none.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(none.PathOf("out")));

        using LabProcess run = LabProcess.Run("claims", "c10", "--quick");
        Assert.Equal(0, run.Process.ExitCode);
        string folder = run.PathOf("out");
        Assert.Equal(["scale-invariance.json"], Directory.GetFiles(folder).Select(Path.GetFileName));
        Assert.Contains("holds, except for k = 0.01 and k = 0.001", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', run.Output);
        Assert.All(run.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(folder, "scale-invariance.json"));

        using LabProcess again = LabProcess.Run("claims", "C10", "--quick", "--json", "--out", folder);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(folder, "scale-invariance.json")));
        using JsonDocument claim = JsonDocument.Parse(again.Output);
        string[] members = [.. claim.RootElement.EnumerateObject().Select(static member => member.Name)];
        Assert.Equal(
            ["id", "statement",
                "lesson", "rule", "verdict", "whyNone", "effect", "interval", "seeds", "condition", "cases"],
            members);
        Assert.Equal("holds-if", claim.RootElement.GetProperty("verdict").GetString());
        Assert.Equal("except for k = 0.01 and k = 0.001", claim.RootElement.GetProperty("condition").GetString());
        Assert.Equal(3, claim.RootElement.GetProperty("seeds").GetInt32());
        Assert.Equal(3, claim.RootElement.GetProperty("cases")[0].GetProperty("values").GetArrayLength());
        Assert.Equal(2, claim.RootElement.GetProperty("interval").GetArrayLength());

        using LabProcess list = LabProcess.Run("claims", "--json", "--out", folder);
        string[] lines = list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(ClaimCatalog.All.Count, lines.Length);
        Assert.Contains(again.Output.TrimEnd('\n'), lines);
        using JsonDocument other = JsonDocument.Parse(
            lines.First(static line => line.Contains("\"id\":\"C17\"", StringComparison.Ordinal)));
        Assert.Equal(JsonValueKind.Null, other.RootElement.GetProperty("verdict").ValueKind);
        Assert.Equal(JsonValueKind.Null, other.RootElement.GetProperty("interval").ValueKind);

        using LabProcess refused = LabProcess.Run("claims", "C10", "--out", folder);
        Assert.Equal(2, refused.Process.ExitCode);
        Assert.Contains("the folder holds results of other settings", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_prints_one_object_a_case()
    {
        using LabProcess lab = LabProcess.Run(
            "bench", "--filter", "batchnorm/train-forward/5x100", "--seconds", "0.01", "--threads", "1", "--json");
        Assert.Equal(0, lab.Process.ExitCode);
        using JsonDocument line = JsonDocument.Parse(lab.Output);
        Assert.Equal("batchnorm/train-forward/5x100", line.RootElement.GetProperty("case").GetString());
        Assert.Equal(1, line.RootElement.GetProperty("threads").GetInt32());
        Assert.True(line.RootElement.GetProperty("median_us").GetDouble() > 0);
    }

    [Fact]
    public void Data_path_says_embedded_without_data()
    {
        using LabProcess lab = LabProcess.Run("data", "path");
        Assert.Equal(0, lab.Process.ExitCode);
        Assert.Equal("cifar-10\tembedded\nfashion-mnist\tembedded\nbanknotes\tembedded\n", lab.Output);
    }

    [Fact]
    public void Reproduce_ends_where_results_can_not_be_stored()
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-full-").FullName;
        try
        {
            // What a full disk does, a folder in the place of the first file does as well.
            Directory.CreateDirectory(Path.Combine(folder, $"{ExperimentCatalog.All[0].Name}.json"));
            using LabProcess lab = LabProcess.Run("reproduce", "--quick", "--out", folder);
            Assert.Equal(1, lab.Process.ExitCode);
            Assert.Contains("evenkeel reproduce: could not write", lab.Error, StringComparison.Ordinal);
            Assert.DoesNotContain(ExperimentCatalog.All[1].Name, lab.Output, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("run", "deep-net", "--epoch")]
    [InlineData("claims", "C1", "--epoch")]
    [InlineData("data", "fetch", "cifar-10", "--form")]
    public void A_hint_ends_as_a_question_and_a_sentence_follows(params string[] words)
    {
        using LabProcess lab = LabProcess.Run(words);
        Assert.Equal(2, lab.Process.ExitCode);
        Assert.Matches(@"unknown option --\w+\. Did you mean --\w+\? See 'evenkeel [\w ]+ --help'\.", lab.Error);
    }

    [Fact]
    public void Claims_say_what_of_a_folder_they_can_not_be_judged_by()
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-mixed-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "deep-net.json"), "{");
            using LabProcess one = LabProcess.Run("run", "worked-example", "--quick", "--out", folder);
            using LabProcess other = LabProcess.Run("run", "scale-invariance", "--out", folder);
            using LabProcess list = LabProcess.Run("claims", "--out", folder);
            Assert.Equal(0, list.Process.ExitCode);
            Assert.Contains("deep-net.json is ignored", list.Error, StringComparison.Ordinal);
            Assert.Contains("Results of several settings", list.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Replicates(string file)
    {
        using JsonDocument stored = JsonDocument.Parse(File.ReadAllText(file));
        return stored.RootElement.GetProperty("replicates").GetArrayLength();
    }

    private static void WaitFor(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed.TotalSeconds < 60, "waited a minute in vain");
            Thread.Sleep(20);
        }
    }
}
