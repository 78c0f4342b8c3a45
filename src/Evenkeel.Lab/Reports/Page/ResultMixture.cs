using System.Globalization;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// Results of one folder that do not belong together: a run has replaced what another had left there.
/// </summary>
/// <param name="Of">What they differ in: settings, data, builds, machines.</param>
/// <param name="Explanation">Which, and how.</param>
internal sealed record ResultMixture(string Of, string Explanation)
{
    /// <summary>What a reader of the results has to know.</summary>
    public string Note =>
        $"Results of several {Of}: {Explanation}. The newest of each experiment is shown. " +
        "'evenkeel reproduce --replace' runs again what differs from the settings that it is given.";

    /// <summary>
    /// The first results that one <c>reproduce</c> could not have made; null if there are none. Experiments have
    /// seeds, epochs and element types of their own, so these agree
    /// where all are the lesson's own or all are what one user asked for.
    /// </summary>
    public static ResultMixture? Find(IReadOnlyList<ResultRecord> records) =>
        Differing("settings", records, static record => record.Settings.Quick ? "--quick" : "no --quick")
        ?? Differing("settings", records, static record => PageText.Count(record.Settings.Threads, "thread"))
        ?? Asked(records, static record => record.Settings.Seed, static record => record.Experiment.LessonSeed,
            static seed => string.Create(CultureInfo.InvariantCulture, $"seed {seed}"))
        ?? Asked(
            [.. records.Where(static record => record.Experiment.OnlyDType is null)],
            static record => record.Settings.DType, static record => record.Experiment.LessonDType, PageText.DType)
        ?? Asked(
            [.. records.Where(static record => record.Experiment.Epochs is not null)],
            static record => record.Settings.Epochs, static record => record.Settings.Quick
                ? record.Experiment.Epochs!.Value.Quick : record.Experiment.Epochs!.Value.Lesson,
            static epochs => PageText.Count(epochs ?? 0, "epoch"))
        ?? records.Where(static record => record.Data is not null).GroupBy(static record => record.Experiment.Images)
            .Select(static set => Differing("data", [.. set], static record =>
                $"{record.Data!.Name} ({record.Data.Source}, {record.Data.Identity})"))
                    .FirstOrDefault(static found => found is not null)
        ?? Differing("builds", records, static record =>
            $"version {record.Environment.Version}, build {Build(record)}", static record => record.Environment.Build)
        ?? Differing("machines", records, static record =>
            $"{record.Environment.Runtime}, {record.Environment.System}, " +
            $"{PageText.Count(record.Environment.Processors, "processor")}, {record.Environment.Instructions}");

    /// <summary>All must be the same; named are those that the fewest have in common.</summary>
    private static ResultMixture? Differing(
        string what, IReadOnlyList<ResultRecord> records,
        Func<ResultRecord, string> describe, Func<ResultRecord, string>? identify = null)
    {
        ResultRecord[][] groups = [.. records.GroupBy(identify ?? describe, StringComparer.Ordinal)
            .Select(static group => group.ToArray())];
        if (groups.Length < 2) return null;
        ResultRecord[] odd = groups.MinBy(static group => group.Length)!;
        ResultRecord[] rest = [.. records.Except(odd)];
        string names = string.Join(", ", odd.Select(static record => record.Experiment.Name));
        string were = odd.Length == 1 ? "was" : "were";
        string others = rest.Length == 1 ? rest[0].Experiment.Name : $"the other {rest.Length}";
        string had = string.Join(" or ", rest.Select(describe).Distinct(StringComparer.Ordinal));
        return new ResultMixture(what, $"{names} {were} run with {describe(odd[0])}, {others} with {had}");
    }

    /// <summary>All must be the experiment's own, or all the same.</summary>
    private static ResultMixture? Asked<T>(IReadOnlyList<ResultRecord> records, Func<ResultRecord, T> has,
        Func<ResultRecord, T> own, Func<T, string> describe)
    {
        ResultRecord? asked = records.FirstOrDefault(record => !Equals(has(record), own(record)));
        if (asked is null) return null;
        ResultRecord? other = records.FirstOrDefault(record => !Equals(has(record), has(asked)));
        return other is null ? null : Pair("settings", asked, describe(has(asked)), other, describe(has(other)));
    }

    /// <summary>The build names the code of the library and of the lab: a few digits of each.</summary>
    private static string Build(ResultRecord record)
    {
        string build = record.Environment.Build;
        int half = build.Length / 2;
        return half < 8 ? build : $"{build[..8]}-{build[half..(half + 8)]}";
    }

    private static ResultMixture Pair(string what, ResultRecord first, string firstHas, ResultRecord second,
        string secondHas) =>
        new(what, $"{first.Experiment.Name} was run with {firstHas}, {second.Experiment.Name} with {secondHas}");
}
