namespace Evenkeel.Examination;

/// <summary>Something in a graph that a rule of a file with a graph asks for, by node.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Node">The name of the node, or of its output.</param>
/// <param name="Detail">What was read, for people, for example <c>training_mode = 1</c>.</param>
public sealed record GraphRemark(GraphRemarkKind Kind, string Node, string Detail);

/// <summary>What a graph may say besides its layers.</summary>
public enum GraphRemarkKind
{
    /// <summary>A norm that computes the statistics of the batch: training mode, or outputs of a training.</summary>
    TrainingMode,

    /// <summary>A layer norm that is spelt as ReduceMean, Sub, Pow, Sqrt and Div.</summary>
    DecomposedNorm,

    /// <summary>A product with or a sum of constants between a layer and its norm, or behind the norm.</summary>
    ConstantBesideNorm,

    /// <summary>A node that is damaged, or whose operator the library does not know: it was not read.</summary>
    Unsupported,
}
