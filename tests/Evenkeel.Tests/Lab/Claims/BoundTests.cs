using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

public sealed class BoundTests
{
    private static readonly Dictionary<string, Bound> s_bounds = new()
    {
        [">="] = Bound.AtLeast(1),
        [">"] = Bound.Above(1),
        ["<="] = Bound.AtMost(1),
        ["<"] = Bound.Below(1),
        ["1..2"] = Bound.Between(1, 2),
    };

    [Theory]
    // The threshold itself belongs to a closed bound and to the outside of an open one.
    [InlineData(">=", 1, 1, Verdict.Holds)]
    [InlineData(">", 1, 1, Verdict.Fails)]
    [InlineData("<=", 1, 1, Verdict.Holds)]
    [InlineData("<", 1, 1, Verdict.Fails)]
    [InlineData("1..2", 1, 2, Verdict.Holds)]
    [InlineData("1..2", 1, 1, Verdict.Holds)]
    // An interval that ends at it.
    [InlineData(">=", 1, 3, Verdict.Holds)]
    [InlineData(">", 1, 3, Verdict.Undecided)]
    [InlineData(">=", 0, 1, Verdict.Undecided)]
    [InlineData(">", 0, 1, Verdict.Fails)]
    [InlineData("<=", 0, 1, Verdict.Holds)]
    [InlineData("<", 0, 1, Verdict.Undecided)]
    [InlineData("<=", 1, 3, Verdict.Undecided)]
    [InlineData("<", 1, 3, Verdict.Fails)]
    [InlineData("1..2", 0, 1, Verdict.Undecided)]
    [InlineData("1..2", 2, 3, Verdict.Undecided)]
    // Next to it, across it, far from it.
    [InlineData(">=", 1.0000000000000002, 3, Verdict.Holds)]
    [InlineData(">", 1.0000000000000002, 3, Verdict.Holds)]
    [InlineData(">=", 0, 0.99999999999999989, Verdict.Fails)]
    [InlineData("<=", 1.0000000000000002, 3, Verdict.Fails)]
    [InlineData("<", 0, 0.99999999999999989, Verdict.Holds)]
    [InlineData(">=", 0, 2, Verdict.Undecided)]
    [InlineData("<=", 0, 2, Verdict.Undecided)]
    [InlineData("1..2", 0, 3, Verdict.Undecided)]
    [InlineData("1..2", 1.5, 2.5, Verdict.Undecided)]
    [InlineData("1..2", 1.2, 1.8, Verdict.Holds)]
    [InlineData("1..2", 2.1, 3, Verdict.Fails)]
    [InlineData("1..2", -3, 0.9, Verdict.Fails)]
    // Nothing is known.
    [InlineData(">=", double.NaN, double.NaN, Verdict.Undecided)]
    [InlineData("<", double.NaN, 0, Verdict.Undecided)]
    [InlineData(">", 3, double.NaN, Verdict.Undecided)]
    public void An_interval_holds_within_fails_outside_and_leaves_undecided_between(
        string bound, double low, double high, object verdict) =>
        Assert.Equal(verdict, s_bounds[bound].Judge(new Interval((low + high) / 2, low, high)));

    [Fact]
    public void Bounds_are_said_in_words()
    {
        Assert.Equal("at or above 1", s_bounds[">="].ToString());
        Assert.Equal("above 1", s_bounds[">"].ToString());
        Assert.Equal("at or below 1", s_bounds["<="].ToString());
        Assert.Equal("below 1", s_bounds["<"].ToString());
        Assert.Equal("between 1 and 2", s_bounds["1..2"].ToString());
        Assert.Equal("at or below 1e-05", Bound.AtMost(1e-5).ToString());
    }
}
