using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class SplitTests
{
    private static readonly double[] s_fractions = [0.8, 0.1, 0.1];

    [Fact]
    public void The_lessons_photographs_are_split_as_its_script_does()
    {
        // int(134 * .8), int(134 * .9), the same of 132: 107 + 105, 13 + 13, 14 + 14.
        int[] labels = [.. Enumerable.Repeat(0, 134), .. Enumerable.Repeat(1, 132)];
        int[][] parts = Split.Stratified(labels, s_fractions);
        Assert.Equal([212, 26, 28], parts.Select(static part => part.Length));
        Assert.Equal([107, 13, 14], parts.Select(part => part.Count(i => labels[i] == 0)));
        Assert.Equal(parts, Split.Stratified(labels, s_fractions));
        Assert.NotEqual(parts[0], Split.Stratified(labels, s_fractions, seed: 1)[0]);
        Assert.Equal([8, 1, 1], Split.Random(10, s_fractions).Select(static part => part.Length));
    }

    /// <summary>
    /// Of any labels, groups, fractions and seed: parts are disjoint and complete, in order, groups whole,
    /// strata kept to one sample.
    /// </summary>
    [Fact]
    public void Every_split_keeps_its_promises()
    {
        for (int trial = 0; trial < 300; trial++)
        {
            var random = new Philox(7, "splits").Split((ulong)trial);
            int count = random.NextInt(120), classes = 1 + random.NextInt(4);
            double[] fractions = trial % 3 == 0 ? s_fractions : trial % 3 == 1 ? [0.5, 0.5] : [0.25, 0.125, 0.5, 0.125];
            var labels = new int[count];
            random.Choice(classes, labels);
            var groups = new int[count];
            random.Choice(1 + random.NextInt(60), groups);
            ulong seed = random.NextUInt64();

            int[][] shuffled = Split.Random(count, fractions, seed),
                stratified = Split.Stratified(labels, fractions, seed),
                grouped = Split.Grouped(labels, groups, fractions, seed);
            foreach (int[][] parts in new[] { shuffled, stratified, grouped })
            {
                Assert.Equal(fractions.Length, parts.Length);
                Assert.Equal(Enumerable.Range(0, count), parts.SelectMany(static part => part).Order());
                Assert.All(parts, static part => Assert.Equal(part.Order(), part));
            }

            for (int p = 0; p < fractions.Length; p++)
            {
                Assert.InRange(shuffled[p].Length - count * fractions[p], -1.01, fractions.Length);
                for (int c = 0; c < classes; c++)
                {
                    Assert.InRange(stratified[p].Count(i => labels[i] == c) - labels.Count(l => l == c) * fractions[p],
                        -1.01, fractions.Length);
                }
            }

            Assert.All(Enumerable.Range(0, count).GroupBy(i => groups[i]),
                members => Assert.Single(grouped, part => part.Intersect(members).Any()));
            Assert.Equal(grouped, Split.Grouped(labels, groups, fractions, seed));
        }
    }

    [Fact]
    public void Groups_of_one_are_split_as_evenly_as_strata()
    {
        int[] labels = [.. Enumerable.Range(0, 400).Select(static i => i % 4)], groups = [.. Enumerable.Range(0, 400)];
        int[][] parts = Split.Grouped(labels, groups, s_fractions);
        for (int c = 0; c < 4; c++) Assert.Equal([80, 10, 10], parts.Select(part => part.Count(i => labels[i] == c)));
    }

    [Fact]
    public void Bursts_of_banknotes_stay_together_and_balanced()
    {
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(1, 266);
        int[] labels = images.Labels.ToArray();
        for (ulong seed = 0; seed < 5; seed++)
        {
            int[][] parts = Split.Grouped(labels, bursts, s_fractions, seed);
            for (int c = 0; c < 2; c++)
            {
                int all = labels.Count(l => l == c);
                for (int p = 0; p < 3; p++)
                    Assert.InRange(parts[p].Count(i => labels[i] == c) - all * s_fractions[p], -3, 3);
            }
        }
    }

    [Fact]
    public void Bad_fractions_are_refused()
    {
        Assert.Contains("sum to 1",
            Assert.Throws<ArgumentException>(() => Split.Random(10, [0.8, 0.1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Split.Random(10, [1.1, -0.1]));
        Assert.Throws<ArgumentException>(() => Split.Random(10, []));
        Assert.Throws<ArgumentException>(() => Split.Stratified([0, -1], s_fractions));
        Assert.Throws<ArgumentException>(() => Split.Grouped([0, 1], [0], s_fractions));
    }
}
