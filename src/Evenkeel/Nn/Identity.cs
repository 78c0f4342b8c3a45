namespace Evenkeel.Nn;

/// <summary>
/// Returns its input; with two inputs, the first one. It stands in the place of a layer that was removed.
/// </summary>
public sealed class Identity : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x, Tensor second) => x;
}
