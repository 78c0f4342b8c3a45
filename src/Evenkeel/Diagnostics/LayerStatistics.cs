namespace Evenkeel.Diagnostics;

/// <summary>What a probe recorded of one module in one pass.</summary>
/// <param name="Name">The module's dotted name in the network; empty for the network itself.</param>
/// <param name="Type">The module's type.</param>
/// <param name="Shape">The shape of its output (and of the output's gradient).</param>
/// <param name="Step">The pass: <see cref="Tape.Step"/>, or 0 for a pass without a tape.</param>
/// <param name="Values">The statistics.</param>
public sealed record LayerStatistics(string Name, string Type, Shape Shape, long Step, TensorStatistics Values)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(LayerStatistics), PrintMembers);
}
