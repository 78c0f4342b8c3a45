using Evenkeel.Nn;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

public sealed class WeightsHashTests
{
    [Fact]
    public void Every_bit_of_weights_and_statistics_counts()
    {
        var model = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        foreach (Parameter parameter in model.Parameters()) parameter.Value.Fill(0.5);
        string before = WeightsHash.Of(model);
        Assert.Matches("^[0-9a-f]{64}$", before);
        Assert.Equal(before, WeightsHash.Of(model));

        model.Parameters()[0].Value.AsSpan<float>()[5] = float.BitIncrement(0.5f);
        Assert.NotEqual(before, WeightsHash.Of(model));
        model.Parameters()[0].Value.AsSpan<float>()[5] = 0.5f;
        Assert.Equal(before, WeightsHash.Of(model));

        StateBuffer mean = model.NamedBuffers()[0].Buffer;
        mean.Value.AsSpan<float>()[0] = -0.0f;
        Assert.NotEqual(before, WeightsHash.Of(model));
    }

    [Fact]
    public void Several_models_and_tensors_make_one_hash_in_their_order()
    {
        var first = new Sequential(new Linear(3, 2));
        var second = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        Assert.Equal(Hash("a", "b"), Hash("a", "b"));
        Assert.NotEqual(Hash("a", "b"), Hash("b", "a"));
        Assert.NotEqual(Hash("a", "b"), Hash("a", "b", Tensor.Zeros([2])));
        Assert.NotEqual(Hash("a", "b", Tensor.Zeros([2, 1])), Hash("a", "b", Tensor.Zeros([2])));

        string Hash(string firstName, string secondName, Tensor? output = null)
        {
            using var hash = new WeightsHash();
            hash.Add(firstName, first);
            hash.Add(secondName, second);
            if (output is not null) hash.Add("output", output);
            return hash.Finish();
        }
    }
}
