using System.CommandLine;
using System.Globalization;
using Evenkeel.Cli.Terminal;
using Evenkeel.Onnx;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel onnx</c>: runs ONNX files, and tests in the layout of ONNX's own.</summary>
internal static class OnnxCommand
{
    public static Command Create() => new("onnx", "Run ONNX files on arrays, and check tests of ONNX.")
    {
        Check(),
        Run(),
    };

    private static Command Check()
    {
        var folders = new Argument<string[]>("FOLDER")
        {
            Description = "folders with tests at any depth: model.onnx and test_data_set_N/input_I.pb, output_I.pb",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> json = Options.Json();
        Option<long?> threads = Options.Threads();
        var check = new Command("check", "Run tests in the layout of ONNX's own, and compare the outputs. Exit codes: "
            + "0 none failed, 1 one failed, 2 usage, 3 tests are missing or cannot be read.")
        {
            folders, json, threads,
        };
        folders.Validators.Add(result =>
        {
            foreach (string folder in result.Tokens.Select(static token => token.Value))
            {
                if (folder.StartsWith('-')) result.AddError(EvenkeelCommand.UnknownOption(folder, check));
            }
        });
        check.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            List<string> tests = [.. parse.GetValue(folders)!.SelectMany(TestsIn)];
            return parse.GetValue(json) ? CheckAsJson(tests, cancellation) : CheckAsTable(tests, cancellation);
        });
        return check;
    }

    private static Command Run()
    {
        var file = new Argument<string>("FILE") { Description = "the ONNX file" };
        var inputs = new Option<string[]>("--input")
        {
            Description = "an input from a file of NumPy; the name may be left out if there is one input, and an .npz "
                + "file has several by name; may be given several times",
            HelpName = "NAME=X.npy",
            AllowMultipleArgumentsPerToken = false,
        };
        var to = new Option<string>("--out")
        {
            Description = "folder for the outputs, a file NAME.npy each",
            HelpName = "DIR",
            Required = true,
        };
        Option<long?> threads = Options.Threads();
        var run = new Command("run", "Run an ONNX file on arrays of NumPy, and write its outputs.")
        {
            file, inputs, to, threads,
        };
        run.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            var table = new TextTable("output", "type", "shape", "file").Wrap(0, 3);
            foreach (OnnxOutput output in OnnxRun.Run(
                parse.GetValue(file)!, parse.GetValue(inputs) ?? [], parse.GetValue(to)!, cancellation))
            {
                table.Add(InspectFile.Shown(output.Name), output.Type, output.Shape.ToString(),
                    ShownPath.Of(Path.GetFullPath(output.Path)));
            }

            Ink ink = Ink.ForOutput();
            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            return ExitCode.Done;
        });
        return run;
    }

    /// <summary>The tests in a folder; there must be some.</summary>
    private static IReadOnlyList<string> TestsIn(string folder)
    {
        try
        {
            List<string> tests = Directory.Exists(folder) ? [.. TestFolder.Below(folder)] : [];
            if (tests.Count > 0) return tests;
            string what = Directory.Exists(folder) ? "in which there are none"
                : File.Exists(folder) ? "which is a file" : "which does not exist";
            throw new WorkbenchException($"expected a folder with tests (model.onnx and test_data_set_N), got "
                + $"\"{folder}\", {what}.")
            { IsUnreadable = true };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WorkbenchException(UserText.Of(failure), failure) { IsUnreadable = true };
        }
    }

    private static int CheckAsJson(List<string> tests, CancellationToken cancellation)
    {
        int failed = 0;
        foreach (string test in tests)
        {
            cancellation.ThrowIfCancellationRequested();
            TestOutcome outcome = TestFolder.Run(test);
            if (outcome.Result == "failed") failed++;
            JsonLine.Print(json =>
            {
                json.WriteString("test", outcome.Test);
                json.WriteString("result", outcome.Result);
                json.WriteString("why", Line(outcome.Why));
            });
        }

        return failed == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static int CheckAsTable(List<string> tests, CancellationToken cancellation)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        TextTable table = new TextTable("test", "result", "why").Wrap(0, 2);
        foreach (string test in tests)
        {
            cancellation.ThrowIfCancellationRequested();
            TestOutcome outcome = TestFolder.Run(test);
            counts[outcome.Result] = counts.GetValueOrDefault(outcome.Result) + 1;
            if (outcome.Result != "passed")
                table.Add(InspectFile.Shown(outcome.Test), outcome.Result, InspectFile.Shown(Line(outcome.Why)));
        }

        int failed = counts.GetValueOrDefault("failed");
        if (counts.GetValueOrDefault("passed") < tests.Count)
        {
            Ink ink = Ink.ForOutput();
            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            Console.WriteLine();
        }

        string total = tests.Count.ToString("N0", CultureInfo.InvariantCulture);
        Console.WriteLine($"{total} tests: {counts.GetValueOrDefault("passed")} passed, {failed} failed, "
            + $"{counts.GetValueOrDefault("unsupported")} unsupported.");
        return failed == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static string Line(string text) => text.ReplaceLineEndings(" ");
}
