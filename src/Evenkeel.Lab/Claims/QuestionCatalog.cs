namespace Evenkeel.Lab.Claims;

/// <summary>The notebook's questions, in their order.</summary>
internal static class QuestionCatalog
{
    private static readonly Lazy<Question[]> s_all =
        new(() => [.. Discovery.InstancesOf<Question>().OrderBy(static question => question.Number)]);

    public static IReadOnlyList<Question> All => s_all.Value;
}
