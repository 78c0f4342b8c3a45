namespace Evenkeel.Nn;

/// <summary>y = x: a place that does nothing, for networks where a layer may be left out.</summary>
public sealed class Identity : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x;
}
