using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Onnx;
using Evenkeel.Serialization;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>The doctor looks at what a user names, runs it on data if there are any, and repairs it if asked.</summary>
internal sealed class DoctorVisit
{
    /// <summary>Without data, so many inputs are drawn to compare the repaired network with the old one.</summary>
    private const int DrawnInputs = 64;

    private readonly List<string> _notes = [];

    private DoctorVisit(Diagnosis diagnosis) => Diagnosis = diagnosis;

    public Diagnosis Diagnosis { get; }

    /// <summary>What should be known about the file and the data.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>What was repaired; null if that was not asked for.</summary>
    public DoctorRepair? Repair { get; private init; }

    /// <summary>What was written, for people; null if nothing was repaired.</summary>
    public string? Written { get; private init; }

    /// <summary>Examines, and repairs.</summary>
    /// <param name="asked">What is asked for.</param>
    /// <param name="progress">Told of each batch that was run.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WorkbenchException">Something cannot be read or written, or the data do not fit.</exception>
    public static DoctorVisit Make(
        DoctorRequest asked, IProgress<DoctorProgress>? progress, CancellationToken cancellation)
    {
        CheckPath(asked.Path);
        bool isNetwork = Directory.Exists(asked.Path) || TrainedRun.IsModelFile(asked.Path);
        if (asked.Data is null && asked.FixTo is null && !isNetwork)
            return new DoctorVisit(Named(OfFile(asked), asked.Path));
        var notes = new List<string>();
        var network = OpenedNetwork.Open(asked.Path, asked.Pictures);
        if (network.Note is { } note) notes.Add(note);
        DoctorData? data = DataOf(asked, network, notes, cancellation);
        try
        {
            Diagnosis diagnosis = Named(Examine(asked, network, data, progress, cancellation), asked.Path);
            DoctorRepair? repair = asked.FixTo is null ? null : Fix(asked, network, data, progress, cancellation);
            cancellation.ThrowIfCancellationRequested();
            var visit = new DoctorVisit(diagnosis)
            {
                Repair = repair,
                Written = repair is null ? null
                    : !repair.Steps.Any(static step => step.IsDone) ? "nothing was repaired, and nothing is written"
                    : network.Write(asked.FixTo!, repair.Model, asked.Shape),
            };
            visit._notes.AddRange(notes);
            return visit;
        }
        catch (ArgumentException refused)
        {
            // The data do not fit the network, which is said before anything else runs.
            throw UserText.Usage(refused);
        }
        catch (InvalidOperationException refused)
        {
            throw new WorkbenchException(UserText.Of(refused), refused);
        }
    }

    /// <summary>With the file's name, also in the commands that remedies say.</summary>
    private static Diagnosis Named(Diagnosis diagnosis, string path)
    {
        string name = path.Any(char.IsWhiteSpace) ? $"\"{path}\"" : path;
        return diagnosis with
        {
            Subject = path,
            Findings = [.. diagnosis.Findings.Select(finding => finding with
            {
                Remedy = finding.Remedy.Replace(" FILE", $" {name}", StringComparison.Ordinal),
            })],
        };
    }

    private static void CheckPath(string path)
    {
        if (Directory.Exists(path) || (File.Exists(path) && (!ModelCatalog.IsFile(path) || HasTensors(path)))) return;
        throw File.Exists(path)
            ? WorkbenchException.Usage($"expected a file with weights, got \"{path}\", which describes layers alone. "
                + "Give the folder of a run, or a file of weights.")
            : new WorkbenchException(
                $"expected the folder of a run or a file of weights, got \"{path}\", found none.");
    }

    private static bool HasTensors(string path)
    {
        try
        {
            return TensorFile.FormatOf(path) is not null;
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>A file alone: nothing is run, and its graph need not be one that can.</summary>
    private static Diagnosis OfFile(DoctorRequest asked)
    {
        try
        {
            return OnnxFile.Is(asked.Path)
                ? Doctor.Examine(OnnxFile.Load(asked.Path), asked.Options)
                : Doctor.Examine(ExaminedNetwork.Read(asked.Path, asked.SkipUnknown), asked.Path, asked.Options);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private static Diagnosis Examine(
        DoctorRequest asked, OpenedNetwork network, DoctorData? data, IProgress<DoctorProgress>? progress,
        CancellationToken cancellation)
    {
        // The graph of a file says more than the network it becomes.
        Diagnosis? file = network.Onnx is { } graph ? Doctor.Examine(graph, asked.Options) : null;
        if (data is null) return file ?? Doctor.Examine(network.Model, asked.Options);
        if (file is null)
            return Doctor.Examine(network.Model, data, asked.Options, progress, cancellation);
        var withoutFile = new HashSet<string>(asked.Options.Disabled, StringComparer.OrdinalIgnoreCase);
        withoutFile.UnionWith(Doctor.Rules.OfType<FileRule>().Select(static rule => rule.Id));
        Diagnosis run = Doctor.Examine(network.Model, data, asked.Options with { Disabled = withoutFile },
            progress, cancellation);
        HashSet<string> dataRules = [.. Doctor.Rules.OfType<DataRule>().Select(static rule => rule.Id)];
        return file with
        {
            Findings = [.. run.Findings.Concat(file.Findings).OrderByDescending(static finding => finding.Level)],
            NotChecked = [.. file.NotChecked.Where(rule => !dataRules.Contains(rule.Rule)), .. run.NotChecked
                .Where(rule => dataRules.Contains(rule.Rule))],
            Drift = run.Drift,
        };
    }

    private static DoctorData? DataOf(
        DoctorRequest asked, OpenedNetwork network, List<string> notes, CancellationToken cancellation)
    {
        if (asked.Data is null) return null;
        SampleSet samples = network.SamplesToExamine(asked.Data, asked.SkipBad, notes, cancellation);
        SampleSet? other = asked.OtherData is null ? null
            : network.SamplesToExamine(asked.OtherData, asked.SkipBad, notes, cancellation);
        return new DoctorData(samples.Samples)
        {
            IsLabelled = samples.HasTargets && other is not { HasTargets: false },
            Other = other?.Samples,
        };
    }

    private static DoctorRepair Fix(
        DoctorRequest asked, OpenedNetwork network, DoctorData? data, IProgress<DoctorProgress>? progress,
        CancellationToken cancellation)
    {
        // What is measured needs real data; what follows from the weights is proved on inputs from a seed.
        var repairs = new RepairOptions { Fold = asked.Fold, Recalibrate = data is not null, Prune = data is not null };
        if (data is null)
        {
            Tensor drawn = network.DrawnInputs(asked.Shape, DrawnInputs);
            data = new DoctorData(new TensorDataset(drawn, Tensor.Zeros([drawn.Shape[0]], DType.Int64)))
            {
                IsLabelled = false,
            };
        }

        return Doctor.Fix(network.Model, data, repairs, progress, cancellation);
    }
}
