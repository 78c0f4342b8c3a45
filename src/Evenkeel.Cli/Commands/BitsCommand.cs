using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Cli.Bits;
using Evenkeel.Cli.Terminal;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel bits</c>: two machines that compute the same bits print the same.</summary>
internal static class BitsCommand
{
    private const int CaseWidth = 48;

    public static Command Create()
    {
        Option<long?> threads = Options.Threads();
        Option<bool> json = Options.Json();
        var command = new Command(
            "bits", "Print a hash of the outputs and gradients of every op, to compare two machines.")
        {
            threads, json,
        };
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            Run(parse.GetValue(json), cancellation);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Run(bool json, CancellationToken cancellation)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (BitsCase one in BitsCatalog.All)
        {
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                cancellation.ThrowIfCancellationRequested();
                string hash = one.Hash(dtype), type = dtype == DType.Float32 ? "float32" : "float64";
                all.AppendData(Encoding.UTF8.GetBytes($"{one.Name} {type} {hash}\n"));
                Print(json, one.Name, type, hash);
            }
        }

        Print(json, "all", "", Convert.ToHexStringLower(all.GetHashAndReset())[..16]);
    }

    private static void Print(bool json, string name, string dtype, string hash)
    {
        if (!json)
        {
            Console.WriteLine($"{name.PadRight(CaseWidth)}  {dtype,-7}  {hash}");
            return;
        }

        JsonLine.Print(line =>
        {
            line.WriteString("case", name);
            if (dtype.Length > 0) line.WriteString("dtype", dtype);
            else line.WriteNull("dtype");
            line.WriteString("hash", hash);
        });
    }
}
