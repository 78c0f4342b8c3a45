using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class CommandLinePageTests
{
    [Fact]
    public void Every_example_of_the_page_runs()
    {
        string page = Repository.Text("docs", "command-line.md");
        string[] examples = [.. page.Split('\n')
            .Where(static line => line.StartsWith("$ evenkeel ", StringComparison.Ordinal))];
        Assert.True(examples.Length > 15, $"only {examples.Length} examples");
        using var folder = new CommandFolder();
        DrawnData.Write(folder.Path);
        foreach (string example in examples)
        {
            using LabProcess process = folder.Start(example["$ evenkeel ".Length..].Split(' '));
            Assert.True(process.Wait() == 0, $"{example}\n{process.Output}\n{process.Error}");
        }
    }
}
