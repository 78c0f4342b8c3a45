using System.Diagnostics;

namespace Evenkeel.Fuzz;

/// <summary>What came of reading many damaged files of one format.</summary>
/// <param name="Files">The number of files.</param>
/// <param name="Read">Those that could be read all the same.</param>
/// <param name="Slowest">The longest time that one of them took.</param>
/// <param name="MostBytes">The most memory that was allocated for one of them.</param>
/// <param name="Failures">What must not happen, each with the number of the file.</param>
public sealed record FuzzResult(
    int Files, int Read, TimeSpan Slowest, long MostBytes, IReadOnlyList<string> Failures);

/// <summary>
/// Damages files of a format and reads them. Each is read, or refused by an <see cref="InvalidDataException"/> that
/// names the file, in little time and memory.
/// </summary>
public static class Fuzzer
{
    /// <summary>
    /// What reading may allocate in all for each byte of a file, and in any case: decoders and buffers of 64 KB.
    /// </summary>
    public const long MostPerByte = 64, MostAnyway = 4 << 20;

    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(5);

    /// <summary>Runs over a format. The same seed makes the same files.</summary>
    /// <param name="format">The format.</param>
    /// <param name="folder">A folder for the file; what fails stays there.</param>
    /// <param name="files">The number of files.</param>
    /// <param name="seed">The seed of the damage.</param>
    /// <param name="progress">Receives the number of files that are done; null for nobody.</param>
    public static FuzzResult Run(
        FuzzFormat format, string folder, int files, int seed, Action<int>? progress = null)
    {
        IReadOnlyList<byte[]> valid = format.Valid;
        var mutator = new Mutator(seed);
        var random = new System.Random(seed);
        string path = Path.Combine(folder, "damaged" + format.Ending);
        var failures = new List<string>();
        (int read, TimeSpan slowest, long most) = (0, TimeSpan.Zero, 0);
        for (int i = 0; i < files && failures.Count < 20; i++)
        {
            byte[] file = valid[random.Next(valid.Count)];
            byte[] bytes = format.Change is { } change && random.Next(4) != 0 ? change(file, random)
                : mutator.Mutate(file, valid[random.Next(valid.Count)]);
            File.WriteAllBytes(path, bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            string? failure = Outcome(format, path, out bool isRead);
            TimeSpan time = Stopwatch.GetElapsedTime(start);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (isRead) read++;
            if (time > slowest) slowest = time;
            most = Math.Max(most, allocated);
            if (time > s_longest) failure ??= $"took {time.TotalSeconds:F1} s";
            if (allocated > format.MostAnyway + (MostPerByte * bytes.Length))
                failure ??= $"allocated {allocated} bytes for a file of {bytes.Length}";
            if (failure is not null)
            {
                failures.Add($"file {i} of seed {seed}: {failure}");
                File.Copy(path, Path.Combine(folder, $"{format.Name}-{seed}-{i}{format.Ending}"), overwrite: true);
            }

            progress?.Invoke(i + 1);
        }

        File.Delete(path);
        return new FuzzResult(files, read, slowest, most, failures);
    }

    /// <summary>What must not happen; null if all is well.</summary>
    private static string? Outcome(FuzzFormat format, string path, out bool isRead)
    {
        isRead = false;
        try
        {
            format.Read(path);
            isRead = true;
            return null;
        }
        catch (InvalidDataException refusal)
        {
            return refusal.Message.Contains(path, StringComparison.Ordinal)
                ? null
                : $"the message does not name the file: {refusal}";
        }
        catch (Exception other)
        {
            return other.ToString();
        }
    }
}
