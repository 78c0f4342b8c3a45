using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Claims;

/// <summary>One condition that a claim is looked at under, and what was measured there.</summary>
/// <param name="Name">
/// The condition in a few words that read on after "holds only for" and "holds, except for": <c>batches of 50</c>; or,
/// if
/// the claim has parts, the part as a sentence.
/// </param>
/// <param name="Values">The effect, one value per seed.</param>
/// <param name="IsRatio">Whether values are factors: their mean is the geometric one.</param>
/// <param name="Bound">A bound of its own; null for the claim's.</param>
/// <param name="Effect">What is measured, if it is not the claim's effect.</param>
internal sealed record Case(string Name, IReadOnlyList<double> Values, bool IsRatio = false, Bound? Bound = null,
    string? Effect = null);

/// <summary>A case with its interval and verdict.</summary>
internal sealed record JudgedCase(Case Case, Interval Interval, Bound Bound, Verdict Verdict);

/// <summary>What has become of a claim.</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Verdict">Undecided also where nothing was measured.</param>
/// <param name="Condition">
/// Where it holds, if it does not hold in all cases: <c>except for batches of 2</c>, <c>only for ReLU</c>; else null.
/// </param>
/// <param name="Cases">The evidence; the first case is the lesson's own.</param>
/// <param name="Missing">Experiments that have no results.</param>
/// <param name="Remark">What else the figures say, or null.</param>
/// <param name="NeedsFullRun">Whether a quick run has left a case undecided: its verdict is then none.</param>
internal sealed record Finding(
    Claim Claim, Verdict Verdict, string? Condition, IReadOnlyList<JudgedCase> Cases, IReadOnlyList<string> Missing,
    string? Remark, bool NeedsFullRun = false)
{
    /// <summary>What <see cref="NeedsFullRun"/> means.</summary>
    public const string QuickReason = "the few seeds and epochs of a quick run leave a case undecided";

    /// <summary>The number of seeds of the first case.</summary>
    public int Seeds => Cases.Count == 0 ? 0 : Cases[0].Case.Values.Count;

    /// <summary>
    /// What is said where there is no verdict because there are no results, or only those of a quick run; else null.
    /// </summary>
    public string? WhyNone => Missing.Count > 0 ? "not run" : NeedsFullRun ? "needs the full run" : null;

    /// <summary>holds, holds only for ..., fails, undecided, or why there is no verdict.</summary>
    public string VerdictText => WhyNone ?? Verdict switch
    {
        Verdict.Holds => "holds",
        Verdict.HoldsInPart when Condition!.StartsWith("except", StringComparison.Ordinal) => $"holds, {Condition}",
        Verdict.HoldsInPart => $"holds {Condition}",
        Verdict.Fails => "fails",
        _ => "undecided",
    };
}
