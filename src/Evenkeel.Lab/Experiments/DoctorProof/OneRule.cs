using Evenkeel.Examination;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>The doctor with a single rule.</summary>
internal static class OneRule
{
    /// <summary>Settings under which that rule alone is checked.</summary>
    /// <param name="id">The id of the rule.</param>
    public static DoctorOptions Options(string id) => new()
    {
        Disabled = Doctor.Rules.Select(static rule => rule.Id).Where(other => other != id)
            .ToHashSet(StringComparer.OrdinalIgnoreCase),
    };
}
