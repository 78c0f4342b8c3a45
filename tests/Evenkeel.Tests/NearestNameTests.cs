using Xunit;

namespace Evenkeel.Tests;

public sealed class NearestNameTests
{
    private static readonly string[] s_names =
        ["deep-net", "weight-scale", "batch-size", "layernorm-batch-size", "batchnorm-forward"];

    [Theory]
    [InlineData("deepnet", "deep-net")]
    [InlineData("depe-net", "deep-net")]
    [InlineData("weigth-scale", "weight-scale")]
    [InlineData("DEEP-NET", "deep-net")]
    [InlineData("scale", "weight-scale")]
    [InlineData("xyz", null)]
    public void Finds_the_nearest_or_nothing(string typed, string? expected) =>
        Assert.Equal(expected, NearestName.Find(typed, s_names));

    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("abc", "abc", 0)]
    [InlineData("abc", "acb", 1)]
    [InlineData("kitten", "sitting", 3)]
    public void Counts_edits(string from, string to, int expected) =>
        Assert.Equal(expected, NearestName.Edits(from, to));
}
