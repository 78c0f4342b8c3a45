namespace Evenkeel.Losses;

/// <summary>What a loss takes as target of a prediction.</summary>
public enum TargetKind
{
    /// <summary>Anything: only the loss itself knows what fits.</summary>
    Any,

    /// <summary>
    /// One class number per sample: Int64 of shape (N) for a prediction (N, C), and of shape (N, d1, ...) for
    /// (N, C, d1, ...).
    /// </summary>
    ClassLabels,

    /// <summary>Numbers of the prediction's shape and type.</summary>
    Numbers,

    /// <summary>Class labels, or numbers of the prediction's shape and type (probabilities).</summary>
    ClassLabelsOrNumbers,
}
