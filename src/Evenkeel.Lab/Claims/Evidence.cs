
namespace Evenkeel.Lab.Claims;

/// <summary>
/// What the experiments have measured, one set of figures per seed, as it is stored: claims are judged by nothing else.
/// </summary>
/// <param name="runs">By experiment: the figures of every seed, in the order of the seeds.</param>
/// <param name="quick">
/// Experiments that were run quickly: for fewer seeds and epochs, with fewer samples; null for none.
/// </param>
internal sealed class Evidence(
    IReadOnlyDictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>> runs,
    IReadOnlySet<string>? quick = null)
{
    /// <summary>Whether there are results of an experiment.</summary>
    public bool Has(string experiment) =>
        runs.TryGetValue(experiment, out IReadOnlyList<IReadOnlyDictionary<string, double>>? seeds) && seeds.Count > 0;

    /// <summary>Whether the results of an experiment are of a quick run.</summary>
    public bool IsQuick(string experiment) => quick is not null && quick.Contains(experiment);

    /// <summary>The figures of an experiment, one dictionary per seed.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, double>> Of(string experiment) => runs[experiment];

    /// <summary>One figure, one value per seed.</summary>
    public double[] Values(string experiment, string figure) => Values(experiment, figures => figures[figure]);

    /// <summary>What a formula makes of the figures of each seed.</summary>
    public double[] Values(string experiment, Func<IReadOnlyDictionary<string, double>, double> formula) =>
        [.. Of(experiment).Select(formula)];

    /// <summary>One figure less another of the same seed: seeds that suit both do not blur the difference.</summary>
    public double[] Differences(string experiment, string figure, string less) =>
        Values(experiment, figures => figures[figure] - figures[less]);

    /// <summary>One figure over another of the same seed.</summary>
    public double[] Ratios(string experiment, string figure, string over) =>
        Values(experiment, figures => figures[figure] / figures[over]);

    /// <summary>What to tell the user where a figure is missing.</summary>
    /// <param name="reader">Who asks for it.</param>
    /// <param name="experiments">Whose figure it would be.</param>
    /// <param name="missing">Names the figure.</param>
    public static LabException Lacks(string reader, IReadOnlyList<string> experiments, KeyNotFoundException missing) =>
        new(
        $"{reader} needs what the results of {string.Join(", ", experiments)} do not have " +
        $"({missing.Message.TrimEnd('.')}): they are of another version. Run them again.", missing);

    /// <summary>Whether every seed has a figure: a quick run may leave some out.</summary>
    public bool HasFigure(string experiment, string figure) => Of(experiment)
        .All(figures => figures.ContainsKey(figure));
}
