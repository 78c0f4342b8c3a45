using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>Which files a training writes into its folder, and what happens if it cannot.</summary>
public sealed class CheckpointFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-folder").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, 0, 3, "10 15 20")]
    [InlineData(0, 7, 9, "7 14 20")]
    [InlineData(2, 3, 9, "3 6 9 10 12 15 18 20")]
    [InlineData(1, 1, 1, "20")]
    [InlineData(0, 0, 3, "20")]
    public void The_last_ones_of_the_steps_asked_for_are_kept(
        int everyEpochs, int everySteps, int keep, string expected)
    {
        Trainer trainer = Make(new Checkpoints(_folder)
        {
            EveryEpochs = everyEpochs,
            EverySteps = everySteps,
            Keep = keep,
        });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        Assert.Equal(expected, Steps());
        Assert.Equal(Path.Combine(_folder, "step-00000020.safetensors"), Checkpoints.Latest(_folder));
        Assert.Empty(Directory.GetFiles(_folder, ".*"));
    }

    [Fact]
    public void Time_may_ask_for_a_checkpoint()
    {
        int asked = 0;
        Trainer trainer = Make(new Checkpoints(_folder)
        {
            EveryEpochs = 0,
            EveryTime = TimeSpan.FromMilliseconds(200),
            Keep = 100,
        });
        trainer.Options.Callbacks =
        [
            new Calls
            {
                StepEnd = t =>
                {
                    if (t.Iteration is not (3 or 12)) return;
                    asked++;
                    Thread.Sleep(210);
                },
            },
        ];
        trainer.Fit(Samples(100, 1));
        Assert.Equal(2, asked);
        Assert.Superset(new HashSet<string> { "3", "12", "20" }, new HashSet<string>(Steps().Split(' ')));
        Assert.InRange(Steps().Split(' ').Length, 3, 6);
    }

    [Fact]
    public void The_best_model_is_a_file_of_weights()
    {
        Trainer trainer = CreateRising(epochs: 8);
        trainer.Options.Checkpoints = new Checkpoints(_folder);
        TensorDataset validation = Samples(200, 2);
        History history = trainer.Fit(Samples(200, 1), validation);
        Assert.InRange(history.Best!.Epoch, 1, 7);
        Sequential model = Model();
        model.Load(Path.Combine(_folder, "best.safetensors"));
        Assert.Equal(WeightsHash.Of(trainer.Model), WeightsHash.Of(model));
        var other = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        Assert.Equal(history.BestScore, other.Evaluate(validation)["accuracy"]);

        string without = Path.Combine(_folder, "without");
        Trainer plain = CreateRising(epochs: 1);
        plain.Options.Checkpoints = new Checkpoints(without) { KeepBest = false };
        plain.Fit(Samples(200, 1), validation);
        Assert.False(File.Exists(Path.Combine(without, "best.safetensors")));
    }

    [Fact]
    public void A_new_training_does_not_begin_in_the_folder_of_another()
    {
        Make(new Checkpoints(_folder)).Fit(Samples(100, 1));
        string message = Assert.Throws<InvalidOperationException>(
            () => Make(new Checkpoints(_folder)).Fit(Samples(100, 1))).Message;
        Assert.Equal($"Checkpoints: expected a folder without checkpoints for a new training, got 3 in \"{_folder}\". "
            + $"Continue that training with trainer.Resume(\"{_folder}\"), or choose another folder.", message);
        Assert.Equal("10 15 20", Steps());
    }

    [Fact]
    public void Two_trainings_do_not_write_into_one_folder()
    {
        string message = "";
        Trainer trainer = Make(new Checkpoints(_folder));
        trainer.Options.Callbacks =
        [
            new Calls
            {
                StepEnd = t =>
                {
                    if (t.Iteration != 7) return;
                    Trainer second = Make(new Checkpoints(_folder));
                    message = Assert.Throws<IOException>(() => second.Fit(Samples(100, 1))).Message;
                    Assert.Equal(0, second.Iteration);
                },
            },
        ];
        trainer.Fit(Samples(100, 1));
        Assert.Contains("expected the folder", message, StringComparison.Ordinal);
        Assert.Contains("Wait until that one has ended, or choose another folder.", message, StringComparison.Ordinal);
        // When the first has ended, its folder is free.
        trainer.Options.Epochs = 5;
        trainer.Fit(Samples(100, 1));
        Assert.Equal("15 20 25", Steps());
    }

    [Fact]
    public void What_a_killed_process_has_left_half_written_goes()
    {
        string left = Path.Combine(_folder, ".step-00000005.safetensors.abc.tmp"),
            other = Path.Combine(_folder, ".notes.tmp");
        File.WriteAllText(left, "half");
        File.WriteAllText(other, "a user's");
        Make(new Checkpoints(_folder)).Fit(Samples(100, 1));
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(other));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Resume_of_a_folder_takes_the_newest_that_is_not_damaged(int damaged)
    {
        TensorDataset training = Samples(100, 1);
        Trainer whole = Make(new Checkpoints(_folder) { EverySteps = 4, EveryEpochs = 0 });
        whole.Fit(training);
        string[] present = Checkpoints.All(_folder);
        Assert.Equal("12 16 20", Steps());
        File.WriteAllBytes(present[2], File.ReadAllBytes(present[2])[..^1]);
        byte[] flipped = File.ReadAllBytes(present[1]);
        flipped[^9] ^= 4;
        if (damaged == 2) File.WriteAllBytes(present[1], flipped);
        Trainer resumed = Make(new Checkpoints(_folder) { EverySteps = 4, EveryEpochs = 0 });
        Assert.Equal(present[^(damaged + 1)], resumed.Resume(_folder));
        Assert.Equal(damaged == 1 ? 16 : 12, resumed.Iteration);
        Assert.Equal(
            present[^damaged..].Select(static path => path + ".damaged"),
            Directory.GetFiles(_folder, "*.damaged").Order());
        resumed.Fit(training);
        AssertSame(whole, resumed);
        // The damaged ones stand aside and were written anew on the way.
        Trainer again = Make(null);
        again.Resume(Checkpoints.Latest(_folder)!);
        Assert.Equal(20, again.Iteration);
    }

    [Fact]
    public void Resume_of_a_folder_of_damaged_files_or_none_says_so()
    {
        Trainer trainer = Make(null);
        Assert.Contains($"expected a checkpoint (step-NUMBER.safetensors) in the folder \"{_folder}\", got none. Check "
            + "the folder, or begin a new training.",
            Assert.Throws<FileNotFoundException>(() => trainer.Resume(_folder)).Message, StringComparison.Ordinal);
        Assert.Null(Checkpoints.Latest(_folder));
        Assert.Null(Checkpoints.Latest(Path.Combine(_folder, "none")));
        File.WriteAllText(Path.Combine(_folder, "step-00000004.safetensors"), "x");
        File.WriteAllText(Path.Combine(_folder, "step-00000008.safetensors"), "xyz");
        Assert.Throws<InvalidDataException>(() => trainer.Resume(_folder));
        Assert.Equal(0, trainer.Iteration);
    }

    [Fact]
    public void A_folder_that_may_not_be_written_is_refused_before_the_first_step()
    {
        string folder = Path.Combine(_folder, "read-only");
        Directory.CreateDirectory(folder);
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("needs the permissions of Unix");
            return;
        }

        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        // Permissions do not hold the superuser back; a file system that is mounted for reading does.
        using IDisposable? mounted = Environment.IsPrivilegedProcess ? TemporaryDisk.Mount(folder, "size=1m,ro") : null;
        if (Environment.IsPrivilegedProcess && mounted is null) Assert.Skip("needs the right to mount a file system");
        Trainer trainer = Make(new Checkpoints(folder));
        Exception refused = Assert.Throws<UnauthorizedAccessException>(() => trainer.Fit(Samples(100, 1)));
        Assert.StartsWith($"Checkpoints: expected a folder that may be written, got \"{folder}\" (", refused.Message,
            StringComparison.Ordinal);
        Assert.EndsWith("Choose another folder or change its permissions.", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, trainer.Iteration);
        // Nothing was begun, so that it begins elsewhere.
        trainer.Options.Checkpoints = new Checkpoints(Path.Combine(_folder, "other"));
        trainer.Fit(Samples(100, 1));
        Assert.Equal(20, trainer.Iteration);
    }

    [Fact]
    public void A_full_disk_leaves_the_last_checkpoint_and_the_run_goes_on_when_there_is_room()
    {
        string folder = Path.Combine(_folder, "small");
        Directory.CreateDirectory(folder);
        using IDisposable? mounted = TemporaryDisk.Mount(folder, "size=512k");
        if (mounted is null) Assert.Skip("needs the right to mount a small file system");
        TensorDataset training = Samples(100, 1);
        Trainer whole = MakeWide(null), trainer = MakeWide(new Checkpoints(folder) { EverySteps = 1, Keep = 99 });
        whole.Fit(training);
        IOException full = Assert.Throws<IOException>(() => trainer.Fit(training));
        Assert.Contains("could not be written", full.Message, StringComparison.Ordinal);
        Assert.Contains("free some space or choose another folder", full.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder, ".*.tmp"));
        string last = Checkpoints.Latest(folder)!;
        Assert.InRange(trainer.Iteration, 2, 19);

        // Another process goes on from the last file that fitted; the same trainer from where it stands.
        Trainer resumed = MakeWide(null);
        resumed.Resume(folder);
        Assert.Equal(last, Path.Combine(folder, $"step-{resumed.Iteration:00000000}.safetensors"));
        resumed.Fit(training);
        AssertSame(whole, resumed);
        foreach (string path in Checkpoints.All(folder).SkipLast(1)) File.Delete(path);
        trainer.Options.Checkpoints = new Checkpoints(folder) { Keep = 1 };
        trainer.Fit(training);
        AssertSame(whole, trainer);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        foreach ((Checkpoints checkpoints, string message) in new (Checkpoints, string)[]
        {
            (new Checkpoints(_folder) { Keep = 0 }, "expected Keep to be 1 or more, got 0"),
            (new Checkpoints(_folder) { EveryEpochs = -1 }, "expected EveryEpochs to be 0 or more, got -1"),
            (new Checkpoints(_folder) { EverySteps = -1 }, "expected EverySteps to be 0 or more, got -1"),
            (new Checkpoints(_folder) { EveryTime = TimeSpan.Zero }, "expected EveryTime to be a positive time"),
        })
        {
            Assert.Contains(message, Assert.Throws<ArgumentException>(
                () => Make(checkpoints).Fit(Samples(100, 1))).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>The steps of the checkpoints in the folder.</summary>
    private string Steps() => string.Join(' ', Checkpoints.All(_folder).Select(static path =>
        int.Parse(Path.GetFileNameWithoutExtension(path)["step-".Length..], CultureInfo.InvariantCulture)));

    /// <summary>4 epochs of 5 steps.</summary>
    private static Trainer Make(Checkpoints? checkpoints) =>
        CreateFull(new TrainerOptions { Epochs = 4, BatchSize = 20, Seed = 3, Checkpoints = checkpoints });

    /// <summary>The same with a net whose checkpoints have some 100 KB.</summary>
    private static Trainer MakeWide(Checkpoints? checkpoints)
    {
        var model = new Sequential(
            new Linear(Features, 256, random: new Philox(1)), new BatchNorm1d(256), new ReLU(),
            new Linear(256, 4, random: new Philox(2)));
        return new Trainer(model, new Adam(model.Parameters(), 0.01), new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 4, BatchSize = 20, Seed = 3, Checkpoints = checkpoints });
    }
}
