using Evenkeel.Lab.Claims;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>Evidence without a run.</summary>
internal static class MadeUp
{
    private const int Seeds = 5;

    /// <summary>
    /// The same figures for every seed: intervals without width, so a verdict depends on the values alone.
    /// </summary>
    public static Evidence Evidence(params ReadOnlySpan<(string Experiment, Dictionary<string, double> Figures)> runs)
    {
        var all = new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>();
        foreach ((string experiment, Dictionary<string, double> figures) in runs)
            all[experiment] = [.. Enumerable.Repeat(figures, Seeds)];
        return new Evidence(all);
    }
}
