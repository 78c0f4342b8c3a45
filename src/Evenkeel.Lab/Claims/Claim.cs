using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Claims;

/// <summary>
/// A claim of the lessons, put so that a run can refute it; one file each. It trains nothing: it reads the figures of
/// experiments, which <c>reproduce</c> runs for several seeds.
/// A new one needs no registration: <see cref="ClaimCatalog"/> finds every class derived from this.
/// </summary>
internal abstract class Claim
{
    /// <summary>C and a number: <c>C10</c>.</summary>
    public abstract string Id { get; }

    /// <summary>One sentence that can be wrong.</summary>
    public abstract string Statement { get; }

    /// <summary>Items of the lessons that say it: <c>K9</c>, or <c>A2, D7, K9</c>.</summary>
    public abstract string Lesson { get; }

    /// <summary>What the lesson says, in our words.</summary>
    public abstract string Words { get; }

    /// <summary>What is measured for each seed, with its unit.</summary>
    public abstract string Effect { get; }

    /// <summary>Where the effect must lie.</summary>
    public abstract Bound Bound { get; }

    /// <summary>Names of the experiments whose figures decide.</summary>
    public abstract IReadOnlyList<string> Experiments { get; }

    /// <summary>What follows for whoever trains a network.</summary>
    public abstract string Practice { get; }

    /// <summary>How a rule says what follows if some cases hold and others do not.</summary>
    protected const string InPart = "in some cases only: it holds in part";

    /// <summary>What the cases are, where there are several: <c>at batch sizes 5, 10 and 50</c>.</summary>
    protected virtual string? Cases => null;

    /// <summary>
    /// The rule the verdict follows from, complete before the first run; put in words of its own where cases have
    /// bounds of their own.
    /// </summary>
    public virtual string Rule => Cases is null
        ? $"{Effect}: the 95 % interval over the seeds lies {Bound}"
        : $"{Effect}, {Cases}: the 95 % interval over the seeds lies {Bound} in every case ({InPart})";

    /// <summary>The effect in every case, one value per seed; the lesson's own case first.</summary>
    protected abstract IEnumerable<Case> Measure(Evidence evidence);

    /// <summary>
    /// Whether the cases are parts of the statement, each a sentence of its own (<c>no decay is needed</c>); else they
    /// are
    /// what it is looked at for, each a noun (<c>batches of 50</c>).
    /// </summary>
    protected virtual bool HasParts => false;

    /// <summary>What else the figures say; null for nothing.</summary>
    protected abstract string? Remark(Evidence evidence);

    /// <summary>Judges the claim by what was measured; no result is no error.</summary>
    /// <exception cref="LabException">The results lack a figure: they are of another version.</exception>
    public Finding Judge(Evidence evidence)
    {
        string[] missing = [.. Experiments.Where(name => !evidence.Has(name))];
        if (missing.Length > 0) return new Finding(this, Verdict.Undecided, null, [], missing, null);
        try
        {
            return JudgeMeasured(evidence);
        }
        catch (KeyNotFoundException e)
        {
            throw Evidence.Lacks(Id, Experiments, e);
        }
    }

    private Finding JudgeMeasured(Evidence evidence)
    {
        JudgedCase[] cases = [.. Measure(evidence).Select(measured =>
        {
            Bound bound = measured.Bound ?? Bound;
            Interval interval = measured.IsRatio ? Interval.OfRatio(measured.Values) : Interval.OfMean(measured.Values);
            return new JudgedCase(measured, interval, bound, bound.Judge(interval));
        })];
        // A few seeds and epochs decide what is plain. Where they leave a case open, they are also wrong about others.
        if (Experiments.Any(evidence.IsQuick) && cases.Any(static judged => judged.Verdict == Verdict.Undecided))
            return new Finding(this, Verdict.Undecided, null, cases, [], Remark(evidence), NeedsFullRun: true);
        JudgedCase[] holding = [.. cases.Where(static judged => judged.Verdict == Verdict.Holds)];
        Verdict verdict = cases.Length == 0 ? Verdict.Undecided
            : holding.Length == cases.Length ? Verdict.Holds
            : holding.Length > 0 ? Verdict.HoldsInPart
            : cases.All(static judged => judged.Verdict == Verdict.Fails) ? Verdict.Fails
            : Verdict.Undecided;
        string? condition = verdict == Verdict.HoldsInPart ? Condition(holding, [.. cases.Except(holding)]) : null;
        return new Finding(this, verdict, condition, cases, [], Remark(evidence));
    }

    /// <summary>Where the claim holds: names the cases in which it does, or the others if those are fewer.</summary>
    private string Condition(JudgedCase[] holding, JudgedCase[] others) =>
        HasParts ? $"in part: {string.Join("; ", holding.Select(static judged => judged.Case.Name))}"
        : others.Length < holding.Length ? $"except for {Names(others)}"
        : $"only for {Names(holding)}";

    /// <summary><c>A, B and C</c>.</summary>
    private static string Names(JudgedCase[] cases)
    {
        string[] names = [.. cases.Select(static judged => judged.Case.Name)];
        return names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} and {names[^1]}";
    }
}
