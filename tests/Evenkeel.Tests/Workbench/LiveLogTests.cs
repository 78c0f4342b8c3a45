using System.Text.Json;
using Evenkeel.Tests.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench.Watching;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class LiveLogTests
{
    [Fact]
    public void The_weights_of_a_run_do_not_depend_on_whether_it_is_logged()
    {
        using var folder = new TempFolder();
        string silent = WatchedTraining.Run(WatchedTraining.Create(4, null));
        using var log = new LiveLog(folder.Path, WatchedTraining.Validation, every: 1);
        string logged = WatchedTraining.Run(WatchedTraining.Create(4, null, log));
        Assert.Equal(silent, logged);
        Assert.Contains(Lines(folder), line => Event(line) == "layers");
    }

    [Fact]
    public void Every_line_is_an_object_and_steps_never_go_back()
    {
        using var folder = new TempFolder();
        using var log = new LiveLog(folder.Path, WatchedTraining.Validation, every: 1);
        WatchedTraining.Run(WatchedTraining.Create(3, null, log));
        JsonElement[] lines = Lines(folder);
        Assert.Equal("begin", Event(lines[0]));
        Assert.Equal("end", Event(lines[^1]));
        Assert.Equal(3, lines.Count(line => Event(line) == "epoch"));
        Assert.Equal(3 * WatchedTraining.StepsPerEpoch, lines.Count(line => Event(line) is null));
        long[] steps = [.. lines.Select(line => line.GetProperty("step").GetInt64())];
        Assert.Equal(steps.Order(), steps);
        JsonElement epoch = lines.First(line => Event(line) == "epoch");
        Assert.True(epoch.GetProperty("validation").TryGetProperty("accuracy", out _));
        Assert.All(lines.Where(line => Event(line) is null),
            line => Assert.True(line.GetProperty("imagesPerSecond").GetDouble() > 0));
    }

    [Fact]
    public void A_reading_names_each_layer_with_its_gradients_and_each_norm_with_its_drift()
    {
        using var folder = new TempFolder();
        using var log = new LiveLog(folder.Path, WatchedTraining.Validation);
        Trainer trainer = WatchedTraining.Create(6, null, log);
        WatchedTraining.Run(trainer);
        JsonElement[] readings = [.. Lines(folder).Where(line => Event(line) == "layers")];
        JsonElement first = readings[0], last = readings[^1];
        Assert.Equal(5, first.GetProperty("layers").GetArrayLength());
        JsonElement linear = first.GetProperty("layers")[0];
        Assert.Equal("Linear", linear.GetProperty("type").GetString());
        Assert.True(linear.GetProperty("std").GetDouble() > 0);
        Assert.True(linear.GetProperty("gradientStd").GetDouble() > 0);
        Assert.True(linear.GetProperty("gradientNorm").GetDouble() > 0);
        Assert.False(first.GetProperty("layers")[2].TryGetProperty("gradientNorm", out _));
        // Fresh running statistics are those of N(0, 1), and trained ones follow the data.
        JsonElement begun = Assert.Single(first.GetProperty("norms").EnumerateArray()),
            ended = Assert.Single(last.GetProperty("norms").EnumerateArray());
        Assert.Equal(16, begun.GetProperty("channels").GetInt32());
        Assert.True(Math.Abs(Math.Log(ended.GetProperty("varianceRatio").GetDouble()))
            < Math.Abs(Math.Log(begun.GetProperty("varianceRatio").GetDouble())));
        Assert.InRange(ended.GetProperty("varianceRatio").GetDouble(), 0.5, 2);
    }

    [Fact]
    public void A_resumed_run_drops_what_is_beyond_its_checkpoint_and_a_torn_line()
    {
        using var folder = new TempFolder();
        var checkpoints = new Checkpoints(Path.Combine(folder.Path, "checkpoints")) { Keep = 9 };
        using (var log = new LiveLog(folder.Path, every: 1))
            WatchedTraining.Run(WatchedTraining.Create(3, checkpoints, log));
        string path = Path.Combine(folder.Path, LiveLog.FileName);
        File.AppendAllText(path, "{\"t\":1,\"step\":19,\"ep");

        // The process was killed in the third epoch: the last checkpoint is that of the second.
        File.Delete(Checkpoints.Latest(checkpoints.Folder)!);
        using var resumed = new LiveLog(folder.Path, every: 1);
        Trainer trainer = WatchedTraining.Create(4, checkpoints, resumed);
        trainer.Resume(checkpoints.Folder);
        WatchedTraining.Run(trainer);

        JsonElement[] lines = Lines(folder);
        Assert.Equal(Enumerable.Range(1, 4 * WatchedTraining.StepsPerEpoch),
            lines.Where(line => Event(line) is null).Select(line => line.GetProperty("step").GetInt32()));
        Assert.Equal([1, 2, 3, 4],
            lines.Where(line => Event(line) == "epoch").Select(line => line.GetProperty("epoch").GetInt32()));
    }

    [Fact]
    public void Another_training_in_the_folder_begins_an_empty_log()
    {
        using var folder = new TempFolder();
        using var log = new LiveLog(folder.Path, every: 1);
        WatchedTraining.Run(WatchedTraining.Create(3, null, log));
        WatchedTraining.Run(WatchedTraining.Create(1, null, log));
        Assert.Equal(WatchedTraining.StepsPerEpoch, Lines(folder).Count(line => Event(line) is null));
    }

    [Fact]
    public void A_loss_that_is_no_number_stays_JSON()
    {
        using var folder = new TempFolder();
        using var log = new LiveLog(folder.Path, every: 1);
        Trainer trainer = WatchedTraining.Create(1, null, log);
        trainer.Options.NonFiniteLoss = NonFiniteLoss.SkipBatch;
        trainer.Model.Parameters()[0].Value.AsSpan<float>().Fill(float.NaN);
        WatchedTraining.Run(trainer);
        Assert.Contains(Lines(folder), line =>
            line.TryGetProperty("loss", out JsonElement loss) && loss.ValueEquals("NaN"));
    }

    private static JsonElement[] Lines(TempFolder folder) =>
    [
        .. File.ReadAllLines(Path.Combine(folder.Path, LiveLog.FileName))
            .Select(static line => JsonDocument.Parse(line).RootElement),
    ];

    private static string? Event(JsonElement line) =>
        line.TryGetProperty("event", out JsonElement name) ? name.GetString() : null;
}
