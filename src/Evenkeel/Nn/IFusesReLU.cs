namespace Evenkeel.Nn;

/// <summary>
/// A module that can apply a following ReLU in its own pass over memory (normalization layers, and convolutions if no
/// gradient is wanted). <see cref="Sequential"/> uses it if the two stand next to each other.
/// </summary>
internal interface IFusesReLU
{
    /// <summary>The same bits as the module's Forward followed by ReLU.</summary>
    Tensor ForwardWithReLU(Tensor x);
}
