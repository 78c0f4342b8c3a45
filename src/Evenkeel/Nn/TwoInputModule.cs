namespace Evenkeel.Nn;

/// <summary>
/// A module of two inputs: <c>y = module.Forward(a, b)</c>. Hooks, <see cref="Module.Summary(Shape, Shape)"/>,
/// <see cref="Module.Predict(Tensor, Tensor, int, CancellationToken)"/>, <c>Fold</c> and <c>Recalibrate</c> of a
/// network around it treat it as any module.
/// </summary>
/// <remarks>
/// A module whose second input may be left out, as the mask of <see cref="BatchNormalization"/>, derives from
/// <see cref="Module"/> and overrides both forms of ForwardCore.
/// </remarks>
/// <example>
/// <code>
/// public sealed class Gated : TwoInputModule
/// {
///     protected override Tensor ForwardCore(Tensor x, Tensor second) => x * second.Sigmoid();
/// }
/// </code>
/// </example>
public abstract class TwoInputModule : Module
{
    /// <summary>A pass with a single input is an error.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    protected sealed override Tensor ForwardCore(Tensor x) => throw new NotSupportedException(
        $"{TypeName}.Forward: expected two inputs, got one of shape {x.Shape}. Call Forward(x, second); in a "
        + "Sequential, which hands on a single tensor, put a module around it that has the other one.");

    /// <summary>Computes the module's output.</summary>
    /// <param name="x">The first input.</param>
    /// <param name="second">The second input.</param>
    protected abstract override Tensor ForwardCore(Tensor x, Tensor second);
}
