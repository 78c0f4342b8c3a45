using System.Globalization;
using Evenkeel.Fuzz;

// FORMAT... [--files N] [--seed S]: reads N damaged files of each format. Exit code 1 if one of them was not refused
// as it should be; those files stay in out/fuzz.
var names = new List<string>();
int files = 200_000, seed = 1;
for (int i = 0; i < args.Length; i++)
{
    if (args[i] is "--files" or "--seed")
    {
        if (i + 1 == args.Length
            || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value))
        {
            Console.Error.WriteLine($"{args[i]}: expected a whole number.");
            return 2;
        }

        if (args[i++] == "--files") files = value;
        else seed = value;
    }
    else if (FuzzFormat.All.Any(format => format.Name == args[i]))
    {
        names.Add(args[i]);
    }
    else
    {
        Console.Error.WriteLine($"expected {string.Join(", ", FuzzFormat.All.Select(static format => format.Name))}, "
            + $"--files N or --seed S, got {args[i]}.");
        return 2;
    }
}

string folder = Directory.CreateDirectory(Path.Combine("out", "fuzz")).FullName;
bool isWell = true;
foreach (FuzzFormat format in FuzzFormat.All.Where(format => names.Count == 0 || names.Contains(format.Name)))
{
    FuzzResult result = Fuzzer.Run(format, folder, files, seed, done =>
    {
        if (done % 20_000 == 0) Console.Error.WriteLine($"{format.Name}: {done:N0} of {files:N0} files");
    });
    Console.WriteLine($"{format.Name}: {format.Valid.Count} valid files, {result.Files:N0} damaged ones, "
        + $"{result.Read:N0} of them read all the same; slowest {result.Slowest.TotalMilliseconds:N0} ms, at most "
        + $"{result.MostBytes / 1024:N0} KB allocated; {result.Failures.Count} failures");
    foreach (string failure in result.Failures) Console.WriteLine("  " + failure);
    isWell &= result.Failures.Count == 0;
}

return isWell ? 0 : 1;
