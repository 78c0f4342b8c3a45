using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>Runs the built lab as a user does: in a process of its own, in a folder of its own.</summary>
internal sealed class LabProcess : IDisposable
{
    private readonly StringBuilder _output = new(), _error = new();

    private readonly bool _ownsFolder;

    private LabProcess(Process process, string folder, bool ownsFolder) =>
        (Process, Folder, _ownsFolder) = (process, folder, ownsFolder);

    public Process Process { get; }

    /// <summary>
    /// The working directory, where <c>out</c> is made; removed with this object if it was made for it.
    /// </summary>
    public string Folder { get; }

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    public string Error
    {
        get { lock (_error) return _error.ToString(); }
    }

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>
    /// Starts the lab; standard output and error are pipes. The tool optimizes all of its code at once, for runs of
    /// seconds; what tests run is over before that pays. No result depends on it.
    /// </summary>
    public static LabProcess Start(params ReadOnlySpan<string> arguments) =>
        Start(arguments, ("DOTNET_TieredCompilation", "1"));

    /// <summary>
    /// Starts the lab as the tool is, with one more environment variable, for example a hardware level switched off.
    /// </summary>
    public static LabProcess Start(ReadOnlySpan<string> arguments, (string Name, string Value) environment) =>
        StartInShell(script: null, arguments, environment);

    /// <summary>Starts the lab in a folder that is there, and that stays.</summary>
    public static LabProcess StartIn(
        string folder, ReadOnlySpan<string> arguments, (string Name, string Value) environment = default) =>
        StartInShell(script: null, arguments, environment, folder);

    /// <summary>
    /// Starts the lab by a line of shell, which finds the lab's command line in "$0" "$@": for redirections.
    /// </summary>
    public static LabProcess StartInShell(
        string? script, ReadOnlySpan<string> arguments, (string Name, string Value) environment = default,
        string? existingFolder = null)
    {
        string folder = existingFolder ?? Directory.CreateTempSubdirectory("evenkeel-lab-").FullName;
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";
        var start = new ProcessStartInfo(script is null ? host : "/bin/sh")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Remove("EVENKEEL_DATA");
        // What this user has downloaded must not change what a test sees.
        start.Environment["XDG_CACHE_HOME"] = start.Environment["LOCALAPPDATA"] = Path.Combine(folder, "cache");
        if (environment.Name is not null) start.Environment[environment.Name] = environment.Value;
        // As on a developer's terminal: a pipe must get no colours for all that.
        start.Environment["TERM"] = "xterm-256color";
        if (script is not null)
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(script);
            start.ArgumentList.Add(host);
        }

        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Evenkeel.Cli.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        var lab = new LabProcess(new Process { StartInfo = start }, folder, existingFolder is null);
        lab.Process.OutputDataReceived += (_, line) => Append(lab._output, line.Data);
        lab.Process.ErrorDataReceived += (_, line) => Append(lab._error, line.Data);
        lab.Process.Start();
        lab.Process.BeginOutputReadLine();
        lab.Process.BeginErrorReadLine();
        return lab;
    }

    /// <summary>Runs the lab to its end.</summary>
    public static LabProcess Run(params ReadOnlySpan<string> arguments)
    {
        LabProcess lab = Start(arguments);
        lab.Wait();
        return lab;
    }

    /// <summary>Sends a signal of Unix, for example <c>-INT</c>: Ctrl-C.</summary>
    public void Signal(string signal)
    {
        using Process kill = Process.Start("kill", [signal, Process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public int Wait(int seconds = 120)
    {
        if (!Process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            Process.Kill();
            Assert.Fail($"the lab did not end within {seconds} s; standard error: {Error}");
        }

        // Also waits for the pipes to be read to their end.
        Process.WaitForExit();
        return Process.ExitCode;
    }

    public void Dispose()
    {
        Process.Dispose();
        if (_ownsFolder) Directory.Delete(Folder, recursive: true);
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.Append(line).Append('\n');
    }
}
