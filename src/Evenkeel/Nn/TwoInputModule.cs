namespace Evenkeel.Nn;

/// <summary>
/// A module of two inputs: <c>y = module.Forward(a, b)</c>. Hooks, <see cref="Summary(Shape, Shape)"/>,
/// <see cref="Predict(Tensor, Tensor, int, CancellationToken)"/>, <c>Clone</c>, <c>Fold</c> and <c>Recalibrate</c> of a
/// network around it treat it as any module.
/// </summary>
/// <remarks>
/// A module whose second input may be left out overrides both forms of ForwardCore.
/// </remarks>
/// <example>
/// <code>
/// public sealed class Gated : TwoInputModule
/// {
///     protected override Tensor ForwardCore(Tensor x, Tensor second) => x * second.Sigmoid();
/// }
/// </code>
/// </example>
public abstract class TwoInputModule : Module, ITwoInputs
{
    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor second)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(second);
        TapeTrace? trace = x.Tape?.Trace;
        object? outer = trace?.Enter(this);
        Tensor y = ForwardCore(x, second);
        trace?.Leave(outer);
        return Shown(x, y);
    }

    /// <summary>
    /// Runs the module in Eval on any number of pairs of samples, in chunks along the first axis. The two inputs have
    /// their samples in the same order.
    /// </summary>
    /// <param name="x">Samples of the first input along axis 0, outside or on any tape.</param>
    /// <param name="second">Samples of the second input along axis 0, as many.</param>
    /// <param name="chunk">Samples computed at a time; the default is 256.</param>
    /// <param name="cancellationToken">Ends the call between two chunks.</param>
    /// <inheritdoc cref="Module.Predict(Tensor, int, CancellationToken)" path="/remarks|/exception"/>
    public Tensor Predict(
        Tensor x, Tensor second, int chunk = 256, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(second);
        if (x.Shape.Rank == 0 || second.Shape.Rank == 0 || x.Shape[0] != second.Shape[0])
        {
            throw new ArgumentException(
                $"{TypeName}.Predict: expected two inputs with the same number of samples along axis 0, got shapes "
                + $"{x.Shape} and {second.Shape}. Reshape a single sample to (1, ...).", nameof(second));
        }

        return Predict(x, second, chunk, nameof(x), cancellationToken);
    }

    /// <summary>
    /// A table of the network as <see cref="Module.Summary"/> makes it, of one pass in Eval on two inputs of zeros.
    /// </summary>
    /// <param name="inputShape">The shape of the first input with its batch axis.</param>
    /// <param name="secondShape">The shape of the second input with its batch axis.</param>
    public string Summary(Shape inputShape, Shape secondShape) => SummaryOf(inputShape, secondShape);

    /// <summary>A pass with a single input is an error, unless the module overrides this.</summary>
    /// <exception cref="NotSupportedException">The module takes no single input.</exception>
    protected override Tensor ForwardCore(Tensor x) => throw new NotSupportedException(
        $"{TypeName}.Forward: expected two inputs, got one of shape {x.Shape}. Call Forward(x, second); in a "
        + "Sequential, which hands on a single tensor, put a module around it that has the other one.");

    /// <summary>Computes the module's output.</summary>
    /// <param name="x">The first input.</param>
    /// <param name="second">The second input.</param>
    protected abstract Tensor ForwardCore(Tensor x, Tensor second);
}
