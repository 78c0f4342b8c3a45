using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using System.Text;
using Evenkeel.Kernels;
using Evenkeel.Optim;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// Memory lives for as long as somebody computes with it. In optimized code a local is dead after its last use: if
/// nothing else holds the owner of an address, a garbage collection takes the memory while kernels still use it.
/// </summary>
public sealed class LifetimeTests
{
    /// <summary>Passes of a round of warm-up.</summary>
    private const int WarmUpPasses = 35;

    /// <summary>Rounds at most: single methods are compiled now and then for as long as a process runs.</summary>
    private const int MostRounds = 3;

    /// <summary>The runtime begins to count calls, and optimizes, when nothing new was compiled for 100 ms.</summary>
    private const int QuietMilliseconds = 300;

    /// <summary>
    /// How long another thread collects at any time; it chooses the number of passes, and no result depends on it.
    /// </summary>
    private static readonly TimeSpan s_attack = TimeSpan.FromSeconds(2);

    /// <summary>An attack takes some ten seconds; a machine with other work takes longer.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    /// <summary>Names the file in which <see cref="Attack"/> says where it is.</summary>
    private const string LogVariable = "EVENKEEL_TEST_LOG";

    /// <summary>
    /// Names the cases that <see cref="Attack"/> runs, by the beginning of their names; without it there are all.
    /// </summary>
    private const string CaseVariable = "EVENKEEL_TEST_CASE";

    /// <summary>
    /// 0 has all code optimized at once, without what a profile tells: other code, in which other locals are dead.
    /// </summary>
    private const string TieringVariable = "DOTNET_TieredCompilation";

    private const string Done = "done";

    [Fact]
    public async Task No_computation_loses_its_memory_to_a_garbage_collection() =>
        await Task.WhenAll(InProcess(tieredCompilation: "1"), InProcess(tieredCompilation: "0"));

    /// <summary>
    /// Runs every case in optimized code while another thread collects. Run by itself:
    /// <c>--explicit only --filter-method "*.LifetimeTests.Attack"</c>.
    /// </summary>
    [Fact(Explicit = true)]
    public void Attack()
    {
        using var log = new FileStream(Environment.GetEnvironmentVariable(LogVariable) ?? Path.GetTempFileName(),
            FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        // Plain mathematics comes first, and by itself: how code is optimized, and which locals are dead in it, depends
        // on what the process has run.
        AttackAll(LifetimeCases.PlainOps, log);
        AttackAll(LifetimeCases.Others, log);
        Note(log, Done);
    }

    private static void AttackAll(IEnumerable<(string Name, Func<Tensor> Run)> family, FileStream log)
    {
        string? only = Environment.GetEnvironmentVariable(CaseVariable);
        (string Name, Func<Tensor> Run)[] cases = [.. family.Where(
            one => only is null || one.Name.StartsWith(only, StringComparison.Ordinal))];
        WarmUp(cases);
        byte[][] expected = [.. cases.Select(one => one.Run().Bytes().ToArray())];
        var collector = new Collector();
        Workers.BeforeJob = collector.Collect;
        Pass("a collection in every job", collector.Release);
        Workers.BeforeJob = null;

        bool stop = false;
        var thread = new Thread(() => collector.Run(ref stop));
        thread.Start();
        var watch = Stopwatch.StartNew();
        do Pass("collections at any time", static () => { });
        while (watch.Elapsed < s_attack);
        Volatile.Write(ref stop, true);
        thread.Join();

        void Pass(string attack, Action afterCase)
        {
            for (int i = 0; i < cases.Length; i++)
            {
                Note(log, $"{cases[i].Name}, {attack}");
                Span<byte> actual = cases[i].Run().Bytes();
                afterCase();
                Assert.True(actual.SequenceEqual(expected[i]), $"{cases[i].Name}, {attack}: other values than without");
                Assert.False(collector.HasSeenDamage,
                    $"{cases[i].Name}, {attack}: it, or a case before it, has written into memory of somebody else");
            }
        }
    }

    /// <summary>What uses memory after it was freed ends its process: an attack has one of its own.</summary>
    private static async Task InProcess(string tieredCompilation)
    {
        string log = Path.GetTempFileName();
        try
        {
            string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path
                ? path
                : "dotnet";
            string[] arguments =
            [
                typeof(LifetimeTests).Assembly.Location, "--explicit", "only", "--filter-method",
                $"*.{nameof(LifetimeTests)}.{nameof(Attack)}", "--no-ansi", "--no-progress",
            ];
            var start = new ProcessStartInfo(host, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            start.Environment[LogVariable] = log;
            start.Environment[TieringVariable] = tieredCompilation;
            start.Environment.Remove(CaseVariable);
            using Process child = Process.Start(start)!;
            Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            Task<string> error = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Task end = child.WaitForExitAsync(TestContext.Current.CancellationToken);
            bool ended = await Task.WhenAny(end, Task.Delay(s_limit, TestContext.Current.CancellationToken)) == end;
            if (!ended) child.Kill();
            string last = await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken);
            Assert.True(ended && child.ExitCode == 0 && last == Done, $"{TieringVariable}={tieredCompilation}: "
                + $"{(ended ? $"exit code {child.ExitCode}" : $"no end within {s_limit}")}, last at: {last}\n"
                + $"{await output}\n{await error}");
        }
        finally
        {
            File.Delete(log);
        }
    }

    /// <summary>
    /// Runs until all that is called is optimized: until a round compiles nothing more. A method is counted 30 calls
    /// for its profile and 30 more after it, and counting begins in a quiet.
    /// </summary>
    private static void WarmUp((string Name, Func<Tensor> Run)[] cases)
    {
        int passes = Environment.GetEnvironmentVariable(TieringVariable) == "0" ? 1 : WarmUpPasses;
        long compiled = -1;
        for (int round = 0; round < MostRounds && JitInfo.GetCompiledMethodCount() != compiled; round++)
        {
            compiled = JitInfo.GetCompiledMethodCount();
            for (int pass = 0; pass < passes; pass++)
            {
                foreach ((_, Func<Tensor> run) in cases) run();
                if (round == 0 && pass == 0) Thread.Sleep(QuietMilliseconds);
            }

            Thread.Sleep(QuietMilliseconds);
        }
    }

    [Fact]
    public void Every_operation_on_plain_tensors_is_attacked()
    {
        string cases = File.ReadAllText(Path.Combine(Root, "tests", "Evenkeel.Tests", "Promises", "LifetimeCases.cs"));
        MethodInfo[] methods = typeof(Tensor).GetMethods(
            BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly);
        string[] ops = [.. methods.Where(method => !method.IsSpecialName && method.Name != nameof(ToString))
            .Select(method => method.Name)
            .Distinct()];
        Assert.Contains("GELU", ops);
        Assert.All(ops, op => Assert.Matches($@"\.{op}(<\w+>)?\(", cases));
        Type[] made = [.. typeof(Tensor).Assembly.GetExportedTypes().Where(type => !type.IsAbstract
            && (type.IsAssignableTo(typeof(Optimizer)) || type.IsAssignableTo(typeof(IRandomStream))))];
        Assert.Contains(typeof(AdamW), made);
        Assert.All(made, type => Assert.Contains($"new {type.Name}(", cases, StringComparison.Ordinal));
    }

    private static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder!.FullName, "Evenkeel.slnx"))) folder = folder.Parent;
            return folder.FullName;
        }
    }

    private static void Note(FileStream log, string text)
    {
        log.SetLength(0);
        log.Position = 0;
        log.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>
    /// Collects, and takes what was freed: pinned arrays of 3,000 bytes, filled. Whoever reads memory that was freed
    /// reads the filling, and whoever writes into it is noticed.
    /// </summary>
    private sealed class Collector
    {
        private const int Bytes = 3000, BehindTheLast = 512 << 10;
        private const byte Filling = 0xA5;

        /// <summary>The pinned heap's place among the generations.</summary>
        private const int PinnedHeap = 4;

        private readonly List<byte[]> _taken = [];
        private volatile bool _hasSeenDamage;

        public bool HasSeenDamage => _hasSeenDamage;

        /// <summary>Takes all there is.</summary>
        public void Collect() => Collect(int.MaxValue);

        public void Collect(int most)
        {
            GC.Collect(2);
            // The gaps; and some of what lay behind the last survivor, which is no gap any more.
            long free = GC.GetGCMemoryInfo(GCKind.FullBlocking).GenerationInfo[PinnedHeap].FragmentationAfterBytes
                + BehindTheLast;
            for (long left = Math.Min(free / Bytes, most); left > 0; left--)
            {
                byte[] taken = GC.AllocateUninitializedArray<byte>(Bytes, pinned: true);
                taken.AsSpan().Fill(Filling);
                _taken.Add(taken);
            }
        }

        /// <summary>Looks at what was taken, and lets go of it.</summary>
        public void Release()
        {
            _hasSeenDamage |= _taken.Exists(taken => taken.AsSpan().ContainsAnyExcept(Filling));
            _taken.Clear();
        }

        /// <summary>Collects at any time, some hundred arrays a turn, until the flag is set.</summary>
        public void Run(ref bool stop)
        {
            for (int turn = 1; !Volatile.Read(ref stop); turn++)
            {
                Collect(most: 200);
                if (turn % 100 == 0) Release();
            }
        }
    }
}
