namespace Evenkeel.Workbench.Files;

/// <summary>What the numbers of a classifier are.</summary>
internal enum ScoreKind
{
    /// <summary>Scores, whose softmax are the probabilities of the classes.</summary>
    Logits,

    /// <summary>The probabilities of the classes: the graph ends with a softmax.</summary>
    Probabilities,

    /// <summary>The probability of each class for itself: the graph ends with a sigmoid.</summary>
    YesOrNo,
}
