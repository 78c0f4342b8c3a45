using System.Globalization;

namespace Evenkeel.Lab.Experiments;

/// <summary>All experiments, in the order of the lessons.</summary>
internal static class ExperimentCatalog
{
    private static readonly Lazy<Experiment[]> s_all = new(() =>
        [.. Discovery.InstancesOf<Experiment>()
            .OrderBy(experiment => experiment.Lesson[0])
            .ThenBy(experiment => int.Parse(experiment.Lesson.AsSpan(1), CultureInfo.InvariantCulture))
            .ThenBy(experiment => experiment.Name, StringComparer.Ordinal)]);

    public static IReadOnlyList<Experiment> All => s_all.Value;

    public static Experiment? Find(string name) =>
        All.FirstOrDefault(experiment => string.Equals(experiment.Name, name, StringComparison.Ordinal));
}
