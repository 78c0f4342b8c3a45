using System.CommandLine;
using System.Text.Json.Nodes;
using Evenkeel.Cli.Terminal;
using Evenkeel.Mpi;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Runs;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel train</c>: a network for somebody's own data, in the folder of a run.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var resume = new Option<string?>("--resume")
        {
            Description = "go on with the run in this folder, with its settings",
            HelpName = "RUN",
        };
        var folder = new Option<string>("--out")
        {
            Description = "folder of the runs",
            HelpName = "DIR",
            DefaultValueFactory = _ => RunsCommand.DefaultFolder,
        };
        var name = new Option<string?>("--name")
        {
            Description = "name of the run (default: the date and a number)",
            HelpName = "NAME",
        };
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "print what was found in the data, the settings and the network, and stop",
        };
        var doctor = new Option<bool>("--doctor")
        {
            Description = "say during the training what is wrong with it; false looks at nothing (default: true)",
            DefaultValueFactory = _ => true,
        };
        Option<long?> threads = Options.Threads();
        Option<long?> workers = Options.Number("--workers", 0, 64,
            "threads that prepare batches (default: 1; pictures that do not fit in memory: all)");
        Option<long?> saveEvery = Options.Number("--save-every", 1, 86_400,
            "seconds between two checkpoints: what a killed process loses at most (default: 15)");
        var collective = new Option<string?>("--collective")
        {
            Description = "who computes the parts of a batch: the processes of mpirun, or threads of this one "
                + "(default: mpi under mpirun); the results do not depend on it",
            HelpName = "mpi|threads",
            CustomParser = static result => result.Tokens[0].Value is "mpi" or "threads"
                ? result.Tokens[0].Value
                : Options.Refuse<string?>(
                    result, $"--collective: expected mpi or threads, got {result.Tokens[0].Value}."),
        };
        Option<long?> deadline = Options.Number("--deadline", 1, 86_400,
            "seconds that a process waits for the others before all end (default: 300)");
        var shard = new Option<bool>("--shard-optimizer")
        {
            Description = "with several processes: each keeps a share of the optimizer's state; same bits",
        };
        var settings = new SettingOptions();
        var command = new Command("train", "Train a network on a table or on pictures. Without code: what is not said "
            + "is found in the data, and printed before anything runs.");
        settings.AddTo(command);
        Option[] others =
            [resume, folder, name, dryRun, doctor, saveEvery, workers, threads, collective, deadline, shard];
        foreach (Option option in others) command.Add(option);
        command.Validators.Add(result =>
        {
            bool hasData = result.GetResult(settings.Of("data")) is not null;
            if (result.GetResult(resume) is null && !hasData)
                result.AddError("expected --data with a table, a folder of pictures or the name of a set, got none.");
        });
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            Options.WarnOfSlowHardware();
            TimeSpan every = TimeSpan.FromSeconds(parse.GetValue(saveEvery) ?? 15);
            using MpiCollective? processes = Join(parse.GetValue(collective), parse.GetValue(deadline) ?? 300);
            var training = new TrainingSession(
                (int?)parse.GetValue(workers), every, processes, parse.GetValue(shard), parse.GetValue(doctor),
                cancellation);
            bool isDry = parse.GetValue(dryRun);
            if (parse.GetValue(resume) is { } run)
            {
                bool isPlaced = parse.GetValue(name) is not null || parse.GetResult(folder) is { Implicit: false };
                if (isPlaced)
                    throw WorkbenchException.Usage("--resume: expected neither --out nor --name with it.");
                return training.Resume(RunFolder.Open(run), settings.Given(parse), isDry);
            }

            string runs = parse.GetValue(folder)!;
            RunFolder.CheckName(parse.GetValue(name));
            return training.Begin(
                settings.Given(parse), isDry ? null : () => RunFolder.Create(runs, parse.GetValue(name)));
        });
        return command;
    }

    /// <summary>Joins the processes that mpirun has started. The first one alone prints.</summary>
    private static MpiCollective? Join(string? collective, long deadline)
    {
        int size = MpiCollective.LaunchedSize;
        if (MpiCollective.LaunchedRank > 0)
        {
            Console.SetOut(TextWriter.Null);
            Console.SetError(TextWriter.Null);
        }

        if ((collective ?? (size > 1 ? "mpi" : "threads")) == "threads")
        {
            if (size == 1) return null;
            throw WorkbenchException.Usage(
                $"--collective: expected mpi, because mpirun has started {size} processes, got threads. Start one "
                + "process for threads.");
        }

        try
        {
            return MpiCollective.Start(new MpiOptions
            {
                Deadline = TimeSpan.FromSeconds(deadline),
                // The message that ends all comes from the process that knows it.
                Messages = new StreamWriter(Console.OpenStandardError()) { AutoFlush = true },
            });
        }
        catch (Exception failure) when (failure is MpiNotFoundException or InvalidOperationException)
        {
            throw new WorkbenchException(failure.Message, failure);
        }
    }

    /// <summary>An option for each setting of a training.</summary>
    private sealed class SettingOptions
    {
        private readonly List<(TrainSetting Setting, Option Option)> _options = [.. TrainSetting.All.Select(Create)];

        public Option Of(string name) => _options.First(entry => entry.Setting.Name == name).Option;

        public void AddTo(Command command)
        {
            foreach ((_, Option option) in _options) command.Add(option);
        }

        /// <summary>The settings that stand on the command line.</summary>
        public List<(TrainSetting Setting, string Value)> Given(ParseResult parse)
        {
            var given = new List<(TrainSetting, string)>();
            foreach ((TrainSetting setting, Option option) in _options)
            {
                if (parse.GetResult(option) is not { Implicit: false } result) continue;
                string text = setting.ValueName is null ? parse.GetValue((Option<bool>)option) ? "yes" : "no"
                    : string.Join(TrainSetting.ListSeparator, result.Tokens.Select(static token => token.Value));
                given.Add((setting, text));
            }

            return given;
        }

        private static (TrainSetting Setting, Option Option) Create(TrainSetting setting)
        {
            string name = "--" + setting.Name;
            if (setting.ValueName is null)
                return (setting, new Option<bool>(name) { Description = setting.Description });
            if (setting.IsList)
            {
                return (setting, new Option<string[]>(name)
                {
                    Description = setting.Description,
                    HelpName = setting.ValueName,
                    Arity = ArgumentArity.OneOrMore,
                    AllowMultipleArgumentsPerToken = true,
                });
            }

            return (setting, new Option<string?>(name)
            {
                Description = setting.Description,
                HelpName = setting.ValueName,
            });
        }
    }

    /// <summary>One call of the command.</summary>
    private sealed class TrainingSession(
        int? workers, TimeSpan saveEvery, IProcessGroup? processes, bool shardsOptimizer, bool hasDoctor,
        CancellationToken cancellation)
    {
        private bool IsFirst => processes is null or { Rank: 0 };

        public int Begin(IReadOnlyList<(TrainSetting Setting, string Value)> given, Func<RunFolder>? create)
        {
            var settings = new TrainSettings();
            foreach ((TrainSetting setting, string value) in given) settings = setting.Set(settings, value);
            string kind = DataKind.Of(settings.Data) == DataKind.Table ? "table" : "pictures";
            foreach ((TrainSetting setting, _) in given)
            {
                if (setting.Only is null || setting.Only == kind) continue;
                throw WorkbenchException.Usage(
                    $"--{setting.Name}: expected none, got one: it is for {setting.Only}, and {settings.Data} is not. "
                    + "Leave it out.");
            }

            TrainingPlan plan = Together(() => Prepare(settings with
            {
                Data = FullPath(settings.Data),
                ValidationData = settings.ValidationData is { } other ? FullPath(other) : null,
                Model = settings.Model is { } model && ModelCatalog.IsFile(model) ? FullPath(model) : settings.Model,
            }));
            if (create is null) return EndDryRun();
            RunFolder? folder = Together(() => IsFirst ? create() : null);
            return folder is null ? Help(plan, resumed: null) : Train(plan, folder);
        }

        public int Resume(
            RunFolder run, IReadOnlyList<(TrainSetting Setting, string Value)> changes, bool isDry)
        {
            if (run.Document["settings"] is not JsonObject stored)
            {
                throw new WorkbenchException(
                    $"expected a run with settings, got \"{run.FullPath}\", whose run.json has none. Train anew.");
            }

            TrainSettings before = TrainSetting.FromJson(stored), settings = before;
            foreach ((TrainSetting setting, string value) in changes)
            {
                if (setting.Name != "epochs")
                {
                    throw WorkbenchException.Usage(
                        $"--{setting.Name}: expected no other setting than --epochs with --resume, for the run goes on "
                        + "with its own. Begin a new run to change it.");
                }

                settings = setting.Set(settings, value);
            }

            if (settings.Epochs != before.Epochs && settings.Schedule is not ("constant" or "plateau"))
            {
                throw WorkbenchException.Usage(
                    $"--epochs: expected the {before.Epochs} epochs of the run, got {settings.Epochs}: its schedule "
                    + $"{settings.Schedule} ends with them. With --schedule constant or plateau it could be more.");
            }

            TrainingPlan plan = Together(() => PrepareAgain(run, settings));
            if (isDry) return EndDryRun();
            return IsFirst ? Train(plan, run) : Help(plan, run);
        }

        private TrainingPlan PrepareAgain(RunFolder run, TrainSettings settings)
        {
            TrainingPlan plan = Prepare(settings);
            Compare(run, "data", plan.Data.Identity, run.Text("data", "identity"),
                $"other content in \"{settings.Data}\": it has changed since the run began");
            Compare(run, "preparation", plan.Data.Preparation.ToJson(), run.Document["preparation"]?.ToJsonString(),
                "another preparation of the same data: another version of evenkeel made it");
            Compare(run, "model", JsonNode.Parse(plan.Model.ToJson())!.ToJsonString(),
                run.Document["model"]?.ToJsonString(),
                $"other layers of {settings.Model}: the file, or evenkeel, has changed since the run began");
            return plan;
        }

        /// <summary>
        /// Does what may fail on one machine alone, such as reading a file. If one fails, all fail, and the first one
        /// says which.
        /// </summary>
        private T Together<T>(Func<T> work)
        {
            if (processes is null) return work();
            T? result = default;
            WorkbenchException? failure = null;
            try
            {
                result = work();
            }
            catch (WorkbenchException own)
            {
                failure = own;
            }

            string[] problems = processes.GatherTexts("preparation", failure?.Message ?? "");
            int first = Array.FindIndex(problems, static problem => problem.Length > 0);
            if (first < 0) return result!;
            throw first == processes.Rank ? failure!
                : new WorkbenchException($"{processes.NameOf(first)}: {problems[first]}");
        }

        /// <summary>Computes its parts beside the first process.</summary>
        private int Help(TrainingPlan plan, RunFolder? resumed)
        {
            try
            {
                RunHelp.Train(
                    plan, resumed, workers ?? plan.Data.Workers, processes!, shardsOptimizer, cancellation);
                return ExitCode.Done;
            }
            catch (DivergedException)
            {
                return ExitCode.Diverged;
            }
        }

        /// <summary>What the settings make now must be what the run has stored.</summary>
        private static void Compare(RunFolder run, string what, string now, string? stored, string got)
        {
            if (string.IsNullOrEmpty(stored)) return;
            if (JsonNode.DeepEquals(Node(now), Node(stored))) return;
            throw new WorkbenchException(
                $"expected the {what} of the run \"{run.Name}\", got {got}. Put back what it was, or begin a new run.");

            static JsonNode? Node(string text) => text.StartsWith('{') ? JsonNode.Parse(text) : JsonValue.Create(text);
        }

        private static int EndDryRun()
        {
            Console.WriteLine();
            Console.WriteLine("Nothing was trained (--dry-run).");
            return ExitCode.Done;
        }

        private TrainingPlan Prepare(TrainSettings settings)
        {
            Console.Error.WriteLine($"Reading {ShownPath.Of(settings.Data)}");
            PreparedData data = Preparation.Learn(settings, progress: null, cancellation);
            var plan = new TrainingPlan(TrainDefaults.Fill(settings, data, processes?.Size ?? 1), data);
            if (processes is not null && plan.Settings.Parts % processes.Size != 0)
            {
                throw WorkbenchException.Usage(
                    $"--parts: expected a multiple of the {processes.Size} processes, which share the parts equally, "
                    + $"got {plan.Settings.Parts}. Start a number of processes that divides it.");
            }

            new TrainPrinter(Console.Out, Ink.ForOutput()).Print(plan);
            return plan;
        }

        private int Train(TrainingPlan plan, RunFolder run)
        {
            var printer = new TrainPrinter(Console.Out, Ink.ForOutput());
            Console.WriteLine();
            Console.WriteLine($"Run: {ShownPath.Of(run.FullPath)}");
            var training = new RunTraining(
                plan, run, Environment.GetCommandLineArgs()[1..], processes, shardsOptimizer);
            using var display = new TrainDisplay(plan.Batches.Batches);
            try
            {
                JsonObject evaluation = training.Train(
                    workers ?? plan.Data.Workers, saveEvery, Console.Error.WriteLine, display,
                    hasDoctor ? display.Show : null, cancellation);
                display.Dispose();
                printer.PrintResult(run, evaluation, training.StopReason);
                return ExitCode.Done;
            }
            catch (OperationCanceledException)
            {
                display.Dispose();
                Console.Error.WriteLine("evenkeel train: interrupted; the steps taken are saved. Go on with");
                Console.Error.WriteLine($"  evenkeel train --resume {ShownPath.Of(run.FullPath)}");
                return ExitCode.Interrupted;
            }
            catch (DivergedException divergence)
            {
                display.Dispose();
                Console.Error.WriteLine($"evenkeel train: {Diverged(divergence, plan.Settings)}");
                return ExitCode.Diverged;
            }
        }

        private static string Diverged(DivergedException divergence, TrainSettings settings)
        {
            string advice = $"--lr {settings.LearningRate / 10:R}";
            if (settings.Clip is null) advice += " or --clip 1";
            if (settings is { Schedule: "cosine", Warmup: 0, Epochs: > 1 }) advice += ", or --warmup 1";
            return $"diverged at step {divergence.Step}: the first values that are not finite come from "
                + $"{divergence.Layer}. Try {advice}.";
        }

        private static string FullPath(string data) =>
            Path.Exists(data) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)) : data;

    }
}
