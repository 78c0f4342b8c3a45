using System.Globalization;
using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class TrainCommandTests
{
    [Fact]
    public void A_table_with_three_classes_is_learned_better_than_a_straight_line_can()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(1500, seed: 1));
        folder.Write("test.csv", DrawnData.Wine(1000, seed: 9));
        folder.Run("train --data wine.csv --target quality --drop alcohol --name wine --epochs 40");
        JsonNode evaluation = JsonNode.Parse(folder.Run("evaluate runs/wine --data test.csv --json"))!;
        double accuracy = (double)evaluation["scores"]!["accuracy"]!;
        // Three grades by a product of two numbers: a plane separates nothing, the largest class is about 60 %.
        double largest = evaluation["confusion"]!["counts"]!.AsArray()
            .Max(static row => row!.AsArray().Sum(static count => (double)count!)) / 1000;
        Assert.InRange(largest, 0.5, 0.7);
        Assert.True(accuracy > 0.88, $"accuracy {accuracy}, the largest class has {largest}");
    }

    [Fact]
    public void A_regression_comes_near_the_noise_and_far_below_the_linear_baseline()
    {
        using var folder = new CommandFolder();
        string training = DrawnData.Wine(1500, seed: 1), test = DrawnData.Wine(1000, seed: 9);
        folder.Write("wine.csv", training);
        folder.Write("test.csv", test);
        folder.Run("train --data wine.csv --target alcohol --drop quality --name wine --epochs 60");
        JsonNode evaluation = JsonNode.Parse(folder.Run("evaluate runs/wine --data test.csv --json"))!;
        double rmse = (double)evaluation["scores"]!["rmse"]!;
        double linear = LinearBaseline.RootMeanSquaredError(training, test);
        Assert.InRange(linear, 0.4, 2);
        // The noise has a deviation of 0.2; here it is 0.35, and the line 0.87.
        Assert.True(rmse < 0.42 && rmse < 0.5 * linear, $"rmse {rmse}, linear {linear}");
    }

    [Fact]
    public void A_run_that_is_killed_and_resumed_ends_with_the_bits_of_one_that_nobody_disturbed()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(6000, seed: 1));
        const string command = "train --data wine.csv --target quality --model mlp:256,256 --epochs 30 --save-every 1";
        folder.Run($"{command} --name whole");
        using (LabProcess killed = folder.Start($"{command} --name killed".Split(' ')))
        {
            string checkpoints = folder.PathOf("runs/killed/checkpoints");
            while (!killed.Process.HasExited
                && !(Directory.Exists(checkpoints) && Directory.GetFiles(checkpoints, "step-*").Length > 0))
                Thread.Sleep(20);
            killed.Process.Kill();
            killed.Process.WaitForExit();
        }

        string table = folder.Run("runs --json");
        Assert.Contains("\"status\":\"killed\"", table, StringComparison.Ordinal);
        folder.Run("train --resume runs/killed");
        string[] names = ["whole", "killed"];
        string?[] hashes = [.. names.Select(name => (string?)folder.RunJson(name)["weightsHash"])];
        Assert.Equal(hashes[0], hashes[1]);
        Assert.Equal("completed", (string?)folder.RunJson("killed")["status"]);
        string[] logs = [.. names.Select(name => File.ReadAllText(folder.PathOf($"runs/{name}/log.csv")))];
        Assert.Equal(logs[0], logs[1]);
    }

    [Fact]
    public void Interrupting_saves_and_says_how_to_go_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are those of Unix");
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(6000, seed: 1));
        using LabProcess process = folder.Start(
            "train --data wine.csv --target quality --model mlp:256,256 --epochs 1000 --name long".Split(' '));
        while (!process.Process.HasExited && !process.Error.Contains("epoch 2/", StringComparison.Ordinal))
            Thread.Sleep(20);
        process.Signal("-INT");
        Assert.Equal(130, process.Wait());
        Assert.Contains("evenkeel train --resume runs/long", process.Error, StringComparison.Ordinal);
        Assert.Equal("interrupted", (string?)folder.RunJson("long")["status"]);
        Assert.NotEmpty(Directory.GetFiles(folder.PathOf("runs/long/checkpoints"), "step-*"));
        Assert.Contains("The run has not ended", PredictNote(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_that_diverges_names_the_layer_and_exits_with_3()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        string error = folder.Fail(
            3, "train --data wine.csv --target alcohol --norm none --optimizer sgd --lr 1000000 --name wild");
        Assert.Contains("diverged at step", error, StringComparison.Ordinal);
        Assert.Contains("the first values that are not finite come from", error, StringComparison.Ordinal);
        Assert.Contains("Try --lr 100000 or --clip 1, or --warmup 1.", error, StringComparison.Ordinal);
        Assert.Equal("diverged", (string?)folder.RunJson("wild")["status"]);
    }

    [Theory]
    [InlineData("--target qualty", "Did you mean \"quality\"?")]
    [InlineData("--target quality --batch-size 5000", "expected at most the 239 samples that train, got 5000.")]
    [InlineData("--target quality --model resnet20", "resnet20")]
    [InlineData("--target quality --model mlq:3", "Did you mean mlp")]
    [InlineData("--target quality --norm bach", "Did you mean batch?")]
    [InlineData("--target quality --lr -1", "--lr: expected a number from 1E-12 to")]
    [InlineData("--target quality --optimizer adan", "--optimizer: expected one of adam, adamw")]
    [InlineData("--target quality --epochs 0", "--epochs: expected a whole number from 1")]
    [InlineData("--target quality --validation 1.5", "--validation: expected a number from 0 to 0.9, got 1.5.")]
    [InlineData("--target quality --epochs 5 --warmup 5", "--warmup: expected fewer epochs than the 5")]
    [InlineData("--target quality --drop nothing", "nothing")]
    [InlineData("--target quality --size 32", "--size: expected none, got one: it is for pictures")]
    [InlineData("--target quality --momentum 0.5", "--momentum: expected sgd or rmsprop with it, got adam.")]
    [InlineData("--target quality --schedule constant --warmup 1", "--warmup: expected --schedule cosine with it")]
    [InlineData("--target alcohol --class-weights balanced", "expected a classification with them")]
    [InlineData("--target quality --batch-size 1", "expected more than one value per channel")]
    [InlineData("--target quality --schedule onecycle --lr 0", "expected")]
    [InlineData("--target quality --task regression", "quality")]
    public void A_wrong_setting_is_refused_with_what_is_right(string settings, string message)
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        string error = Refused(folder, $"train --data wine.csv {settings}");
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.PathOf("runs")), "a refused training leaves a folder");
    }

    [Theory]
    [InlineData("a,b\n1,x\n", "expected at least two rows")]
    [InlineData("a,b\n1,x\n2,x\n3,x\n4,x\n", "expected at least two classes")]
    [InlineData("", "empty")]
    [InlineData("a,b\n1,x\n2,y,z\n", "line 3")]
    [InlineData("a,b\n1,1.5\n2,2.5\ninf,3.5\n4,4.5\n", "line 4")]
    public void A_table_that_cannot_be_learned_says_why(string table, string message)
    {
        using var folder = new CommandFolder();
        folder.Write("t.csv", table);
        Assert.Contains(message, Refused(folder, "train --data t.csv --target b"), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.PathOf("runs")));
    }

    [Fact]
    public void Columns_that_tell_nothing_or_too_much_are_said_before_anything_runs()
    {
        using var folder = new CommandFolder();
        var text = new System.Text.StringBuilder("id,same,value,copy,target\n");
        for (int i = 0; i < 200; i++)
        {
            string target = i % 3 == 0 ? "yes" : "no";
            text.Append(CultureInfo.InvariantCulture, $"{i},7,{Math.Sin(i):0.000},{(i % 3 == 0 ? 1 : 0)},{target}\n");
        }

        folder.Write("t.csv", text.ToString());
        string output = folder.Run("train --data t.csv --target target --dry-run");
        Assert.Contains("identify", output, StringComparison.Ordinal);
        Assert.Contains("same", output, StringComparison.Ordinal);
        Assert.Contains("copy", output, StringComparison.Ordinal);
        Assert.Contains("Nothing was trained", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.PathOf("runs")));
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(60, seed: 1));
        Says("\"wines.csv\", which is none", "train --data wines.csv");
        Says("Did you mean cifar-10?", "train --data cifar10");
        Says("evenkeel data fetch cifar-10", "train --data cifar-10");
        Says("expected --data", "train --target quality");
        Says("which is no folder", "train --resume runs/x");
        Says("which is no folder", "predict runs/x wine.csv");
        Says("which does not exist", "runs");

        void Says(string message, string arguments) =>
            Assert.Contains(message, folder.Fail(2, arguments), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_keeps_its_folder_its_settings_and_its_data()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        folder.Run("train --data wine.csv --target quality --name a --epochs 2");
        Assert.Contains(
            "expected a new or an empty folder", folder.Fail(2, "train --data wine.csv --target quality --name a"),
            StringComparison.Ordinal);
        Assert.Contains(
            "--lr: expected no other setting than --epochs", folder.Fail(2, "train --resume runs/a --lr 1"),
            StringComparison.Ordinal);
        string json = File.ReadAllText(folder.PathOf("runs/a/run.json"));
        string lockFile = folder.PathOf("runs/a/lock");
        using (new FileStream(lockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
            Assert.Contains("is being trained", folder.Fail(1, "train --resume runs/a"), StringComparison.Ordinal);
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 2));
        Assert.Contains("has changed since", folder.Fail(1, "train --resume runs/a"), StringComparison.Ordinal);
        folder.Write("runs/a/run.json", json.Replace("\"schema\": 1", "\"schema\": 99", StringComparison.Ordinal));
        Assert.Contains("of version 99", folder.Fail(1, "train --resume runs/a"), StringComparison.Ordinal);
        folder.Write("runs/a/run.json", json[..^20]);
        Assert.Contains("is damaged", folder.Fail(1, "predict runs/a wine.csv"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_bits_depend_on_the_seed_and_not_on_the_threads()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(400, seed: 1));
        const string command = "train --data wine.csv --target quality --epochs 3";
        folder.Run($"{command} --name one --threads 1 --workers 0");
        folder.Run($"{command} --name two --threads 3 --workers 2");
        folder.Run($"{command} --name other --seed 1");
        string? hash = (string?)folder.RunJson("one")["weightsHash"];
        Assert.Equal(hash, (string?)folder.RunJson("two")["weightsHash"]);
        Assert.NotEqual(hash, (string?)folder.RunJson("other")["weightsHash"]);
    }

    [Fact]
    public void A_file_of_layers_trains_and_a_changed_one_is_not_resumed()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        folder.Run("train --data wine.csv --target quality --model mlp:16 --name named --epochs 2");
        folder.Write("net.json", folder.Run("inspect runs/named --json"));
        folder.Run("train --data wine.csv --target quality --model net.json --name filed --epochs 2 --batch-size 32");
        Assert.Equal("completed", (string?)folder.RunJson("filed")["status"]);
        folder.Write("net.json", File.ReadAllText(folder.PathOf("net.json")).Replace(
            "\"outFeatures\": 16", "\"outFeatures\": 12", StringComparison.Ordinal)
            .Replace("\"inFeatures\": 16", "\"inFeatures\": 12", StringComparison.Ordinal)
            .Replace("\"numFeatures\": 16", "\"numFeatures\": 12", StringComparison.Ordinal));
        string before = File.ReadAllText(folder.PathOf("runs/filed/run.json"));
        Assert.Contains("expected the model of the run", folder.Fail(1, "train --resume runs/filed"),
            StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(folder.PathOf("runs/filed/run.json")));
        folder.Run("predict runs/filed wine.csv --csv");
    }

    [Fact]
    public void A_run_is_prolonged_if_its_schedule_allows_it_and_left_alone_if_not()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        folder.Run("train --data wine.csv --target quality --schedule constant --name steady --epochs 2");
        folder.Run("train --resume runs/steady --epochs 4");
        folder.Run("train --data wine.csv --target quality --schedule constant --name whole --epochs 4");
        Assert.Equal(4, (int?)folder.RunJson("steady")["figures"]!["epochs"]);
        Assert.Equal((string?)folder.RunJson("whole")["weightsHash"], (string?)folder.RunJson("steady")["weightsHash"]);
        folder.Run("train --data wine.csv --target quality --name ending --epochs 2");
        string before = File.ReadAllText(folder.PathOf("runs/ending/run.json"));
        Assert.Contains("its schedule cosine ends with them", folder.Fail(2, "train --resume runs/ending --epochs 4"),
            StringComparison.Ordinal);
        Assert.Contains("Nothing was trained", folder.Run("train --resume runs/ending --dry-run"),
            StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(folder.PathOf("runs/ending/run.json")));
    }

    [Fact]
    public void Pictures_are_told_apart_and_a_broken_one_is_named_everywhere()
    {
        using var folder = new CommandFolder();
        DrawnData.Pets(folder.PathOf("photos"), perClass: 60, seed: 3);
        folder.Run("train --data photos/ --model lenet --name pets --epochs 12 --augment standard");
        Assert.InRange((double)folder.RunJson("pets")["figures"]!["validation"]!["accuracy"]!, 0.95, 1);
        string[] lines = folder.Run("predict runs/pets photos/cat photos/dog/7.png --csv").TrimEnd().Split('\n');
        Assert.Equal("sample,prediction,p(cat),p(dog)", lines[0]);
        Assert.Equal(62, lines.Length);
        Assert.StartsWith("photos/dog/7.png,dog,", lines[^1], StringComparison.Ordinal);
        folder.Write("photos/cat/broken.png", "no picture");
        Assert.Contains("broken.png\" cannot be decoded", folder.Fail(1, "predict runs/pets photos/cat --csv"),
            StringComparison.Ordinal);
        Assert.Contains("broken.png\" cannot be decoded", folder.Fail(1, "train --data photos"),
            StringComparison.Ordinal);
        string output = folder.Run("train --data photos --skip-bad --epochs 1 --name rest --model lenet");
        Assert.Contains("1 file is left out", output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_several_tables_are_told_apart_and_values_out_of_range_are_refused()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        folder.Run("train --data wine.csv --target quality --drop alcohol --name a --epochs 2");
        string output = folder.Run("predict runs/a wine.csv wine.csv --csv");
        Assert.Contains("\nwine.csv line 2,", output, StringComparison.Ordinal);
        folder.Write("far.csv", "id,bottled,region,sugar,acidity\n1,2020-01-01,north,3e38,0\n");
        Assert.Contains("expected a finite answer to line 2", folder.Fail(1, "predict runs/a far.csv --json"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_of_a_model_predicts_without_its_run()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(300, seed: 1));
        folder.Run("train --data wine.csv --target quality --name a --epochs 2");
        string expected = folder.Run("predict runs/a wine.csv --csv");
        File.Move(folder.PathOf("runs/a/model.safetensors"), folder.PathOf("wine-model.safetensors"));
        Directory.Delete(folder.PathOf("runs"), recursive: true);
        Assert.Equal(expected, folder.Run("predict wine-model.safetensors wine.csv --csv"));
        new Linear(2, 3).Save(folder.PathOf("bare.safetensors"));
        Assert.Contains("neither the layers nor the preparation", folder.Fail(2, "predict bare.safetensors wine.csv"),
            StringComparison.Ordinal);
        Assert.Contains("safetensors", folder.Fail(1, "predict wine.csv wine.csv"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_is_said_and_leaves_no_half_file()
    {
        using var folder = new CommandFolder();
        folder.Write("wine.csv", DrawnData.Wine(600, seed: 1));
        Directory.CreateDirectory(folder.PathOf("runs"));
        using var disk = TemporaryDisk.Mount(folder.PathOf("runs"), "size=600k");
        Assert.SkipUnless(disk is not null, "a file system in memory cannot be mounted");
        string error = folder.Fail(
            1, "train --data wine.csv --target quality --model mlp:512,512 --epochs 3 --name full --save-every 1");
        Assert.Contains("could not be written", error, StringComparison.Ordinal);
        Assert.Contains("free some space or choose another folder", error, StringComparison.Ordinal);
        Assert.DoesNotContain("EVENKEEL_DEBUG", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.PathOf("runs"), "*.tmp", SearchOption.AllDirectories));
    }

    private static string PredictNote(CommandFolder folder)
    {
        using LabProcess process = folder.Start("predict", "runs/long", "wine.csv", "--csv");
        Assert.Equal(0, process.Wait());
        return process.Error;
    }

    /// <summary>Refused as wrong usage or as wrong data.</summary>
    private static string Refused(CommandFolder folder, string arguments)
    {
        using LabProcess process = folder.Start(arguments.Split(' '));
        Assert.InRange(process.Wait(), 1, 2);
        return process.Error;
    }
}
