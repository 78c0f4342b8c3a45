using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>
/// Injures a trained network in every way at graded strength: from which strength on the doctor warns, and what the
/// injury costs there.
/// </summary>
internal sealed class DoctorRecall : Experiment
{
    private const int BatchSize = 32;
    private const double Rate = 1e-3;

    /// <summary>Held-out images; two thirds of them are tested on.</summary>
    private const int Held = 1500, QuickCount = 300, QuickHeld = 450;

    /// <summary>
    /// Training images that the doctor sees, enough for every rule, and those of which statistics are made exact.
    /// </summary>
    private const int Seen = 256, Exact = 500;

    /// <summary>Rules that say what could be saved, or what the next training needs: no injury is theirs.</summary>
    private static readonly HashSet<string> s_unneeded = ["EK211", "EK212", "EK213", "EK214"];

    public override string Name => "doctor-recall";

    public override string Title => "From which strength on an injury is found";

    public override string Lesson => "R1";

    public override string Description =>
        "LeNet with batch norm, trained on a thousand images, then injured in nine ways, from weak to strong. The " +
        "doctor looks at each injured network with 256 training images. For each strength: whether it warns, and " +
        "how much test accuracy the injury costs.";

    public override string Page => "docs/lessons/r-doctor.md#doctor-recall";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. Injury.All.Select(static injury => injury.Name)];

    public override (int Lesson, int Quick)? Epochs => (5, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (60, 8);

    public override ExperimentResult Run(ExperimentContext context) => context.Quick
        ? Measure(context, QuickCount, QuickHeld, isSparse: true)
        : Measure(context, FewGarments.TrainCount, Held);

    /// <summary>Trains, injures and examines.</summary>
    /// <param name="context">Settings and data.</param>
    /// <param name="count">Training images.</param>
    /// <param name="held">Held-out images.</param>
    /// <param name="isSparse">Whether to take every other strength only, the strongest among them.</param>
    internal static ExperimentResult Measure(ExperimentContext context, int count, int held, bool isSparse = false)
    {
        FewGarments images = FewGarments.Draw(context, held, count);
        Module healthy = Train(context, images);
        var result = new ExperimentResult();
        double accuracy = Accuracy(healthy, images);
        Diagnosis own = Examine(context, healthy, images);
        int warnings = own.Findings.Count(static finding => finding.Level >= FindingLevel.Warning);
        result.Figures["healthy.testAccuracy"] = accuracy;
        result.Figures["healthy.warnings"] = warnings;
        var rows = new List<IReadOnlyList<object?>>();
        for (int n = 0; n < Injury.All.Count; n++)
        {
            Injury injury = Injury.All[n];
            double[] strengths = [.. injury.Strengths.Where(
                (_, i) => !isSparse || (injury.Strengths.Count - 1 - i) % 2 == 0)];
            var trials = new List<Trial>();
            foreach (double strength in strengths)
            {
                Module injured = injury.Of(healthy, strength);
                if (!injury.IsOfStatistics)
                    Recalibrate(context, injured, images);
                FindingLevel? level = Examine(context, injured, images).Findings
                    .Where(finding => injury.Rules.Contains(finding.Rule, StringComparer.Ordinal))
                    .Max(static finding => (FindingLevel?)finding.Level);
                trials.Add(new Trial(strength, accuracy - Accuracy(injured, images), level));
                context.Report((n + ((double)trials.Count / strengths.Length)) / Injury.All.Count,
                    $"{injury.Title}, {strength}");
            }

            AddFigures(result, injury, trials);
            rows.AddRange(trials.Select(trial => (IReadOnlyList<object?>)[injury.Title, injury.Unit, trial.Strength,
                trial.Loss, trial.Level is { } level ? $"{level}".ToLowerInvariant() : "nothing"]));
        }

        using var hash = new WeightsHash();
        hash.Add("healthy", healthy);
        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable("What each injury costs, and the level at which the doctor speaks",
            ["injury", "strength in", "strength", "loss of test accuracy", "the doctor says"], rows,
            [null, null, null, "F3", null]));
        result.Checks.Add(Check.Judge("R1.healthy", "Of a healthy network the doctor warns of nothing",
            "no warning and no error before the injuries", $"{warnings}: {own.Verdict}", warnings == 0));
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        double[] places = [.. Enumerable.Range(0, Injury.All.Count).Select(static n => (double)n)];
        return
        [
            new Chart("loss", "Test accuracy lost as the injury grows", new Axis("strength, from weak to strong"),
                new Axis("loss of test accuracy"), [.. Injury.All.Select(injury =>
                    Curve.Of(result, $"{injury.Name}/loss", injury.Title, Marker.Circle))]),
            new Chart("bounds", "Loss of test accuracy below and at the doctor's bounds",
                new Axis("", Categories: [.. Injury.All.Select(static injury => injury.Title)]),
                new Axis("loss of test accuracy"),
                [Of("largest without a warning", "lossUnwarned"), Of("at the first warning", "lossAtWarning")],
                "An injury that is never warned of has no second bar.", ChartKind.Bar),
        ];

        Curve Of(string label, string figure) => new(label, places, [.. Injury.All.Select(injury =>
            result.Figures.GetValueOrDefault($"{injury.Name}.{figure}", double.NaN))], HasLine: false);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        double worst = Injury.All.Max(injury => figures[$"{injury.Name}.lossUnwarned"]);
        int found = Injury.All.Count(injury => figures.ContainsKey($"{injury.Name}.lossAtWarning"));
        return $"{found} of {Injury.All.Count} found; unwarned at most {worst:F3}";
    }

    private static Module Train(ExperimentContext context, FewGarments images)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        Module net = ComparedNet.LeNet.Create(ComparedNorm.BatchNormed, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new Adam(net.Parameters(), Rate));
        using DataLoader batches = images.Batches(BatchSize, random);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
            training.Epoch(batches, _ => context.Report(0, "training"));
        // What is found later is then the injury, not what the moving averages have left.
        Recalibrate(context, net, images);
        return net;
    }

    private static void Recalibrate(ExperimentContext context, Module net, FewGarments images) => net.Recalibrate(
        new Subset(images.Train, [.. Enumerable.Range(0, Math.Min(Exact, images.Train.Count))]),
        cancellationToken: context.Cancellation);

    private static Diagnosis Examine(ExperimentContext context, Module net, FewGarments images) => Doctor.Examine(
        net, new DoctorData(images.Train) { Limit = Seen }, new DoctorOptions { Disabled = s_unneeded },
        cancellationToken: context.Cancellation);

    private static double Accuracy(Module net, FewGarments images) =>
        new ClassifierTraining(net, new Adam(net.Parameters(), Rate)).Evaluate(images.InOrder(images.Test)).Accuracy;

    private static void AddFigures(ExperimentResult result, Injury injury, List<Trial> trials)
    {
        foreach (Trial trial in trials)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{injury.Name}-{trial.Strength:0.####}");
            result.Figures[$"{name}.loss"] = trial.Loss;
            result.Figures[$"{name}.level"] = trial.Level is { } level ? 1 + (int)level : 0;
        }

        // A strength counts as found if every greater one is found too.
        int first = 1 + trials.FindLastIndex(static trial => !(trial.Level >= FindingLevel.Warning));
        result.Figures[$"{injury.Name}.lossUnwarned"] =
            trials.Take(first).Select(static trial => trial.Loss).Append(0).Max();
        if (first < trials.Count)
        {
            result.Figures[$"{injury.Name}.warnedFrom"] = trials[first].Strength;
            result.Figures[$"{injury.Name}.lossAtWarning"] = trials[first].Loss;
        }

        result.AddSeries($"{injury.Name}/loss", [.. trials.Select(static trial => trial.Loss)], first: 1);
    }

    /// <summary>One injured network.</summary>
    private sealed record Trial(double Strength, double Loss, FindingLevel? Level);
}
