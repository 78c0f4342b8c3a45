namespace Evenkeel.Lab.Experiments;

/// <summary>
/// A lesson: the letter its items begin with, what a reader calls it, and the page of this project that goes through
/// it.
/// </summary>
/// <param name="Letter">The letter of <c>K9</c>.</param>
/// <param name="Title">What it is about.</param>
/// <param name="Page">Path in the repository; items are its anchors, in lower case.</param>
internal sealed record LessonName(char Letter, string Title, string Page)
{
    private const string StartValues = "docs/lessons/a-initialization-and-banknotes.md";

    /// <summary>All lessons, in the order of <c>list</c> and of the report.</summary>
    public static IReadOnlyList<LessonName> All { get; } =
    [
        new('A', "Batch normalization, start values and banknotes", StartValues),
        new('B', "The script of lesson A", StartValues),
        new('D', "LeNet on Fashion-MNIST with batch norm from scratch", "docs/lessons/d-lenet-fashion-mnist.md"),
        new('K', "Classic algorithms: the theory of batch normalization", "docs/lessons/k-theory.md"),
        new('N', "The notebook on batch and layer normalization", "docs/lessons/n-notebook.md"),
        new('R', "The doctor's rules, put to the test", "docs/lessons/r-doctor.md"),
        new('S', "Batches in parts: training in several processes", "docs/lessons/s-data-parallel.md"),
    ];

    /// <summary>The lesson of an item.</summary>
    public static LessonName Of(string item) => All.FirstOrDefault(lesson => lesson.Letter == item[0])
        ?? throw new ArgumentException("LessonName.Of: expected an item that begins with " +
            $"{string.Join(", ", All.Select(static lesson => lesson.Letter))}, got '{item}'.", nameof(item));

    /// <summary>The items of a list such as <c>A2, D7, K9</c>.</summary>
    public static string[] Items(string lesson) =>
        lesson.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Where an item is explained.</summary>
    public string PageOf(string item) => $"{Page}#{item.ToLowerInvariant()}";
}
