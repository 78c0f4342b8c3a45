using System.Text.Json.Nodes;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class RealDataTrainingTests
{
    [Fact]
    public void Fashion_MNIST_is_learned_in_one_epoch_by_name()
    {
        RealData.Require("fashion-mnist");
        using var folder = new CommandFolder();
        folder.RunOnRealData("train --data fashion-mnist --model lenet --epochs 1 --name fashion");
        JsonNode figures = folder.RunJson("fashion")["figures"]!;
        // One epoch of LeNet with batch norm: 0.876 here. Linear classifiers reach 0.84 after many.
        Assert.InRange((double)figures["test"]!["accuracy"]!, 0.86, 0.92);
    }

    [Fact]
    public void Banknotes_are_told_apart_though_near_duplicates_stay_on_one_side()
    {
        string photographs = RealData.Require("rmb");
        using var folder = new CommandFolder();
        string output = folder.RunOnRealData(
            $"train --data {photographs} --size 32 --model lenet --epochs 30 --augment standard --name notes");
        Assert.Contains("Pictures that show nearly the same stay in one part", output, StringComparison.Ordinal);
        JsonNode figures = folder.RunJson("notes")["figures"]!;
        // Half of the photographs show either note.
        Assert.InRange((double)figures["validation"]!["accuracy"]!, 0.8, 1);
    }
}
