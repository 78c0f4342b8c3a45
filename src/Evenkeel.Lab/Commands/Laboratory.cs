using System.Diagnostics;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Commands;

/// <summary>What the user asked for; null where the lesson decides.</summary>
internal sealed record RunRequest(long? Seed, int Threads, DType? DType, int? Epochs, bool Quick);

/// <summary>Runs experiments and stores their results; <c>run</c> and <c>reproduce</c> differ in what they print and reuse.</summary>
internal sealed class Laboratory(RunRequest request, LabData data, ResultFolder folder, CancellationToken cancellation)
{
    public LabData Data { get; } = data;

    public ResultFolder Folder { get; } = folder;

    /// <summary>The settings an experiment runs with: the user's where they make sense, else the lesson's.</summary>
    public ExperimentSettings SettingsOf(Experiment experiment) => new(
        request.Seed ?? experiment.LessonSeed,
        request.Threads,
        experiment.OnlyDType ?? request.DType ?? experiment.LessonDType,
        experiment.Epochs is { } epochs ? request.Epochs ?? (request.Quick ? epochs.Quick : epochs.Lesson) : null,
        request.Quick);

    public DataIdentity? DataOf(Experiment experiment) => experiment.Images is { } set ? Data.Of(set) : null;

    /// <summary>Runs one experiment under a progress display and stores its result.</summary>
    public ResultRecord Run(Experiment experiment)
    {
        ExperimentSettings settings = SettingsOf(experiment);
        ResultRecord record = ProgressDisplay.Run(experiment.Name, progress =>
        {
            TimeSpan loadingBefore = Data.LoadingTime;
            var clock = Stopwatch.StartNew();
            ExperimentResult result = experiment.Run(new ExperimentContext(settings, Data, progress, cancellation));
            double seconds = (clock.Elapsed - (Data.LoadingTime - loadingBefore)).TotalSeconds;
            return new ResultRecord(experiment, settings, ResultEnvironment.Current, DataOf(experiment), seconds, result);
        });
        cancellation.ThrowIfCancellationRequested();
        Folder.Write(record);
        return record;
    }

    /// <summary>True where the user asked for an element type that the experiment can not have.</summary>
    public bool OverridesDType(Experiment experiment) => request.DType is { } asked && experiment.OnlyDType is { } only && only != asked;
}
