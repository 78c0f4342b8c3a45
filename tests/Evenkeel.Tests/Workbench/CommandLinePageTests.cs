using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class CommandLinePageTests
{
    /// <summary>Takes a whole run of every op, which <see cref="Promises.OpBitsTests"/> make anyway.</summary>
    private const string RunElsewhere = "$ evenkeel bits ";

    [Fact]
    public void Every_example_of_the_page_runs()
    {
        string page = Repository.Text("docs", "command-line.md");
        string[] examples = [.. page.Split('\n')
            .Where(static line => line.StartsWith("$ evenkeel ", StringComparison.Ordinal))];
        Assert.True(examples.Length > 15, $"only {examples.Length} examples");
        using var folder = new CommandFolder();
        DrawnData.Write(folder.Path);
        foreach (string example in examples.Where(
            static line => !line.StartsWith(RunElsewhere, StringComparison.Ordinal)))
        {
            using LabProcess process = folder.Start(example["$ evenkeel ".Length..].Split(' '));
            // A training of a few steps leaves start values in the statistics, and the doctor finds them: 1.
            int most = example.StartsWith("$ evenkeel doctor ", StringComparison.Ordinal) ? 1 : 0;
            Assert.True(process.Wait() <= most, $"{example}\n{process.Output}\n{process.Error}");
        }
    }
}
