using System.Globalization;
using System.Text;
using Evenkeel.Examination;
using Evenkeel.Training;

namespace Evenkeel.Benchmarks;

/// <summary>
/// A rule beside itself with ever stricter bounds (rungs). How far the strictest one that is silent is from the bound
/// is the distance of a network, with all that the rule asks for besides: looks in a row, widening by the noise.
/// </summary>
/// <param name="Id">The rule.</param>
/// <param name="Measured">What it measures, for people.</param>
/// <param name="Least">The level from which on it counts that the rule speaks.</param>
/// <param name="Floor">What a perfect network measures: bounds come near to it, not beyond.</param>
internal sealed record CalibrationLadder(
    string Id, string Measured, FindingLevel Least = FindingLevel.Warning, double Floor = 0)
{
    /// <summary>How much stricter each rung is than the rule itself.</summary>
    public static readonly double[] Factors = [1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100];

    /// <summary>The rule.</summary>
    public DoctorRule Rule { get; } = Doctor.Rules.First(rule => rule.Id == Id);

    /// <summary>Whether the rule says what it measures of any network, in a note: then nothing is tried.</summary>
    public bool IsSaid { get; init; }

    /// <summary>The bound of a rung.</summary>
    public double BoundAt(double factor) => Floor + ((Rule.Bound - Floor) / factor);

    /// <summary>The id of a rung.</summary>
    public string NameAt(double factor) => string.Create(CultureInfo.InvariantCulture, $"{Id}/{factor}");
}

/// <summary>The ladders of the rules with data and of those of a training.</summary>
internal sealed class CalibrationLadders
{
    private readonly Dictionary<string, List<(string Network, double Factor)>> _reached =
        new(StringComparer.Ordinal);

    /// <summary>Ladders of rules that need data.</summary>
    public static CalibrationLadder[] Data { get; } =
    [
        new("EK201", "deviations between running means and those of the data, median of a norm", FindingLevel.Note),
        new("EK202", "points of the score that batch statistics gain"),
        new("EK204", "share of a layer's channels that are 0 for all samples (bound 0.5 without a batch norm)"),
        new("EK205", "share of saturated outputs of a layer"),
        new("EK206", "change by other samples in the batch, of the outputs' range"),
        new("EK209", "variance without dropout over that with it", Floor: 1),
        new("EK210", "deviations between the means of two sets, median of a norm", FindingLevel.Note),
        new("EK212", "change of the outputs by folding, of the largest") { IsSaid = true },
    ];

    /// <summary>Ladders of rules of a training.</summary>
    public static CalibrationLadder[] Training { get; } =
    [
        new("EK301", "first loss over that of one answer for all", Floor: 1),
        new("EK302", "turn of a step in radians, or its length over that of the weights"),
        new("EK303", "effective rate over that of the start, or the reverse", FindingLevel.Note, Floor: 1),
        new("EK304", "gradient of the first layer over that of the last"),
        new("EK305", "share of a layer's outputs without a gradient"),
        new("EK306", "deviations that running means are behind, in a tenth of the channels"),
        new("EK308", "scatter of the statistics from batch to batch, median of a norm"),
        new("EK309", "growth of gamma, or beta over gamma", FindingLevel.Note),
        new("EK314", "rise of the validation loss since its best epoch", FindingLevel.Note),
    ];

    /// <summary>All rungs of the rules that need data.</summary>
    public static IReadOnlyList<DoctorRule> OfData() => [.. Data.Where(static ladder => !ladder.IsSaid)
        .SelectMany(static ladder =>
        {
            var climb = new Climb(ladder.Least);
            return CalibrationLadder.Factors.Select(factor => new DataRung((DataRule)ladder.Rule,
                ladder.NameAt(factor), ladder.BoundAt(factor), climb));
        })];

    /// <summary>All rungs of the rules of a training.</summary>
    public IReadOnlyList<DoctorRule> OfTraining { get; } = [.. Training.SelectMany(static ladder =>
        CalibrationLadder.Factors.Select(factor => new TrainingRung((TrainingRule)ladder.Rule, ladder.NameAt(factor),
            ladder.BoundAt(factor))))];

    /// <summary>Whether a finding is one of a rung, not of a rule.</summary>
    public static bool IsRung(string rule) => rule.Contains('/', StringComparison.Ordinal);

    /// <summary>Notes how far a network is from the bounds.</summary>
    public void Take(string network, Finding[] findings, IEnumerable<CalibrationLadder> ladders)
    {
        foreach (CalibrationLadder ladder in ladders)
        {
            double reached = 0;
            if (ladder.IsSaid)
            {
                if (findings.FirstOrDefault(finding => finding.Rule == ladder.Id) is not { } said) continue;
                reached = CalibrationLadder.Factors.LastOrDefault(factor => said.Measured <= ladder.BoundAt(factor));
                Note(ladder.Id, network, reached);
                continue;
            }

            foreach (double factor in CalibrationLadder.Factors)
            {
                string name = ladder.NameAt(factor);
                if (findings.Any(finding => finding.Rule == name && finding.Level >= ladder.Least)) break;
                reached = factor;
            }

            Note(ladder.Id, network, reached);
        }
    }

    private void Note(string rule, string network, double reached)
    {
        if (!_reached.TryGetValue(rule, out List<(string Network, double Factor)>? all)) _reached[rule] = all = [];
        all.Add((network, reached));
    }

    /// <summary>Writes the tables.</summary>
    public void Write(StringBuilder page)
    {
        page.Append("\n## Rules with data\n\n");
        page.Append("Each network is examined with the pictures that it was trained on, and with others of the same "
            + "kind as the second set. A rule stands beside itself with bounds that are ever stricter, and the "
            + "distance is the strictest at which it is still silent: at 3 the bound could be a third of what it is. "
            + "By how much the noise of the samples widens a bound stays as it is. It comes in steps: ");
        page.AppendJoin(", ", CalibrationLadder.Factors.Select(static factor =>
            factor.ToString(CultureInfo.InvariantCulture)));
        page.Append(". Where a perfect network measures 1, it is the distance from 1 that is divided.\n\n");
        Table(page, Data);
        page.Append("\n## Rules of a training\n\n");
        page.Append("The doctor looks at every fourth step. Bounds are made stricter in the same way; that a rule asks "
            + "for several looks or epochs in a row stays as it is.\n\n");
        Table(page, Training);
    }

    private void Table(StringBuilder page, CalibrationLadder[] ladders)
    {
        page.Append("| rule | measured | networks | bound | least distance | median | the nearest network |\n");
        page.Append("|---|---|---:|---:|---:|---:|---|\n");
        foreach (CalibrationLadder ladder in ladders)
        {
            (string Network, double Factor)[] all = [.. _reached[ladder.Id].OrderBy(static one => one.Factor)];
            double least = all[0].Factor, most = CalibrationLadder.Factors[^1];
            string name = least < most ? all[0].Network : "";
            page.Append(CultureInfo.InvariantCulture, $"| {ladder.Id} | {ladder.Measured} | {all.Length} | ");
            page.Append(CultureInfo.InvariantCulture,
                $"{ladder.Rule.Bound:G3} | {Text(least)} | {Text(all[all.Length / 2].Factor)} | {name} |\n");
        }

        string Text(double factor) => factor == 0 ? "it speaks"
            : factor == CalibrationLadder.Factors[^1] ? "100 or more" : factor.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a looser bound was passed: then stricter ones need not be tried.</summary>
    private sealed class Climb(FindingLevel least)
    {
        public bool IsOver { get; private set; }

        public void Look(FindingSink findings) =>
            IsOver |= findings.Findings.Any(finding => finding.Level >= least);
    }

    private sealed class DataRung(DataRule rule, string id, double bound, Climb climb) : DataRule
    {
        public override string Id => id;
        public override string Title => rule.Title;
        public override double Bound => bound;

        public override void Check(DataExamination examination, FindingSink findings)
        {
            if (climb.IsOver) return;
            rule.Check(examination, findings);
            climb.Look(findings);
        }
    }

    private sealed class TrainingRung(TrainingRule rule, string id, double bound) : TrainingRule
    {
        public override string Id => id;
        public override string Title => rule.Title;
        public override double Bound => bound;

        public override void OnStep(TrainingView training, FindingSink findings) => rule.OnStep(training, findings);

        public override void OnSkip(TrainingView training, FindingSink findings) => rule.OnSkip(training, findings);

        public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings) =>
            rule.OnEpoch(training, record, findings);
    }
}
