using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>
/// Random layers beside PyTorch: <c>fuzz [--cases N] [--seed S] [--family NAME] [--case NUMBER]</c>. A case follows
/// from the seed and its number alone, so a line of the report is all that is needed to see it again.
/// </summary>
internal static class FuzzCommand
{
    public const string Usage = "fuzz [--cases N] [--seed S] [--family NAME] [--case NUMBER]";

    private const int MostLines = 50;

    /// <summary>The families; case n belongs to family n mod their number, so some stand here twice.</summary>
    private static readonly (string Name, Func<Draw, FuzzCase> Draw)[] s_families =
    [
        ("conv1d", static draw => ConvolutionFuzz.Draw(draw, 1, isTransposed: false)),
        ("conv2d", static draw => ConvolutionFuzz.Draw(draw, 2, isTransposed: false)),
        ("conv3d", static draw => ConvolutionFuzz.Draw(draw, 3, isTransposed: false)),
        ("conv-transpose1d", static draw => ConvolutionFuzz.Draw(draw, 1, isTransposed: true)),
        ("conv-transpose2d", static draw => ConvolutionFuzz.Draw(draw, 2, isTransposed: true)),
        ("conv-transpose3d", static draw => ConvolutionFuzz.Draw(draw, 3, isTransposed: true)),
        ("activation", ActivationFuzz.Draw),
        ("activation", ActivationFuzz.Draw),
        ("pool", PoolingFuzz.Draw),
        ("pool", PoolingFuzz.Draw),
        ("upsample", ShapeFuzz.Upsample),
        ("shape", ShapeFuzz.Draw),
        ("norm", NormFuzz.Draw),
        ("norm", NormFuzz.Draw),
        ("linear", LinearFuzz.Draw),
        ("loss", LossFuzz.Draw),
    ];

    /// <summary>Runs the command. Null if the arguments are not understood.</summary>
    public static int? Run(string[] args)
    {
        int cases = 50_000, seed = Environment.TickCount & 0xFFFFFF;
        int? number = null;
        string? family = null;
        if (args.Length % 2 != 0) return null;
        foreach (string[] option in args.Chunk(2))
        {
            if (option[0] == "--family" && s_families.Any(one => one.Name == option[1])) family = option[1];
            else if (!int.TryParse(option[1], NumberStyles.None, CultureInfo.InvariantCulture, out int value))
                return null;
            else if (option[0] == "--cases") cases = value;
            else if (option[0] == "--seed") seed = value;
            else if (option[0] == "--case") number = value;
            else return null;
        }

        IEnumerable<int> numbers = number is { } one
            ? [one]
            : Enumerable.Range(0, int.MaxValue).Where(i => family is null || FamilyOf(i) == family).Take(cases);
        return Run(numbers, seed, isVerbose: number is not null);
    }

    private static string FamilyOf(int number) => s_families[number % s_families.Length].Name;

    private static int Run(IEnumerable<int> numbers, int seed, bool isVerbose)
    {
        Console.WriteLine($"fuzz beside PyTorch {torch.__version__}, seed {seed}");
        var counts = new SortedDictionary<string, Count>(StringComparer.Ordinal);
        var excluded = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var run = new FuzzRun();
        var time = Stopwatch.StartNew();
        int failures = 0;
        foreach (int number in numbers)
        {
            var draw = new Draw(seed, number);
            FuzzCase one = s_families[number % s_families.Length].Draw(draw);
            DType dtype = draw.Chance(0.25) ? DType.Float32 : DType.Float64;
            dtype = one.Type ?? dtype;
            if (isVerbose ) Console.WriteLine($"{one.Text} {dtype}");
            if (one.Excluded is { } rule)
            {
                excluded[rule] = excluded.GetValueOrDefault(rule) + 1;
                continue;
            }

            Outcome outcome;
            try
            {
                outcome = run.Compare(one, dtype, draw);
            }
            // Whatever else is thrown is a fault of the library, and the next cases are to be seen too.
            catch (Exception e) when (!isVerbose)
            {
                outcome = new Outcome($"{e.GetType().Name}: {e.Message.Split('\n')[0]}", false, 0, 0);
            }

            if (!counts.TryGetValue(FamilyOf(number), out Count? count))
                counts.Add(FamilyOf(number), count = new Count());
            count.Add(outcome, dtype);
            if (outcome.Failure is null || ++failures > MostLines) continue;
            Console.WriteLine($"FAIL --seed {seed} --case {number}: {one.Text} {dtype}: {outcome.Failure}");
        }

        foreach ((string rule, int skipped) in run.Skipped) excluded[rule] = skipped;
        Print(counts, excluded);
        int all = counts.Values.Sum(static count => count.Cases);
        Console.WriteLine($"seed {seed}: {all} cases, {failures} failures, {time.Elapsed.TotalSeconds:f0} s");
        return failures == 0 ? 0 : 1;
    }

    private static void Print(SortedDictionary<string, Count> counts, SortedDictionary<string, int> excluded)
    {
        Console.WriteLine($"{"family",-17}{"cases",7}{"refused",9}{"failed",8}"
            + $"{"distance f64",14}{"of bound",10}{"distance f32",14}{"of bound",10}");
        foreach ((string family, Count count) in counts)
        {
            Console.WriteLine($"{family,-17}{count.Cases,7}{count.Refused,9}{count.Failed,8}"
                + $"{count.Distance[1],14:e1}{count.Share[1],10:p1}{count.Distance[0],14:e1}{count.Share[0],10:p1}");
        }

        foreach ((string rule, int count) in excluded) Console.WriteLine($"not compared: {count}, {rule}");
    }

    private sealed class Count
    {
        public int Cases, Refused, Failed;
        public readonly double[] Distance = new double[2], Share = new double[2];

        public void Add(Outcome outcome, DType dtype)
        {
            int k = dtype == DType.Float64 ? 1 : 0;
            Cases++;
            if (outcome.IsRefused) Refused++;
            if (outcome.Failure is not null) Failed++;
            Distance[k] = Math.Max(Distance[k], outcome.Distance);
            Share[k] = Math.Max(Share[k], outcome.Share);
        }
    }
}
