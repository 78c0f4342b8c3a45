using Evenkeel.Nn;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class NormKindTests
{
    [Fact]
    public void Constants_reach_the_layers()
    {
        NormKind kind = NormKind.BatchNorm.With(eps: 1e-3, momentum: 0.01);
        Assert.Equal("BatchNorm(eps=0.001, momentum=0.01)", kind.Name);
        foreach (Shape sample in new Shape[] { [4], [4, 3, 3], [4, 2, 2, 2] })
        {
            var norm = Assert.IsAssignableFrom<BatchNorm>(kind.Create(sample));
            Assert.Equal((1e-3, 0.01), (norm.Eps, norm.Average.WeightOfNew));
        }

        Assert.Equal(0.5, Assert.IsType<LayerNorm>(NormKind.LayerNorm.With(0.5).Create([4])).Eps);
        Assert.Equal(0.5, Assert.IsType<RMSNorm>(NormKind.RMSNorm.With(0.5).Create([4])).Eps);
        Assert.Equal(0.5, Assert.IsType<InstanceNorm2d>(NormKind.InstanceNorm.With(0.5).Create([4, 2, 2])).Eps);
        var group = Assert.IsType<GroupNorm>(NormKind.GroupNorm(2).With(0.5).Create([4]));
        Assert.Equal((0.5, 2), (group.Eps, group.NumGroups));
    }

    [Fact]
    public void A_default_that_is_said_is_the_same_kind()
    {
        Assert.Equal(NormKind.BatchNorm, NormKind.BatchNorm.With(eps: 1e-5, momentum: 0.1));
        Assert.Equal(NormKind.BatchNorm, NormKind.BatchNorm.With(eps: 0.5).With(eps: 1e-5));
        Assert.Equal(NormKind.BatchNorm.With(0.5, 0.2), NormKind.BatchNorm.With(momentum: 0.2).With(eps: 0.5));
        Assert.NotEqual(NormKind.BatchNorm, NormKind.BatchNorm.With(momentum: 0.2));
        // Its own default depends on the element type.
        Assert.NotEqual(NormKind.RMSNorm, NormKind.RMSNorm.With(eps: 1e-5));
    }

    [Fact]
    public void Constants_that_a_kind_has_not_are_refused()
    {
        Assert.Throws<ArgumentException>("eps", () => NormKind.None.With(eps: 1e-3));
        Assert.Throws<ArgumentException>("momentum", () => NormKind.LayerNorm.With(momentum: 0.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => NormKind.BatchNorm.With(eps: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => NormKind.BatchNorm.With(momentum: 2));
    }
}
