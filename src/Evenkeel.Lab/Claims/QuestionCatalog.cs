namespace Evenkeel.Lab.Claims;

/// <summary>The notebook's questions, in their order. The project roots its own assembly, so that trimming keeps them.</summary>
internal static class QuestionCatalog
{
    private static readonly Lazy<Question[]> s_all = new(() =>
        [.. typeof(Question).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(Question)) && !type.IsAbstract)
            .Select(type => (Question)Activator.CreateInstance(type)!)
            .OrderBy(question => question.Number)]);

    public static IReadOnlyList<Question> All => s_all.Value;
}
