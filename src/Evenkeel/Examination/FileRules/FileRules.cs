namespace Evenkeel.Examination;

/// <summary>The rules that look at weights and statistics alone, by id.</summary>
internal static class FileRules
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FileRule> All { get; } = [new NotFiniteValues(), new NeverUpdated(), new CollapsedFilter()];
}
