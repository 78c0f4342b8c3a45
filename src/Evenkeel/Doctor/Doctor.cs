namespace Evenkeel.Examination;

/// <summary>Finds what is wrong with the normalization layers of a network.</summary>
public static partial class Doctor
{
    /// <summary>All built-in rules, by id.</summary>
    public static IReadOnlyList<DoctorRule> Rules { get; } = [.. DataRules.All];

    /// <summary>Checks the rules that need weights and statistics alone. Nothing is run or changed.</summary>
    /// <param name="network">The network.</param>
    /// <param name="subject">What the diagnosis calls it.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    public static Diagnosis Examine(ExaminedNetwork network, string subject, DoctorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        options ??= new DoctorOptions();
        return Run(network, subject, options, static (_, _) => false);
    }

    /// <summary>Checks all rules that can be checked, and says which cannot.</summary>
    /// <param name="network">The network.</param>
    /// <param name="subject">What the diagnosis calls it.</param>
    /// <param name="options">The settings.</param>
    /// <param name="check">Checks a rule that needs more than the network; false if it does not.</param>
    private static Diagnosis Run(
        ExaminedNetwork network, string subject, DoctorOptions options, Func<DoctorRule, FindingSink, bool> check)
    {
        var sinks = new List<FindingSink>();
        foreach (DoctorRule rule in Rules.Concat(options.Rules))
        {
            if (options.Disabled.Contains(rule.Id)) continue;
            var sink = new FindingSink(rule, options);
            sinks.Add(sink);
            if (rule is FileRule file) file.Check(network, sink);
            else if (!check(rule, sink) && rule is DataRule) sink.NotChecked("no data");
        }

        return new Diagnosis(subject, network,
            [.. sinks.SelectMany(static sink => sink.Findings)
                .Where(finding => !options.Allowed.Contains((finding.Rule, finding.Layer)))
                .OrderByDescending(static finding => finding.Level)],
            [.. sinks.SelectMany(static sink => sink.Unchecked)]);
    }
}
