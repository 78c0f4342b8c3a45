using System.CommandLine;
using System.Globalization;
using Evenkeel.Cli.Pictures;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab;
using Evenkeel.Lab.Experiments;
using Evenkeel.Random;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel data show</c>: a sheet of pictures of any set, to look at.</summary>
internal static class DataShowCommand
{
    private const int DefaultCount = 12, GroupedCount = 16;

    public static Command Create()
    {
        var name = new Argument<string>("NAME")
        {
            Description = $"{string.Join(", ", ShownSet.Names)}, or a folder with one folder of pictures per class",
        };
        var file = new Option<string>("--out")
        {
            Description = "the picture to write, PNG",
            HelpName = "FILE",
            DefaultValueFactory = static _ => "sheet.png",
        };
        var classes = new Option<string?>("--classes")
        {
            Description = "the classes to show, by name or number (default: all)",
            HelpName = "A,B",
        };
        Option<long?> count = Options.Number("--count", 1, 1000, $"pictures per row (default: {DefaultCount}, " +
            $"with --groups {GroupedCount})");
        Option<long?> seed = Options.Number("--seed", 0, uint.MaxValue, "seed that draws a synthetic set, or picks " +
            "pictures of a real one (default: the first ones)");
        var groups = new Option<bool>("--groups")
        {
            Description = "show near-duplicates, one group per row, instead of classes",
        };
        Option<string?> data = Options.Data();
        Option<bool> skipBad = Options.SkipBad();
        var show = new Command("show", "Draw a sheet of a set's pictures, one class per row, or of its " +
            "near-duplicates.") { name, file, classes, count, seed, groups, data, skipBad };
        show.Do((parse, cancellation) =>
        {
            bool isGrouped = parse.GetValue(groups);
            int perRow = (int)(parse.GetValue(count) ?? (isGrouped ? GroupedCount : DefaultCount));
            ShownSet set = ShownSet.Open(parse.GetValue(name)!, parse.GetValue(data),
                (ulong)(parse.GetValue(seed) ?? (long)LabData.SyntheticSeed), isGrouped ? 50 : perRow,
                parse.GetValue(skipBad));
            int[] labels = Chosen(set, parse.GetValue(classes));
            var sheet = new ContactSheet(perRow);
            if (isGrouped) AddGroups(sheet, set, labels, cancellation);
            else AddClasses(sheet, set, labels, perRow, parse.GetValue(seed), cancellation);
            Write(parse.GetValue(file)!, sheet.Draw(), set);
            Note(set.Bad);
            return ExitCode.Done;
        });
        return show;
    }

    private static void AddClasses(ContactSheet sheet, ShownSet set, int[] classes, int count, long? seed,
        CancellationToken cancellation)
    {
        foreach (int label in classes)
        {
            int[] members = [.. Enumerable.Range(0, set.Labels.Length).Where(i => set.Labels[i] == label)];
            if (seed is { } number) new Philox((ulong)number, "show").Split((ulong)label).Shuffle(members);
            var images = new List<ByteImage>();
            foreach (int index in members)
            {
                cancellation.ThrowIfCancellationRequested();
                if (images.Count == count) break;
                if (set.Image(index) is { } image) images.Add(image);
            }

            sheet.Add(set.ClassNames[label], images);
        }
    }

    private static void AddGroups(ContactSheet sheet, ShownSet set, int[] classes, CancellationToken cancellation)
    {
        var indices = new List<int>();
        var images = new List<ByteImage>();
        for (int i = 0; i < set.Labels.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!classes.Contains(set.Labels[i])) continue;
            if (set.Image(i) is not { } image) continue;
            indices.Add(i);
            images.Add(image);
        }

        NearDuplicates found = NearDuplicates.Find(images);
        string[] captions = [.. indices.Select(set.Caption)];
        Console.Write(found.ToTable(captions));
        sheet.AddFlow(found.Duplicated.Select(group =>
            (IReadOnlyList<(ByteImage, string)>)[.. group.Select(i => (images[i], captions[i]))]));
    }

    private static void Note(List<string> pictures)
    {
        if (pictures.Count == 0) return;
        string names = string.Join(", ", pictures.Take(5)) + (pictures.Count > 5 ? ", ..." : "");
        Console.Error.WriteLine($"{pictures.Count} {(pictures.Count == 1 ? "picture" : "pictures")} skipped, cannot be "
            + $"decoded: {names}.");
    }

    private static int[] Chosen(ShownSet set, string? asked)
    {
        if (asked is null) return [.. Enumerable.Range(0, set.ClassNames.Count)];
        string[] words = asked.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
        {
            throw LabException.Usage(
                $"--classes: expected names or numbers of {string.Join(", ", set.ClassNames)}, got none.");
        }

        return Array.ConvertAll(words, word =>
        {
            for (int i = 0; i < set.ClassNames.Count; i++)
            {
                if (string.Equals(set.ClassNames[i], word, StringComparison.OrdinalIgnoreCase)) return i;
            }

            return int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                && number < set.ClassNames.Count
                ? number
                : throw LabException.Usage(
                    $"--classes: expected names or numbers of {string.Join(", ", set.ClassNames)}, " +
                    $"got {word}.{NearestName.Hint(word, set.ClassNames)}");
        });
    }

    private static void Write(string file, ByteImage sheet, ShownSet set)
    {
        try
        {
            ImageFile.WritePng(file, sheet);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"--out: {e.Message}", e);
        }

        Console.WriteLine($"{file}: {set.Title}, {sheet.Width} x {sheet.Height} pixels");
    }
}
