using System.Diagnostics;
using System.Text;

namespace Evenkeel.Tests.Mpi;

/// <summary>Starts the program of these tests (tests/Evenkeel.MpiTarget), alone or under a launcher.</summary>
internal sealed class MpiRun : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();

    private MpiRun(Process process)
    {
        _process = process;
        _process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The launchers of Debian's packages that are installed.</summary>
    public static string[] Launchers { get; } =
    [
        .. new[] { "mpirun.openmpi", "mpirun.mpich" }.Where(static name =>
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Any(folder => File.Exists(Path.Combine(folder, name)))),
    ];

    /// <summary>What the first process has printed so far.</summary>
    public string Output => Text(_output);

    /// <summary>What all have said on standard error so far.</summary>
    public string Errors => Text(_errors);

    /// <summary>Starts processes under a launcher.</summary>
    /// <param name="launcher">The launcher.</param>
    /// <param name="processes">How many.</param>
    /// <param name="words">What the program does.</param>
    public static MpiRun Start(string launcher, int processes, params IEnumerable<string> words)
    {
        List<string> arguments = ["-n", $"{processes}"];
        if (launcher.EndsWith("openmpi", StringComparison.Ordinal)) arguments.AddRange(["--oversubscribe"]);
        return Begin(launcher, [.. arguments, Host, Program, .. words]);
    }

    /// <summary>Starts two processes under a launcher, of which the second runs another build of the program.</summary>
    /// <param name="launcher">The launcher.</param>
    /// <param name="other">The file of that build.</param>
    /// <param name="words">What the program does.</param>
    public static MpiRun StartTwo(string launcher, string other, params IEnumerable<string> words)
    {
        string[] more = launcher.EndsWith("openmpi", StringComparison.Ordinal) ? ["--oversubscribe"] : [];
        return Begin(
            launcher, [.. more, "-n", "1", Host, Program, .. words, ":", "-n", "1", Host, other, .. words]);
    }

    /// <summary>Starts one process without a launcher.</summary>
    public static MpiRun StartAlone(params IEnumerable<string> words) => Begin(Host, [Program, .. words]);

    /// <summary>Starts a process in each of two network namespaces.</summary>
    public static MpiRun Start(NetworkSpaces spaces, string folder, params IEnumerable<string> words) =>
        Begin("ip", [.. spaces.Launch(folder), Host, Program, .. words]);

    /// <summary>Waits for the end, and gives the exit code; fails if it does not come.</summary>
    public int Wait(TimeSpan most)
    {
        if (!_process.WaitForExit(most))
            throw new TimeoutException($"The processes did not end within {most}. {Output} {Errors}");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>Waits until the first process has printed a word.</summary>
    public void Await(string word, TimeSpan most)
    {
        var clock = Stopwatch.StartNew();
        while (!Output.Contains(word, StringComparison.Ordinal))
        {
            if (clock.Elapsed > most || _process.HasExited)
                throw new TimeoutException($"The processes did not print \"{word}\". {Output} {Errors}");
            Thread.Sleep(5);
        }
    }

    /// <summary>The processes of the program, without the launcher, in the order in which they began.</summary>
    public int[] Workers()
    {
        var found = new List<int>();
        var young = new Queue<int>([_process.Id]);
        while (young.TryDequeue(out int parent))
        {
            string path = $"/proc/{parent}/task/{parent}/children";
            if (!File.Exists(path)) continue;
            foreach (string child in File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                young.Enqueue(int.Parse(child));
                if (File.ReadAllText($"/proc/{child}/cmdline").Contains("MpiTarget.dll", StringComparison.Ordinal)
                    && File.ReadAllText($"/proc/{child}/comm").StartsWith("dotnet", StringComparison.Ordinal))
                    found.Add(int.Parse(child));
            }
        }

        return [.. found.Order()];
    }

    /// <summary>Sends a signal to a process.</summary>
    public static void Signal(string signal, int process)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static string Host =>
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Evenkeel.MpiTarget.dll");

    private static MpiRun Begin(string file, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        return new MpiRun(Process.Start(start)!);
    }

    private static void Add(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.Append(line).Append('\n');
    }

    private static string Text(StringBuilder text)
    {
        lock (text) return text.ToString();
    }
}
