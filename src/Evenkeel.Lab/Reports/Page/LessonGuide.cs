using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// How the page introduces a lesson; a lesson and its script, which one document explains, share a section.
/// </summary>
/// <param name="Lesson">Its letter, title and document.</param>
/// <param name="ShortTitle">For the table of contents.</param>
/// <param name="Introduction">What it is, and what it says, in our words.</param>
/// <param name="Derivations">The mathematics it rests on.</param>
internal sealed record LessonGuide(LessonName Lesson, string ShortTitle, string Introduction,
    IReadOnlyList<string> Derivations)
{
    private const string BatchNorm = "docs/derivations/batch-norm.md", Convolution = "docs/derivations/convolution.md";

    /// <summary>All sections, in the order of the experiments.</summary>
    public static IReadOnlyList<LessonGuide> All { get; } =
    [
        new(LessonName.Of("A"), "A, B: start values",
            "What batch norm is for, why the weights of a deep net need care at the start and how batch norm takes " +
            "that care over: the spread of activations through a hundred layers, examples in one, two and three " +
            "dimensions that a hand can check, and a LeNet that tells banknotes apart.",
            [BatchNorm, Convolution]),
        new(LessonName.Of("D"), "D: LeNet",
            "Batch norm written from primitives and put into a LeNet with sigmoids: faster training at a larger " +
            "learning rate, and what its moving averages do at test time.",
            [BatchNorm, Convolution]),
        new(LessonName.Of("K"), "K: theory",
            "Why scaled features round the surface of a loss, and what normalizing inside the net is said to do: to " +
            "hold the distribution of inputs still, to need no bias and no tuned scale of weights, to keep gradients " +
            "alive through saturating activations.",
            [BatchNorm, "docs/derivations/invariance.md", "docs/derivations/feature-scaling.md"]),
        new(LessonName.Of("N"), "N: notebook",
            "Batch norm and layer norm programmed by hand, forward and backward, each checked against printed " +
            "numbers and numerical gradients; " +
            "then what they do to a six-layer net, to the scale of its weights and to its batch size.",
            [BatchNorm, "docs/derivations/layer-norm.md"]),
        new(LessonName.Of("R"), "R: the doctor",
            "Not a lesson, but the same questions asked of this project's own rules: whether the doctor finds what " +
            "costs accuracy, whether it names what is wrong with the inputs, and what its advice is worth.",
            [BatchNorm]),
        new(LessonName.Of("S"), "S: batches in parts",
            "Where several processes train one net, each has a part of every batch. Batch norm may take the " +
            "statistics of the part, or wait for those of all.",
            [BatchNorm]),
    ];

    /// <summary>The section an item stands in: the first one's where several are named, <c>A2, D7, K9</c>.</summary>
    public static LessonGuide Of(string items) => All.First(guide => guide.Lesson.Page == LessonName.Of(items).Page);

    /// <summary><c>Lessons A and B: ...</c></summary>
    public string Title
    {
        get
        {
            char[] letters =
                [.. LessonName.All.Where(lesson => lesson.Page == Lesson.Page).Select(static lesson => lesson.Letter)];
            return $"{(letters.Length == 1 ? "Lesson" : "Lessons")} {string.Join(" and ", letters)}: {Lesson.Title}";
        }
    }
}
