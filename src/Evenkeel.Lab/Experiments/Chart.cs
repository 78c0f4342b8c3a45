
namespace Evenkeel.Lab.Experiments;

/// <summary>An axis of a chart.</summary>
/// <param name="Label">What is along it, with its unit.</param>
/// <param name="IsLog">True for a logarithmic one.</param>
/// <param name="Min">Lower end; null fits the data.</param>
/// <param name="Max">Upper end; null fits the data.</param>
/// <param name="Categories">Names of the positions 0, 1, 2, ... where they are not numbers.</param>
internal sealed record Axis(string Label, bool IsLog = false, double? Min = null, double? Max = null,
    IReadOnlyList<string>? Categories = null);

/// <summary>The sign of a curve's points.</summary>
internal enum Marker
{
    None,
    Circle,
    Triangle,
    Square,
    Diamond,
}

/// <summary>A curve of a chart.</summary>
/// <param name="Label">Its name in the legend.</param>
/// <param name="X">Positions.</param>
/// <param name="Y">Values; what is not finite is a gap.</param>
/// <param name="Marker">The sign of its points.</param>
/// <param name="HasLine">Whether points are joined.</param>
/// <param name="IsLesson">True for what the lesson prints: it is drawn dashed and hollow beside what was
/// measured.</param>
internal sealed record Curve(string Label, IReadOnlyList<double> X, IReadOnlyList<double> Y,
    Marker Marker = Marker.None, bool HasLine = true, bool IsLesson = false)
{
    /// <summary>Whether it runs from left to right, each position once.</summary>
    public bool IsAscending => Enumerable.Range(1, Math.Max(X.Count - 1, 0)).All(i => X[i] > X[i - 1]);

    /// <summary>A measured curve, from a series of a result.</summary>
    public static Curve Of(ExperimentResult result, string series, string label, Marker marker = Marker.None,
        bool hasLine = true)
    {
        Series found = result.Series.FirstOrDefault(candidate => candidate.Name == series)
            ?? throw new LabException($"no series {series} among the results: they are of another version. " +
                "Run the experiment again.");
        return new Curve(label, found.X, found.Y, marker, hasLine);
    }

    /// <summary>
    /// What the lesson prints, at 0, 1, 2, ... or at <paramref name="first"/>, <paramref name="first"/> + <paramref
    /// name="step"/>, ...
    /// </summary>
    public static Curve Lesson(string label, IReadOnlyList<double> values, double first = 0, double step = 1,
        Marker marker = Marker.Circle) =>
        new(label, [.. Enumerable.Range(0, values.Count).Select(i => first + (i * step))], values, marker,
            IsLesson: true);
}

/// <summary>How a chart is drawn.</summary>
internal enum ChartKind
{
    Line,

    /// <summary>Bars over categories.</summary>
    Bar,
}

/// <summary>A chart of an experiment: data and the words around it, nothing about how it is drawn.</summary>
/// <param name="Name">Lower case and dashes; with the experiment's name it makes the name of the CSV file.</param>
/// <param name="Title">What it shows.</param>
/// <param name="X">Horizontal axis.</param>
/// <param name="Y">Vertical axis.</param>
/// <param name="Curves">What is drawn.</param>
/// <param name="Note">Which plot of the lesson it is, or another remark; null for none.</param>
/// <param name="Kind">Lines or bars.</param>
internal sealed record Chart(string Name, string Title, Axis X, Axis Y, IReadOnlyList<Curve> Curves,
    string? Note = null, ChartKind Kind = ChartKind.Line)
{
    private const int FewPoints = 30;

    /// <summary>
    /// One chart for each quantity of the series named <c>variant/quantity</c>, with a curve for each variant.
    /// </summary>
    public static IReadOnlyList<Chart> ByQuantity(ExperimentResult result) =>
    [
        .. result.Series.GroupBy(static series =>
            series.Name[(series.Name.IndexOf('/', StringComparison.Ordinal) + 1)..], StringComparer.Ordinal)
                .Select(static quantity => new Chart(
            quantity.Key,
            Words(quantity.Key),
            new Axis(""),
            new Axis(Words(quantity.Key)),
            [.. quantity.Select(static series =>
                new Curve(series.Name.Split('/')[0], series.X, series.Y, series.X.Count <= FewPoints ? Marker.Circle
                    : Marker.None))])),
    ];

    private static string Words(string name) => name.Replace('-', ' ');
}
