using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>All claims, in the order of their numbers.</summary>
internal static class ClaimCatalog
{
    private static readonly Lazy<Claim[]> s_all = new(() =>
        [.. Discovery.InstancesOf<Claim>()
            .OrderBy(static claim => int.Parse(claim.Id.AsSpan(1), CultureInfo.InvariantCulture))]);

    public static IReadOnlyList<Claim> All => s_all.Value;

    public static Claim? Find(string id) =>
        All.FirstOrDefault(claim => string.Equals(claim.Id, id, StringComparison.OrdinalIgnoreCase));

    /// <summary>Every claim, judged by what was measured.</summary>
    public static IReadOnlyList<Finding> Judge(Evidence evidence) => [.. All.Select(claim => claim.Judge(evidence))];

    /// <summary>
    /// Whether a claim, or the answer to a question, reads the figures of an experiment: then it is run for several
    /// seeds.
    /// </summary>
    public static bool Needs(string experiment) =>
        All.SelectMany(static claim => claim.Experiments)
            .Concat(QuestionCatalog.All.SelectMany(static question => question.Experiments))
            .Contains(experiment, StringComparer.Ordinal);
}
