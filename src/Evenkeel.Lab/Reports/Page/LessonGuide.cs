namespace Evenkeel.Lab.Reports.Page;

/// <summary>A lesson as the page introduces it.</summary>
/// <param name="Letter">First letter of its items.</param>
/// <param name="Title">What it is about.</param>
/// <param name="ShortTitle">For the table of contents.</param>
/// <param name="Introduction">What it is, and what it says, in our words.</param>
/// <param name="Page">Its page among the documents.</param>
/// <param name="Derivations">The mathematics it rests on.</param>
internal sealed record LessonGuide(char Letter, string Title, string ShortTitle, string Introduction, string Page, IReadOnlyList<string> Derivations)
{
    private const string BatchNorm = "docs/derivations/batch-norm.md";

    /// <summary>All lessons, in the order of the experiments.</summary>
    public static IReadOnlyList<LessonGuide> All { get; } =
    [
        new('A', "Lessons A and B: start values, dimensions, banknotes", "A, B: start values",
            "What batch norm is for, why the weights of a deep net need care at the start and how batch norm takes that care over, shown by the spread of activations through a hundred layers, by hand-sized examples in one, two and three dimensions, and by a LeNet that tells banknotes apart.",
            "docs/lessons/a-initialization-and-banknotes.md", [BatchNorm, "docs/derivations/convolution.md"]),
        new('D', "Lesson D: LeNet on Fashion-MNIST, batch norm from scratch", "D: LeNet",
            "Batch norm written from primitives and put into a LeNet with sigmoids: faster training at a larger learning rate, and what its moving averages do at test time.",
            "docs/lessons/d-lenet-fashion-mnist.md", [BatchNorm, "docs/derivations/convolution.md"]),
        new('K', "Lesson K: the theory of batch norm", "K: theory",
            "Why scaled features round the surface of a loss, and what normalizing inside the net is said to do: to hold the distribution of inputs still, to need no bias and no tuned scale of weights, to keep gradients alive through saturating activations.",
            "docs/lessons/k-theory.md", [BatchNorm, "docs/derivations/invariance.md", "docs/derivations/feature-scaling.md"]),
        new('N', "Lesson N: the notebook on batch and layer normalization", "N: notebook",
            "Batch norm and layer norm programmed by hand, forward and backward, each checked against printed numbers and numerical gradients; then what they do to a six-layer net, to the scale of its weights and to its batch size.",
            "docs/lessons/n-notebook.md", [BatchNorm, "docs/derivations/layer-norm.md"]),
    ];

    /// <summary>The lesson an item stands under: the first where it names several, <c>A2, D7, K9</c>; the script's items, B, are part of A.</summary>
    public static LessonGuide Of(string items) => All.FirstOrDefault(lesson => lesson.Letter == items[0]) ?? All[0];
}
