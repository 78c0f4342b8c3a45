using System.CommandLine;
using System.Globalization;
using Evenkeel.Cli.Bench;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel bench</c>: how long the cases take, and what share of the machine they use.</summary>
internal static class BenchCommand
{
    private const int CaseWidth = 44;

    public static Command Create()
    {
        var filter = new Option<string?>("--filter")
        {
            Description = "only cases whose name contains TEXT",
            HelpName = "TEXT",
        };
        var seconds = new Option<double?>("--seconds")
        {
            Description = "seconds per case (default: 0.4)",
            HelpName = "S",
            CustomParser = result =>
            {
                if (double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture,
                    out double value) && value is > 0 and <= 600) return value;
                result.AddError($"--seconds: expected a number above 0 and up to 600, got {result.Tokens[0].Value}.");
                return null;
            },
        };
        var files = new Option<string?>("--files")
        {
            Description = "leave the ONNX files of the cases infer/resnet18 and infer/mobilenetv3 in DIR, for a peer",
            HelpName = "DIR",
        };
        Option<long?> threads = Options.Threads();
        Option<bool> json = Options.Json();
        var command = new Command("bench", "Time the layers: median, rate, and share of what the machine can do.")
        {
            filter, threads, seconds, files, json,
        };
        command.Do((parse, cancellation) =>
        {
            BenchCase[] cases =
                [.. BenchCase.All.Where(one =>
                    one.Name.Contains(parse.GetValue(filter) ?? "", StringComparison.OrdinalIgnoreCase))];
            if (cases.Length == 0)
            {
                throw LabException.Usage(
                    $"--filter: expected part of a case's name, got {parse.GetValue(filter)}. " +
                    "'evenkeel bench --filter batchnorm' is an example.");
            }

            Options.WarnOfSlowHardware();
            Run(cases, Options.UseThreads(parse.GetValue(threads)), parse.GetValue(seconds) ?? 0.4,
                parse.GetValue(files), parse.GetValue(json), cancellation);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Run(
        BenchCase[] cases, int threads, double seconds, string? files, bool json, CancellationToken cancellation)
    {
        Ink ink = json ? Ink.Plain : Ink.ForOutput();
        var machine = new MachineSpeed(threads);
        if (!json) PrintHead(machine, threads, ink);
        foreach (BenchCase one in cases)
        {
            cancellation.ThrowIfCancellationRequested();
            Action? work = Workloads.Create(one, files);
            if (work is null)
            {
                // Later layers of the vocabulary: named, so that nobody takes a gap for a zero.
                if (json) Console.Error.WriteLine($"{one.Name}: skipped, the layer does not exist yet");
                else Console.WriteLine($"{one.Name,-CaseWidth}  {ink.Dim("skipped: no such layer yet")}");
                continue;
            }

            (double median, int runs) = Measurement.Median(work, seconds, cancellation);
            double rate = one.Work / (median * 1e-6);
            double most = one.Unit == BenchUnit.Bytes ? machine.CopyBytesPerSecond(one.Work) : machine.FlopsPerSecond;
            if (json) PrintJson(one, median, runs, threads, rate, rate / most);
            else Console.WriteLine(Line(one, median, rate, rate / most, ink));
        }
    }

    private static void PrintHead(MachineSpeed machine, int threads, Ink ink)
    {
        Console.WriteLine(
            $"machine  {threads} {(threads == 1 ? "thread" : "threads")}, copy " +
            $"{machine.CopyBytesPerSecond(1 << 20) / 1e9:F0} GB/s at 1 MB, " +
            $"{machine.CopyBytesPerSecond(1 << 27) / 1e9:F0} at 128 MB, FMA {machine.FlopsPerSecond / 1e9:F0} GFLOP/s");
        Console.WriteLine();
        Console.WriteLine(ink.Dim($"{"case",-CaseWidth}  {"median µs",10}  {"rate",12}  {"share",5}"));
        Console.WriteLine(ink.Dim(new string(ink.Rule, CaseWidth + 33)));
    }

    private static string Line(BenchCase one, double median, double rate, double share, Ink ink)
    {
        string rateText = $"{rate / 1e9:F1} {(one.Unit == BenchUnit.Bytes ? "GB/s  " : "GFLOP/s")}";
        string padded = rateText.PadLeft(one.Unit == BenchUnit.Bytes ? 12 : 13);
        return $"{one.Name,-CaseWidth}  {median,10:N1} {padded,13}  {ink.Dim($"{share * 100,3:F0} %")}";
    }

    private static void PrintJson(
        BenchCase one, double median, int runs, int threads, double rate, double share) => JsonLine.Print(json =>
        {
            json.WriteString("case", one.Name);
            json.WriteNumber("median_us", median);
            json.WriteNumber("threads", threads);
            json.WriteNumber("runs", runs);
            json.WriteNumber(one.Unit == BenchUnit.Bytes ? "gb_per_s" : "gflop_per_s", rate / 1e9);
            json.WriteNumber("share", share);
        });
}
