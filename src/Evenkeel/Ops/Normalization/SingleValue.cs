namespace Evenkeel;

/// <summary>
/// What a batch norm does in training with one value per channel, for example a batch of one vector: its variance is 0,
/// and nothing of it is left after the normalization.
/// </summary>
public enum SingleValue
{
    /// <summary>It is refused: PyTorch.</summary>
    Error,

    /// <summary>The output is beta, whatever the input: Keras, Flax, CS231n, D2L, and ONNX's formula.</summary>
    Beta,
}
