using Evenkeel.Nn;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

public sealed class WeightsHashTests
{
    [Fact]
    public void EveryBitOfWeightsAndStatisticsCounts()
    {
        var model = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        foreach (Parameter parameter in model.Parameters()) parameter.Value.Fill(0.5);
        string before = WeightsHash.Of(model);
        Assert.Matches("^[0-9a-f]{16}$", before);
        Assert.Equal(before, WeightsHash.Of(model));

        model.Parameters()[0].Value.AsSpan<float>()[5] = float.BitIncrement(0.5f);
        Assert.NotEqual(before, WeightsHash.Of(model));
        model.Parameters()[0].Value.AsSpan<float>()[5] = 0.5f;
        Assert.Equal(before, WeightsHash.Of(model));

        StateBuffer mean = model.NamedBuffers()[0].Buffer;
        mean.Value.AsSpan<float>()[0] = -0.0f;
        Assert.NotEqual(before, WeightsHash.Of(model));
    }
}
