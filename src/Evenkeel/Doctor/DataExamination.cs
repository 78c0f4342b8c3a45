using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>
/// A network and samples, and what is measured over them. Each pass over the samples is made when a rule first asks
/// for it, and shared by all rules. The network is left as it is.
/// </summary>
public sealed partial class DataExamination
{
    /// <summary>Fewer samples say nothing about accuracy or about dead units.</summary>
    internal const int FewSamples = 32;

    /// <summary>Values of the inputs of a batch at most, so that the activations of pictures fit into memory.</summary>
    private const int ValuesOfBatch = 1 << 22;

    /// <summary>Why rules on running statistics are not checked, or statistics not made new.</summary>
    internal const string NoRunningNorms = "no norm keeps running statistics that follow the data";

    /// <summary>The label that does not count, as in the losses.</summary>
    internal const int IgnoredLabel = -100;

    private readonly DoctorOptions _options;
    private readonly CancellationToken _cancellation;
    private readonly int[] _samples;
    private readonly Lazy<Use> _use, _otherUse;
    private readonly Lazy<SampleScores?> _batchScores;
    private readonly Lazy<PreprocessingSearch> _preprocessing;
    private readonly Lazy<IReadOnlyList<DropoutShift>> _dropout;
    private readonly Lazy<MateDependence> _mates;
    private readonly Dictionary<Module, string> _names = new(ReferenceEqualityComparer.Instance);

    internal DataExamination(
        Module model, ExaminedNetwork network, DoctorData data, DoctorOptions options,
        IProgress<DoctorProgress>? progress, CancellationToken cancellation)
    {
        (Model, Network, Data, _options, _cancellation) = (model, network, data, options, cancellation);
        Passes = new DataPasses(model, data, progress, cancellation);
        foreach ((string name, Module module) in model.NamedModules()) _names.TryAdd(module, name);
        CheckFit(model, data);
        _samples = Passes.Draw(data.Samples);
        _use = new(() => Measure("outputs in use", data.Samples, _samples, withActivations: true));
        _otherUse = new(() => Measure("outputs for the other set", data.Other!, Passes.Draw(data.Other!),
            withActivations: false));
        _batchScores = new(MeasureByBatch);
        _preprocessing = new(() => PreprocessingSearch.Run(this, BoundOf("EK203")));
        _dropout = new(() => DropoutShift.Measure(this));
        _mates = new(() => MateDependence.Measure(this));
    }

    /// <summary>The network.</summary>
    public Module Model { get; }

    /// <summary>Its weights and statistics.</summary>
    public ExaminedNetwork Network { get; }

    /// <summary>The data.</summary>
    public DoctorData Data { get; }

    /// <summary>Number of samples that are looked at.</summary>
    public int Samples => _samples.Length;

    /// <summary>
    /// The norms with running statistics in the order in which they run, and what they get in use.
    /// </summary>
    public IReadOnlyList<MeasuredNorm> Norms => _use.Value.Norms;

    /// <summary>The activations among the modules, in the order in which they run.</summary>
    public IReadOnlyList<MeasuredActivation> Activations => _use.Value.Activations;

    /// <summary>Runs the network.</summary>
    internal DataPasses Passes { get; }

    /// <summary>The samples that are looked at, in the order of the passes.</summary>
    internal int[] Order => _samples;

    /// <summary>The scores in use; null without labels.</summary>
    internal SampleScores? Scores => _use.Value.Scores;

    /// <summary>The scores by the statistics of batches; null without labels or norms.</summary>
    internal SampleScores? BatchScores => _batchScores.Value;

    /// <summary>The norms over the other set.</summary>
    internal IReadOnlyList<MeasuredNorm> OtherNorms => _otherUse.Value.Norms;

    /// <summary>The scores in use over the other set; null without labels.</summary>
    internal SampleScores? OtherScores => _otherUse.Value.Scores;

    /// <summary>What other preparations of the inputs do to the drift.</summary>
    internal PreprocessingSearch Preprocessing => _preprocessing.Value;

    /// <summary>The norms whose inputs have another variance with dropout.</summary>
    internal IReadOnlyList<DropoutShift> Dropout => _dropout.Value;

    /// <summary>Whether answers depend on the other samples of a batch.</summary>
    internal MateDependence Mates => _mates.Value;

    /// <summary>Samples computed at a time: fewer than asked for if they are large.</summary>
    internal int BatchSize => Math.Min(
        Data.BatchSize, Math.Max(16, ValuesOfBatch / Math.Max(1, Data.Samples.SampleShape.Count)));

    /// <summary>Samples of a batch by whose statistics the network is compared.</summary>
    internal int ComparedBatch => Math.Min(BatchSize, Samples);

    /// <summary>Why scores cannot be compared; null if they can.</summary>
    internal string? ScoresObstacle => !Data.IsLabelled ? "no labels"
        : Samples < FewSamples ? $"fewer than {FewSamples} samples"
        : null;

    /// <summary>Whether there are enough labelled samples to compare scores.</summary>
    internal bool CanCompareScores => ScoresObstacle is null;

    /// <summary>Ends the examination if it was cancelled.</summary>
    internal CancellationToken Cancellation => _cancellation;

    /// <summary>Whether the network has norms that keep running statistics and are not frozen.</summary>
    internal bool HasRunningNorms => TrackingNorms().Any();

    /// <summary>The dotted name of a module of the network.</summary>
    internal string NameOf(Module module) => _names[module];

    /// <summary>The rule that explains drift, gaps and dead units, if one does: null for none.</summary>
    internal string? Cause => IsOn("EK206") && Mates.IsFound(BoundOf("EK206")) ? "EK206"
        : IsOn("EK203") && Preprocessing.Best is not null ? "EK203"
        : IsOn("EK209") && Dropout.Any(shift => shift.IsBeyond(BoundOf("EK209"))) ? "EK209"
        : null;

    /// <summary>Whether the score by running statistics is too low, and the rule that says so is on.</summary>
    internal bool HasGap => IsOn("EK202") && TrainEvalGap.LevelOf(this, BoundOf("EK202")) is not null;

    /// <summary>Whether running statistics are so far off that activations are not judged by them.</summary>
    private bool IsFarOff => IsOn("EK201") && Norms.Any(norm =>
        StatisticsDrift.Drift.Of(norm, BoundOf("EK201")).Level == FindingLevel.Error);

    /// <summary>
    /// The level of a symptom, and the rule that names the cause: a symptom of a known cause is a note.
    /// </summary>
    /// <param name="level">The level of the symptom alone.</param>
    /// <param name="known">Which symptoms of the statistics come before this one.</param>
    internal (FindingLevel Level, string Because) LevelOf(FindingLevel level, KnownSymptoms known) =>
        Cause is { } cause ? (FindingLevel.Note, $" ({cause} says why)")
        : known >= KnownSymptoms.Gap && HasGap ? (FindingLevel.Note, " (EK202 says what it costs)")
        : known >= KnownSymptoms.Drift && IsFarOff ? (FindingLevel.Note, " (EK201 says why)")
        : (level, "");

    /// <summary>The norms with running statistics that follow the data in training.</summary>
    internal IEnumerable<(string Name, Module Module, ITrackingNorm Norm)> TrackingNorms()
    {
        foreach ((string name, Module module) in Model.NamedModules())
        {
            if (module is ITrackingNorm { Running.IsFrozen: false } norm) yield return (name, module, norm);
        }
    }

    /// <summary>A copy of the network whose statistics are those of a set, and its scores there.</summary>
    internal (Module Model, SampleScores? Scores)? Recalibrated(IDataset set, int[] samples, int most = 1024)
    {
        Module copy;
        try
        {
            copy = Model.Clone();
        }
        catch (InvalidOperationException)
        {
            // A network with fields that cannot be copied is diagnosed without this.
            return null;
        }

        int[] used = samples[..Math.Min(samples.Length, most)];
        // One pass per norm is exact; beyond some norms one pass for all is near enough.
        RecalibrationOrder order = TrackingNorms().Count() <= 8
            ? RecalibrationOrder.LayerByLayer
            : RecalibrationOrder.AllAtOnce;
        try
        {
            copy.Recalibrate(new Subset(set, used),
                new RecalibrationOptions { BatchSize = BatchSize, Order = order },
                progress: null, _cancellation);
        }
        catch (Exception failed) when (failed is InvalidOperationException or ArgumentException)
        {
            return null;
        }

        return (copy, Data.IsLabelled
            ? Passes.Scores("recalibrated", PassKind.Use, set, samples, BatchSize, network: copy)
            : null);
    }

    /// <summary>
    /// The share of samples to which another network gives another class, or for numbers how far its outputs differ as
    /// a share of their range; and a sentence.
    /// </summary>
    internal (double Change, string Text) OtherAnswers(Module other)
    {
        Tensor x = InputsToProve(512), y = Passes.Outputs(PassKind.Use, x), z = Passes.Outputs(PassKind.Use, x, other);
        if (y.Shape.Rank != 2 || y.Shape[1] < 2)
        {
            double change = MateDependence.ChangeOf(y, z, y.Count);
            return (change, $" Recalibrated, the outputs change by {Statistic.Share(change)} of their range.");
        }

        long[] before = y.ArgMax(1).ToArray<long>(), after = z.ArgMax(1).ToArray<long>();
        double share = before.Zip(after).Count(static pair => pair.First != pair.Second) / (double)before.Length;
        return (share, $" Recalibrated, {Statistic.Share(share)} of the samples get another class.");
    }

    /// <summary>Some samples on which outputs are compared: fewer if samples are large.</summary>
    internal Tensor InputsToProve(int most)
    {
        int count = Math.Clamp(ValuesOfBatch / Math.Max(1, Data.Samples.SampleShape.Count), Math.Min(8, most), most);
        return Passes.Read(Data.Samples, _samples.AsSpan(0, Math.Min(count, Samples)));
    }

    /// <summary>The norms' inputs in a pass of any kind.</summary>
    internal IReadOnlyList<MeasuredNorm> MeasureNorms(
        string step, PassKind kind, int[] samples, Func<Tensor, Tensor>? prepare = null, bool firstOnly = false)
    {
        NormWatch[] watches = [.. TrackingNorms().Select(entry => new NormWatch(entry.Name, entry.Module, entry.Norm))];
        var order = new List<NormWatch>();
        Passes.Run(step, kind, Data.Samples, samples, BatchSize, Hooks(watches, order, firstOnly),
            prepare: prepare);
        return [.. order.Select(static watch => watch.Result())];
    }

    private static List<(Module, Action<Module, Tensor, Tensor>)> Hooks(
        NormWatch[] watches, List<NormWatch> order, bool firstOnly = false) =>
        [.. watches.Select(watch => (watch.Module, (Action<Module, Tensor, Tensor>)((_, x, _) =>
        {
            if (!order.Contains(watch)) order.Add(watch);
            watch.Add(x);
            if (firstOnly) throw new EnoughSeenException();
        })))];

    private Use Measure(string step, IDataset set, int[] samples, bool withActivations)
    {
        NormWatch[] watches = [.. TrackingNorms().Select(entry => new NormWatch(entry.Name, entry.Module, entry.Norm))];
        var order = new List<NormWatch>();
        List<(Module Module, Action<Module, Tensor, Tensor> Look)> hooks = Hooks(watches, order);
        ActivationWatch? activations = withActivations ? new ActivationWatch(this) : null;
        if (activations is not null) hooks.AddRange(activations.Hooks());
        SampleScorer? scorer = Data.IsLabelled
            ? new SampleScorer(set.TargetType == DType.Int64, samples.Length)
            : null;
        Passes.Run(step, PassKind.Use, set, samples, BatchSize, hooks, (y, start) =>
        {
            activations?.EndOfBatch(y);
            if (scorer is not null) Passes.Score(scorer, set, samples, y, start);
        });
        return new Use([.. order.Select(static watch => watch.Result())], activations?.Results() ?? [],
            scorer?.Scores());
    }

    private SampleScores? MeasureByBatch() => Data.IsLabelled && HasRunningNorms
        ? Passes.Scores("outputs by the statistics of batches", PassKind.BatchStatistics, Data.Samples, _samples,
            ComparedBatch)
        : null;

    private bool IsOn(string rule) => !_options.Disabled.Contains(rule);

    private double BoundOf(string rule) => _options.BoundOf(DataRules.All.First(known => known.Id == rule));

    /// <summary>What is said before a symptom.</summary>
    internal enum KnownSymptoms
    {
        /// <summary>Causes alone.</summary>
        None,

        /// <summary>And the score by running statistics.</summary>
        Gap,

        /// <summary>And statistics that are far off.</summary>
        Drift,
    }

    private sealed record Use(
        IReadOnlyList<MeasuredNorm> Norms, IReadOnlyList<MeasuredActivation> Activations, SampleScores? Scores);
}
