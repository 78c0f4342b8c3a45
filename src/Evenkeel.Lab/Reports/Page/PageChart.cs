using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>A 95 % interval of a strip chart, at the position of its case.</summary>
internal sealed record ErrorBar(int X, Interval Interval, Verdict Verdict);

/// <summary>A horizontal line across a chart: an end of the bound.</summary>
internal sealed record BoundLine(double Value, string Label);

/// <summary>A chart as the page has it: an experiment's, or the strip of a claim's cases, one dot per seed.</summary>
/// <param name="Id">Names the figure and the CSV file.</param>
/// <param name="Chart">What is drawn.</param>
internal sealed record PageChart(string Id, Chart Chart)
{
    /// <summary>Values further apart than this factor are drawn on a logarithmic axis.</summary>
    private const double WideRange = 30;

    /// <summary>Whose it is; null for a claim's.</summary>
    public Experiment? Experiment { get; private init; }

    /// <summary>The intervals, one per case; null if it is no strip.</summary>
    public IReadOnlyList<ErrorBar>? Intervals { get; private init; }

    public IReadOnlyList<BoundLine> Lines { get; private init; } = [];

    /// <summary>The charts of an experiment; what cannot stand in a file's name is replaced.</summary>
    public static IReadOnlyList<PageChart> Of(ResultRecord record)
    {
        var ids = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        return [.. record.Experiment.Charts(record.Result).Select(chart => new PageChart(Unique(
            $"{record.Experiment.Name}.{FileName(chart.Name)}"), chart) { Experiment = record.Experiment })];

        string Unique(string id)
        {
            string unique = id;
            for (int i = 2; !ids.Add(unique); i++) unique = $"{id}-{i}";
            return unique;
        }
    }

    /// <summary>
    /// The cases of a claim, those of the same bound in one chart: others have another scale, and often another unit.
    /// </summary>
    /// <param name="finding">The claim and its cases.</param>
    /// <param name="runs">Names of the values of a case: the seeds.</param>
    public static IReadOnlyList<PageChart> Of(Finding finding, IReadOnlyList<string> runs)
    {
        JudgedCase[][] groups =
            [.. finding.Cases.GroupBy(static judged => judged.Bound).Select(static group => group.ToArray())];
        return [.. groups.Select((cases, i) =>
            Strip(i == 0 ? finding.Claim.Id : $"{finding.Claim.Id}-{i + 1}", finding.Claim, cases, runs))];
    }

    /// <summary>Whether a logarithmic axis shows more: all numbers are above 0 and far apart.</summary>
    public static bool WantsLog(IEnumerable<double> values)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (double value in values.Where(double.IsFinite)) (least, most) =
            (Math.Min(least, value), Math.Max(most, value));
        return least > 0 && most / least > WideRange;
    }

    private static PageChart Strip(string id, Claim claim, JudgedCase[] cases, IReadOnlyList<string> runs)
    {
        var x = new List<double>();
        var y = new List<double>();
        // One curve per seed, without a line: a reader can follow one of them through the cases.
        List<Curve> seeds = [];
        for (int run = 0; run < cases.Max(static judged => judged.Case.Values.Count); run++)
        {
            (double X, double Y)[] points =
                [.. cases.Select((judged, i) =>
                    (X: (double)i, Y: run < judged.Case.Values.Count ? judged.Case.Values[run] : double.NaN))];
            seeds.Add(new Curve(run < runs.Count ? runs[run] : $"run {run + 1}", [.. points.Select(static p => p.X)],
                [.. points.Select(static p => p.Y)], Marker.Circle, HasLine: false));
        }

        Bound bound = cases[0].Bound;
        IEnumerable<double> values = seeds.SelectMany(static curve => curve.Y)
            .Concat(cases.SelectMany(static judged => (double[])[judged.Interval.Low, judged.Interval.High]));
        // A bound at 0 has no place on a logarithmic axis.
        bool isLog = WantsLog(values) && !(bound.Low <= 0 && double.IsFinite(bound.Low)) && !(bound.High <= 0);
        return new PageChart(id, new Chart(
            id, $"{claim.Id}: {cases[0].Case.Effect ?? claim.Effect}",
                new Axis("", Categories: [.. cases.Select(static judged => judged.Case.Name)]),
                new Axis("", isLog), seeds,
            $"One dot per seed; bars: mean and 95 % interval. It holds if the whole interval lies {bound}."))
        {
            Intervals = [.. cases.Select(static (judged, i) => new ErrorBar(i, judged.Interval, judged.Verdict))],
            Lines = [.. new[] { bound.Low, bound.High }.Where(double.IsFinite)
                .Select(end => new BoundLine(end, double.IsFinite(bound.Low) && double.IsFinite(bound.High) ? Short(end)
                : bound.ToString()))],
        };
    }

    private static string FileName(string name) =>
        string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '+' ? c : '-'));

    private static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
