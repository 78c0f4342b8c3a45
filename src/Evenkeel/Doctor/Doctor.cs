namespace Evenkeel.Examination;

/// <summary>Finds what is wrong with the normalization layers of a network.</summary>
public static partial class Doctor
{
    /// <summary>All built-in rules, by id.</summary>
    public static IReadOnlyList<DoctorRule> Rules { get; } = [];

    /// <summary>Checks the rules that need weights and statistics alone. Nothing is run or changed.</summary>
    /// <param name="network">The network.</param>
    /// <param name="subject">What the diagnosis calls it.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    public static Diagnosis Examine(ExaminedNetwork network, string subject, DoctorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        options ??= new DoctorOptions();
        var sinks = new List<FindingSink>();
        foreach (DoctorRule rule in Rules.Concat(options.Rules))
        {
            if (options.Disabled.Contains(rule.Id)) continue;
            var sink = new FindingSink(rule, options);
            sinks.Add(sink);
            if (rule is FileRule file) file.Check(network, sink);
        }

        return new Diagnosis(subject, network,
            [.. sinks.SelectMany(static sink => sink.Findings)
                .Where(finding => !options.Allowed.Contains((finding.Rule, finding.Layer)))
                .OrderByDescending(static finding => finding.Level)],
            [.. sinks.SelectMany(static sink => sink.Unchecked)]);
    }
}
