using System.CommandLine;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Commands;

/// <summary><c>evenkeel data</c>: which images a run would use.</summary>
internal static class DataCommand
{
    public static Command Create()
    {
        var command = new Command("data", "The images that experiments use.");
        Option<string?> listData = Options.Data();
        var list = new Command("list", "The image sets that experiments use, and where each of them would come from.") { listData };
        list.Do((parse, _) =>
        {
            LabData data = LabData.Find(parse.GetValue(listData));
            Ink ink = Ink.ForOutput();
            var table = new TextTable("", "name", "would be used").Wrap(2);
            foreach (LabSet set in LabSet.All) table.Add(data.PathOf(set) is null ? "" : ink.Holds, set.Name, data.Describe(set));
            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            return ExitCode.Done;
        });
        Option<string?> pathData = Options.Data();
        var path = new Command("path", "Print where the images of each set come from: a path, or 'embedded'.") { pathData };
        path.Do((parse, _) =>
        {
            LabData data = LabData.Find(parse.GetValue(pathData));
            foreach (LabSet set in LabSet.All) Console.WriteLine($"{set.Name}\t{data.Of(set).Source}");
            return ExitCode.Done;
        });
        command.Add(list);
        command.Add(path);
        return command;
    }
}
