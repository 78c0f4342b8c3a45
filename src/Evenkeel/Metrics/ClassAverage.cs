namespace Evenkeel.Training;

/// <summary>How scores of classes become one number. The words are scikit-learn's.</summary>
public enum ClassAverage
{
    /// <summary>
    /// The mean over the classes, each with the same weight: rare classes count as much as frequent ones.
    /// </summary>
    Macro,

    /// <summary>
    /// The score of the counts of all classes together. If every sample has one label, precision, recall and F1 are all
    /// the accuracy.
    /// </summary>
    Micro,

    /// <summary>The mean over the classes, weighted by their number of samples.</summary>
    Weighted,
}
