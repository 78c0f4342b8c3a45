using Evenkeel.Workbench.Models;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class NormNameTests
{
    [Theory]
    [InlineData("batch", "BatchNorm")]
    [InlineData("LAYER", "LayerNorm")]
    [InlineData("instance", "InstanceNorm")]
    [InlineData("rms", "RMSNorm")]
    [InlineData("none", "None")]
    [InlineData("group:8", "GroupNorm8")]
    [InlineData("group:groups=8", "GroupNorm8")]
    [InlineData("group:8, eps=1e-3", "GroupNorm8(eps=0.001)")]
    [InlineData("batch:eps=1e-3,momentum=0.01", "BatchNorm(eps=0.001, momentum=0.01)")]
    [InlineData("batch:momentum=0.1", "BatchNorm")]
    public void A_name_with_its_constants_is_a_kind(string text, string expected) =>
        Assert.Equal(expected, NormName.Parse(text).Name);

    [Fact]
    public void All_names_of_help_are_names() =>
        Assert.All(NormName.Names, static name => Assert.NotNull(NormName.Parse(name)));

    [Theory]
    [InlineData("btach",
        "norm btach: expected batch, group:8, layer, instance, rms, none, got btach. Did you mean batch?")]
    [InlineData("grup:8", "got grup. Did you mean group?")]
    [InlineData("group", "expected the number of groups, as group:8, got none.")]
    [InlineData("group:x", "behind the colon")]
    [InlineData("batch:8", "expected groups for group norm alone, got 8.")]
    [InlineData("batch:epsilon=1", "got epsilon=1.")]
    [InlineData("batch:momentun=1", "Did you mean momentum?")]
    [InlineData("batch:eps=small", "expected a number for eps, got small.")]
    [InlineData("layer:momentum=0.5", "expected no momentum")]
    [InlineData("batch:momentum=7", "expected a weight from 0 to 1, got 7")]
    [InlineData("group:0", "expected at least one group, got 0")]
    public void A_wrong_name_says_what_was_meant(string text, string expected) => Assert.Contains(
        expected, Assert.ThrowsAny<ArgumentException>(() => NormName.Parse(text)).Message, StringComparison.Ordinal);
}
