using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Random;

public sealed class RandomStreamStateTests
{
    public static TheoryData<string> Kinds => [Philox.Kind, NumPyRandomState.Kind, TorchGenerator.Kind];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_restored_stream_continues_with_the_same_bits(string kind)
    {
        // Every position inside a block, with and without a kept normal number, and across the twister's 624 words.
        for (int warmUp = 0; warmUp < 1300; warmUp += warmUp < 20 ? 1 : 41)
        {
            foreach (int normals in new[] { 0, 1, 2 })
            {
                IRandomStream stream = Create(kind);
                for (int i = 0; i < warmUp; i++) stream.NextUInt32();
                for (int i = 0; i < normals; i++) stream.NextNormal();
                RandomStreamState state = stream.State;
                double[] expected = Draw(stream);
                IRandomStream copy = new RandomStreamState(state.Kind, state.Words).CreateStream();
                Assert.IsType(stream.GetType(), copy);
                Assert.Equal(expected, Draw(copy));
                stream.State = state;
                Assert.Equal(expected, Draw(stream));
            }
        }
    }

    [Theory]
    [InlineData(Philox.Kind)]
    [InlineData(NumPyRandomState.Kind)]
    public void Bulk_gives_what_single_calls_give(string kind)
    {
        var doubles = new double[77];
        var floats = new float[77];
        IRandomStream bulk = Create(kind), single = Create(kind);
        bulk.Fill(doubles);
        Assert.Equal(Enumerable.Range(0, 77).Select(_ => single.NextDouble()), doubles);
        bulk.FillNormal(doubles);
        Assert.Equal(Enumerable.Range(0, 77).Select(_ => single.NextNormal()), doubles);
        bulk.FillNormal(floats);
        Assert.Equal(Enumerable.Range(0, 77).Select(_ => (float)single.NextNormal()), floats);
        var indices = new int[77];
        bulk.Choice(1000, indices);
        Assert.Equal(Enumerable.Range(0, 77).Select(_ => single.NextInt(1000)), indices);
    }

    [Fact]
    public void A_state_of_another_kind_is_refused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => new Philox(1).State = new NumPyRandomState(1).State);
        Assert.StartsWith("Philox: expected a state of kind \"philox4x32-10\", got \"numpy-mt19937\".",
            error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new NumPyRandomState(1).State = new Philox(1).State);
        Assert.Throws<ArgumentException>(() => new TorchGenerator(1).State = new NumPyRandomState(1).State);
        Assert.Throws<ArgumentException>(() => new RandomStreamState("pcg64", [1]).CreateStream());
    }

    [Fact]
    public void A_damaged_state_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new RandomStreamState(Philox.Kind, [1, 2]).CreateStream());
        Assert.Throws<ArgumentException>(() => new RandomStreamState(Philox.Kind, [1, 2, 3, 5, 0, 0]).CreateStream());
        ulong[] words = new NumPyRandomState(1).State.Words.ToArray();
        words[624] = 625;
        Assert.Throws<ArgumentException>(() => new RandomStreamState(NumPyRandomState.Kind, words).CreateStream());
        words[624] = 624;
        words[3] = 1ul << 32;
        Assert.Throws<ArgumentException>(() => new RandomStreamState(NumPyRandomState.Kind, words).CreateStream());
    }

    private static IRandomStream Create(string kind) => kind switch
    {
        Philox.Kind => new Philox(5, "test"),
        TorchGenerator.Kind => new TorchGenerator(5),
        _ => new NumPyRandomState(5),
    };

    private static double[] Draw(IRandomStream stream) =>
    [
        stream.NextNormal(), stream.NextUInt32(), stream.NextNormal(), stream.NextDouble(), stream.NextInt(10),
        stream.NextNormal(), stream.NextUInt64(),
    ];
}
