namespace Evenkeel.Examination;

/// <summary>A rule that could not be checked, as a whole or for some layers.</summary>
/// <param name="Rule">The id of the rule.</param>
/// <param name="Reason">What is missing, for example <c>no data</c>.</param>
public sealed record UncheckedRule(string Rule, string Reason);
