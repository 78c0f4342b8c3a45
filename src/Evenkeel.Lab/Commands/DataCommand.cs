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
        var list = new Command("list", "The image sets that can be used, and which of them would be.") { listData };
        list.Do((parse, _) =>
        {
            LabData data = LabData.Find(parse.GetValue(listData));
            Ink ink = Ink.ForOutput();
            var table = new TextTable("", "name", "images", "where").Wrap(3);
            bool cifar = data.Identity.Name == "CIFAR-10";
            table.Add(cifar ? ink.Holds : "", "CIFAR-10", "60,000 of 3x32x32, ten classes", cifar ? data.Identity.Source : $"--data DIR or {LabData.Variable}");
            table.Add(cifar ? "" : ink.Holds, "synthetic", "drawn from a seed, same shape", "embedded");
            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            return ExitCode.Done;
        });
        Option<string?> pathData = Options.Data();
        var path = new Command("path", "Print where the images come from: a path, or 'embedded'.") { pathData };
        path.Do((parse, _) =>
        {
            Console.WriteLine(LabData.Find(parse.GetValue(pathData)).Identity.Source);
            return ExitCode.Done;
        });
        command.Add(list);
        command.Add(path);
        return command;
    }
}
