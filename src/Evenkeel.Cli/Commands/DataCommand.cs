using System.CommandLine;
using System.CommandLine.Parsing;
using Evenkeel.Cli.Terminal;
using Evenkeel.Data;
using Evenkeel.Lab;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel data</c>: which images a run would use, and how to get them.</summary>
internal static class DataCommand
{
    public static Command Create() =>
        new("data", "The images that experiments use.") { List(), DataShowCommand.Create(), Fetch(), PathOf() };

    private static Command List()
    {
        Option<string?> where = Options.Data();
        var list = new Command("list", "List the image sets that experiments use: " +
            "which are found, their size, and where they come from.") { where };
        list.Do((parse, _) =>
        {
            LabData data = LabData.Find(parse.GetValue(where), mayBeEmpty: true);
            Ink ink = Ink.ForOutput();
            var table = new TextTable("", "name", "size", "would be used").Right(2).Wrap(3);
            foreach (LabSet set in LabSet.All)
            {
                string? path = data.PathOf(set);
                string use = data.Describe(set);
                if (path is null && DataCatalog.EntryOf(set.Name) is { } entry)
                    use += $"; 'evenkeel data fetch {entry.Name}' gets {DownloadDisplay.Size(entry.Bytes)} from " +
                        $"{entry.Files[0].Address.Host}";
                table.Add(path is null ? "" : ink.Holds, set.Name, path is null ? ""
                    : DownloadDisplay.Size(set.SizeOf(path)), use);
            }

            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            Console.WriteLine();
            Console.WriteLine($"Downloads are kept in {DataCatalog.CacheFolder}");
            return ExitCode.Done;
        });
        return list;
    }

    private static Command PathOf()
    {
        Option<string?> where = Options.Data();
        var path = new Command("path", "Print where the images of each set come from: " +
            "a path, or 'embedded'.") { where };
        path.Do((parse, _) =>
        {
            LabData data = LabData.Find(parse.GetValue(where));
            foreach (LabSet set in LabSet.All) Console.WriteLine($"{set.Name}\t{data.Of(set).Source}");
            return ExitCode.Done;
        });
        return path;
    }

    private static Command Fetch()
    {
        var names = new Argument<string[]>("NAME")
        {
            Description = $"sets to download: {string.Join(", ", DataCatalog.Entries.Select(entry => entry.Name))}",
            Arity = ArgumentArity.OneOrMore,
        };
        var where = new Option<string?>("--data")
        {
            Description = $"folder to put them in (default: {DataCatalog.Variable}, then the user's cache folder, " +
                "where runs find them)",
            HelpName = "DIR",
        };
        var from = new Option<Uri?>("--from")
        {
            Description = "address of a folder with the same files, " +
                "instead of the official one; checksums are verified all the same",
            HelpName = "URL",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out Uri? address)
                    && address.Scheme is "http" or "https") return address;
                result.AddError($"--from: expected an address that begins with http:// or https://, got {text}.");
                return null;
            },
        };
        var fetch = new Command("fetch", "Download image sets, verify them, and keep them where runs find them. An " +
            "interrupted download continues.") { names, where, from };
        names.Validators.Add(result =>
        {
            foreach (Token token in result.Tokens)
            {
                if (token.Value.StartsWith('-')) result.AddError(EvenkeelCommand.UnknownOption(token.Value, fetch));
                else if (DataCatalog.EntryOf(token.Value) is null)
                {
                    string[] known = [.. DataCatalog.Entries.Select(static entry => entry.Name)];
                    result.AddError(
                        $"unknown set '{token.Value}'.{NearestName.Hint(token.Value, known)} " +
                        $"It can be {string.Join(" or ", known)}.");
                }
            }
        });
        fetch.Do((parse, cancellation) =>
        {
            foreach (string name in parse.GetValue(names)!) Fetch(name, parse.GetValue(where), parse.GetValue(from),
                cancellation);
            return ExitCode.Done;
        });
        return fetch;
    }

    private static void Fetch(string name, string? folder, Uri? from, CancellationToken cancellation)
    {
        var display = new DownloadDisplay();
        try
        {
            DataLocation found = DataCatalog.FetchAsync(name, folder, from, display, cancellation)
                .GetAwaiter().GetResult();
            Console.WriteLine($"{name}: {DownloadDisplay.Size(found.Bytes)} in {found.Path}");
        }
        catch (OperationCanceledException)
        {
            display.EndLine();
            Console.Error.WriteLine($"evenkeel data fetch: the part of {name} that was received is kept; " +
                "the same command continues from there.");
            throw;
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            display.EndLine();
            throw new LabException(failure.Message, failure);
        }
    }
}
