using System.Text.Json.Nodes;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>A folder in which commands are run one after another; it is removed at the end.</summary>
internal sealed class CommandFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("evenkeel-workbench-").FullName;

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    public void Write(string name, string text) => File.WriteAllText(PathOf(name), text);

    /// <summary>
    /// Starts a command. The tool optimizes all of its code at once, for runs of seconds; a command of tests runs most
    /// of its code once. No result depends on it.
    /// </summary>
    public LabProcess Start(params ReadOnlySpan<string> arguments) =>
        LabProcess.StartIn(Path, arguments, ("DOTNET_TieredCompilation", "1"));

    /// <summary>Runs a command that must succeed; returns what it printed.</summary>
    public string Run(string arguments)
    {
        using LabProcess process = Start(arguments.Split(' '));
        Check(process, 0, arguments);
        return process.Output;
    }

    /// <summary>The same where the command finds the real data by name.</summary>
    public string RunOnRealData(string arguments)
    {
        using LabProcess process = LabProcess.StartIn(Path, arguments.Split(' '), ("EVENKEEL_DATA", RealData.Folder!));
        Check(process, 0, arguments);
        return process.Output;
    }

    /// <summary>Runs a command that must fail with a code; returns its error text.</summary>
    public string Fail(int code, string arguments)
    {
        using LabProcess process = Start(arguments.Split(' '));
        Check(process, code, arguments);
        return process.Error;
    }

    public JsonNode RunJson(string name) =>
        JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(Path, "runs", name, "run.json")))!;

    private static void Check(LabProcess process, int code, string arguments)
    {
        int actual = process.Wait();
        Assert.True(actual == code, $"{arguments}: {actual}\n{process.Output}\n{process.Error}");
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
