namespace Evenkeel.Examination;

/// <summary>Takes what one rule finds.</summary>
public sealed class FindingSink
{
    private readonly DoctorRule _rule;
    private readonly List<Finding> _findings = [];
    private readonly List<UncheckedRule> _unchecked = [];

    internal FindingSink(DoctorRule rule, DoctorOptions options)
    {
        (_rule, Options, Bound) = (rule, options, options.BoundOf(rule));
    }

    /// <summary>The options of the examination.</summary>
    public DoctorOptions Options { get; }

    /// <summary>The bound of the rule: the user's, or the rule's own.</summary>
    public double Bound { get; }

    /// <summary>What was found so far.</summary>
    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>What could not be checked.</summary>
    public IReadOnlyList<UncheckedRule> Unchecked => _unchecked;

    /// <summary>Adds a finding against the rule's bound; <see cref="Finding"/> says what the values mean.</summary>
    /// <param name="level">How much harm it does.</param>
    /// <param name="layer">The name of the layer; empty for the whole network.</param>
    /// <param name="channels">The channels, from 0 and in order; empty if it is the whole layer.</param>
    /// <param name="measured">The number that decided.</param>
    /// <param name="message">What was found, and what follows from it.</param>
    /// <param name="remedy">What to do about it: a command, or a line of code.</param>
    public void Add(FindingLevel level, string layer, IReadOnlyList<int> channels, double measured, string message,
        string remedy) => Add(level, layer, channels, measured, Bound, message, remedy);

    /// <summary>Adds a finding against a bound of its own; <see cref="Finding"/> says what the values mean.</summary>
    /// <param name="level">How much harm it does.</param>
    /// <param name="layer">The name of the layer; empty for the whole network.</param>
    /// <param name="channels">The channels, from 0 and in order; empty if it is the whole layer.</param>
    /// <param name="measured">The number that decided.</param>
    /// <param name="bound">The bound that it passed.</param>
    /// <param name="message">What was found, and what follows from it.</param>
    /// <param name="remedy">What to do about it: a command, or a line of code.</param>
    public void Add(FindingLevel level, string layer, IReadOnlyList<int> channels, double measured, double bound,
        string message, string remedy) =>
        _findings.Add(new Finding(_rule.Id, level, layer, channels, measured, bound, message, remedy));

    /// <summary>What was found since the last call, and forgets it: for rules that look again and again.</summary>
    internal Finding[] Take()
    {
        Finding[] taken = [.. _findings];
        _findings.Clear();
        return taken;
    }

    /// <summary>Says that the rule could not be checked, or not everywhere.</summary>
    /// <param name="reason">What is missing.</param>
    public void NotChecked(string reason)
    {
        var missing = new UncheckedRule(_rule.Id, reason);
        if (!_unchecked.Contains(missing)) _unchecked.Add(missing);
    }
}
