namespace Evenkeel.Examination;

/// <summary>Something that a rule found.</summary>
/// <param name="Rule">The id of the rule, for example <c>EK107</c>.</param>
/// <param name="Level">How much harm it does.</param>
/// <param name="Layer">The name of the layer; empty for the whole network.</param>
/// <param name="Channels">The channels, from 0 and in order; empty if it is the whole layer.</param>
/// <param name="Measured">The number that decided, in the unit of <paramref name="Bound"/>.</param>
/// <param name="Bound">The bound that it passed.</param>
/// <param name="Message">What was found, and what follows from it, in a sentence or two with numbers.</param>
/// <param name="Remedy">What to do about it: a command, or a line of code.</param>
public sealed record Finding(string Rule, FindingLevel Level, string Layer, IReadOnlyList<int> Channels,
    double Measured, double Bound, string Message, string Remedy)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(Finding), PrintMembers);
}
