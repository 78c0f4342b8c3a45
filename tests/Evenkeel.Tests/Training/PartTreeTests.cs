using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

public sealed class PartTreeTests
{
    [Theory]
    [InlineData(1, "0")]
    [InlineData(2, "(0+1)")]
    [InlineData(3, "((0+1)+2)")]
    [InlineData(5, "(((0+1)+(2+3))+4)")]
    [InlineData(6, "(((0+1)+(2+3))+(4+5))")]
    public void Neighbours_are_added_first(int parts, string expected)
    {
        string[] sums = [.. Enumerable.Range(0, parts).Select(static part => $"{part}")];
        foreach (PartTree.Pair pair in PartTree.Pairs(parts)) sums[pair.Into] = Sum(sums[pair.Into], sums[pair.From]);
        Assert.Equal(expected, sums[0]);
    }

    /// <summary>Who adds what changes no sum, for any number of parts, processes, and parts in a small batch.</summary>
    [Fact]
    public void Processes_add_along_the_same_tree()
    {
        for (int all = 1; all <= 12; all++)
        {
            for (int processes = 1; processes <= all; processes++)
            {
                if (all % processes != 0) continue;
                for (int parts = 1; parts <= all; parts++) Check(parts, all / processes, processes);
            }
        }
    }

    [Theory]
    [InlineData(8, 2, 1)]
    [InlineData(8, 4, 1)]
    [InlineData(6, 2, 2)]
    public void A_power_of_two_of_parts_travels_as_one_sum(int parts, int processes, int sums)
    {
        for (int rank = 0; rank < processes; rank++)
            Assert.Equal(sums, new PartPlan(parts, parts / processes, rank, processes).OwnSums.Length);
    }

    private static void Check(int parts, int share, int processes)
    {
        string[] whole = Names(parts);
        foreach (PartTree.Pair pair in PartTree.Pairs(parts))
            whole[pair.Into] = Sum(whole[pair.Into], whole[pair.From]);
        string[] shared = Names(parts);
        PartPlan? plan = null;
        for (int rank = 0; rank < processes; rank++)
        {
            plan = new PartPlan(parts, share, rank, processes);
            int first = rank * share;
            foreach (PartTree.Pair pair in plan.OwnPairs)
                shared[first + pair.Into] = Sum(shared[first + pair.Into], shared[first + pair.From]);
            Assert.Equal(plan.OwnSums.Select(sum => sum + first), plan.SumsOf(rank));
            Assert.Equal(parts <= (processes - 1) * share, plan.HasFollowers);
        }

        foreach (PartTree.Pair pair in plan!.SharedPairs) shared[pair.Into] = Sum(shared[pair.Into], shared[pair.From]);
        Assert.Equal(whole[0], shared[0]);
    }

    private static string[] Names(int parts) => [.. Enumerable.Range(0, parts).Select(static part => $"{part}")];

    private static string Sum(string into, string from) => $"({into}+{from})";
}
