namespace Evenkeel.Examination;

/// <summary>What an activation gives over the data, in use.</summary>
/// <param name="Name">The dotted name of the activation's module.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Layer">The norm whose output it takes; else its own name.</param>
public sealed record MeasuredActivation(string Name, string Type, string Layer)
{
    /// <summary>Whether it is max(x, 0) or another one that is 0 for all x below some value.</summary>
    public required bool IsReLU { get; init; }

    /// <summary>The channels (dimension 1 of the output), or the features of (N, C).</summary>
    public required int Channels { get; init; }

    /// <summary>The channels that are 0 in every sample; empty for activations without a flat part at 0.</summary>
    public required IReadOnlyList<int> Dead { get; init; }

    /// <summary>
    /// The share of values where tanh is beyond ±0.97 or sigmoid outside 0.03 to 0.97; 0 for other activations.
    /// </summary>
    public required double SaturatedShare { get; init; }

    /// <summary>Whether its output is the network's.</summary>
    public required bool IsOutput { get; init; }

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(MeasuredActivation), PrintMembers);
}
