using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class InspectCommandTests
{
    [Fact]
    public void A_model_by_name_is_shown_with_its_layers_parameters_and_memory()
    {
        using LabProcess lab = LabProcess.Run("inspect", "lenet", "--norm", "batch", "--batch-size", "4");
        Assert.Equal(0, lab.Process.ExitCode);
        Assert.StartsWith("LeNet, input (1, 1, 28, 28)\n", lab.Output, StringComparison.Ordinal);
        Assert.Contains("bn1: BatchNorm2d", lab.Output, StringComparison.Ordinal);
        Assert.Contains("Parameters: 62,158 ", lab.Output, StringComparison.Ordinal);
        Assert.Contains("Memory: 248.6 kB of parameters", lab.Output, StringComparison.Ordinal);
        Assert.Contains("A step with 4 samples: ", lab.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_printed_description_is_a_file_for_the_same_command()
    {
        using LabProcess json = LabProcess.Run("inspect", "resnet20", "--norm", "group:8", "--outputs", "3", "--json");
        Assert.Equal(0, json.Process.ExitCode);
        var model = new ResNet(new ResNetOptions { Classes = 3, Norm = NormKind.GroupNorm(8) }, new Philox(1));
        Module made = ModuleDescription.FromJson(json.Output, new Philox(1));
        Assert.Equal(model.StateDict().Keys, made.StateDict().Keys);
        using LabProcess shown = LabProcess.StartInShell(
            "cat > net.json <<'END'\n" + json.Output + "END\nexec \"$0\" \"$@\"",
            ["inspect", "net.json", "--input", "3x32x32"]);
        Assert.Equal(0, shown.Wait());
        Assert.Contains($"Parameters: {model.Parameters().Sum(static p => p.Value.Count):N0} ", shown.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_network_of_a_run_is_shown()
    {
        string run = "{\"schema\": 1, \"model\": " + new FullyConnected(13, [8], 2).ToJson() + ", \"other\": 1}";
        using LabProcess shown = LabProcess.StartInShell(
            "mkdir run empty && cat > run/run.json <<'END'\n" + run + "\nEND\nexec \"$0\" \"$@\"", ["inspect", "run"]);
        Assert.Equal(0, shown.Wait());
        Assert.StartsWith("FullyConnected, input (1, 13)\n", shown.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("inspect resnet2", "Did you mean resnet20?")]
    [InlineData("inspect mlp:3", "expected --input for mlp:3, as 13 or 3x32x32, got none.")]
    [InlineData("inspect lenet --input 3x0", "--input: expected the shape of a sample, as 3x32x32 or 13, got 3x0.")]
    [InlineData("inspect lenet --norm bath", "Did you mean batch?")]
    [InlineData("inspect .", "expected the folder of a run, got \".\", which is a folder without run.json.")]
    [InlineData("inspect no.json --norm batch", "expected --outputs and --norm for a network by name alone")]
    public void Wrong_usage_ends_with_2_and_one_line(string arguments, string expected)
    {
        using LabProcess lab = LabProcess.Run(arguments.Split(' '));
        Assert.Equal(2, lab.Process.ExitCode);
        Assert.Contains(expected, lab.Error, StringComparison.Ordinal);
        Assert.Single(lab.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(lab.Output);
    }

    [Fact]
    public void A_file_that_is_missing_ends_with_1()
    {
        using LabProcess lab = LabProcess.Run("inspect", "no.json");
        Assert.Equal(1, lab.Process.ExitCode);
        Assert.Contains("no.json", lab.Error, StringComparison.Ordinal);
    }
}
