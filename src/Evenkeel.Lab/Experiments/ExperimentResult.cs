namespace Evenkeel.Lab.Experiments;

/// <summary>A curve: one value y for every x.</summary>
/// <param name="Name"><c>variant/quantity</c>, for example <c>batchnorm/train-accuracy</c>.</param>
/// <param name="X">Positions: epochs, steps, scales.</param>
/// <param name="Y">Values.</param>
internal sealed record Series(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y);

/// <summary>A table of texts and numbers.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Columns">Headings, with units.</param>
/// <param name="Rows">Cells: text, numbers, or null for nothing.</param>
/// <param name="Formats">How numbers of a column are printed (they are stored unrounded); null prints up to six
/// digits.</param>
internal sealed record ResultTable(string Name, IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<object?>> Rows, IReadOnlyList<string?>? Formats = null);

/// <summary>Whether a statement of a lesson is borne out.</summary>
internal enum Verdict
{
    Holds,

    /// <summary>
    /// It holds in some of the cases that were looked at, not in all: only a claim over several seeds can say so.
    /// </summary>
    HoldsInPart,
    Fails,

    /// <summary>
    /// The rule does not decide: an interval crosses it, or it says nothing about this run, for example about another
    /// seed's digits.
    /// </summary>
    Undecided,
}

/// <summary>
/// A statement on one run: an item of the lesson, the rule it is judged by, and what was measured. What holds over
/// seeds is a claim's to say.
/// </summary>
internal sealed record Check(string Id, string Statement, string Rule, string Measured, Verdict Verdict)
{
    public static Check Judge(string id, string statement, string rule, string measured, bool holds) =>
        new(id, statement, rule, measured, holds ? Verdict.Holds : Verdict.Fails);
}

/// <summary>What an experiment has found.</summary>
internal sealed class ExperimentResult
{
    /// <summary>Headline numbers, named <c>variant.figure</c>.</summary>
    public Dictionary<string, double> Figures { get; } = new(StringComparer.Ordinal);

    public List<Series> Series { get; } = [];

    public List<ResultTable> Tables { get; } = [];

    public List<Check> Checks { get; } = [];

    /// <summary>
    /// Remarks a reader needs, one line each: the lesson's own mistakes, and what this run cannot say.
    /// </summary>
    public List<string> Notes { get; } = [];

    /// <summary>
    /// SHA-256 over all weights and statistics at the end (over all outputs where nothing is trained).
    /// </summary>
    public string? WeightsHash { get; set; }

    /// <summary>Adds a curve over 0, 1, 2, ... or over 1, 2, 3, ...</summary>
    public void AddSeries(string name, IReadOnlyList<double> values, int first = 0) =>
        Series.Add(new Series(name, [.. Enumerable.Range(first, values.Count).Select(i => (double)i)], values));
}
