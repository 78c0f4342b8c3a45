using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Random;

public sealed class PhiloxTests
{
    // Random123, kat_vectors, philox4x32 with 10 rounds.
    [Theory]
    [InlineData(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x85a308d3243f6a88ul,
        0x0370734413198a2eul, 0x299f31d0a4093822ul, 0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u)]
    public void Known_answers(ulong counterLow, ulong counterHigh, ulong key, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Block(counterLow, counterHigh, key));

    [Fact]
    public void The_stream_is_the_blocks_in_order()
    {
        var random = new Philox(0x0123456789ABCDEF);
        for (ulong block = 0; block < 3; block++)
        {
            (uint w0, uint w1, uint w2, uint w3) = Philox.Block(block, 0, 0x0123456789ABCDEF);
            Assert.Equal([w0, w1, w2, w3],
                new[] { random.NextUInt32(), random.NextUInt32(), random.NextUInt32(), random.NextUInt32() });
        }
    }

    [Fact]
    public void Splits_depend_on_names_only()
    {
        var parent = new Philox(7);
        ulong first = parent.Split("weights").NextUInt64();
        parent.Split("dropout").NextUInt64();
        parent.NextUInt64();
        Assert.Equal(first, parent.Split("weights").NextUInt64());
        Assert.Equal(first, new Philox(7, "weights").NextUInt64());
        Assert.Equal(new Philox(7, "a/b").NextUInt64(), new Philox(7).Split("a").Split("b").NextUInt64());
        Assert.Equal(new Philox(7, "a/b").NextUInt64(), new Philox(7).Split("a/b").NextUInt64());
    }

    [Fact]
    public void Splits_differ()
    {
        var seen = new HashSet<ulong>();
        foreach (ulong seed in new ulong[] { 0, 1, ulong.MaxValue })
        {
            foreach (string name in
                new[] { "", "a", "b", "ab", "a/b", "a\0", "layer1.weight", "layer10.weight", "layer1.weight2", "ä" })
            {
                Assert.True(seen.Add(new Philox(seed, name).NextUInt64()), name);
            }

            for (ulong i = 0; i < 100; i++)
                Assert.True(seen.Add(new Philox(seed).Split(i).NextUInt64()), $"{seed} {i}");
        }
    }

    [Fact]
    public void Golden_values_do_not_change()
    {
        // Pins the derived streams and the normal numbers: a change breaks every saved seed.
        var random = new Philox(42, "golden/values");
        Assert.Equal(GoldenWord, random.NextUInt64());
        Assert.Equal(GoldenNormal, random.NextNormal());
        Assert.Equal(GoldenIndexed, new Philox(42).Split(3ul).NextUInt64());
    }

    [Fact]
    public void Normal_numbers_are_normal()
    {
        const int Count = 400_000;
        var values = new double[Count];
        new Philox(1).FillNormal(values);
        double mean = values.Sum() / Count;
        double m2 = values.Sum(v => (v - mean) * (v - mean)) / Count, m4 = values.Sum(v => v * v * v * v) / Count;
        double beyond2 = values.Count(v => Math.Abs(v) > 2) / (double)Count;
        // Four standard errors each.
        Assert.InRange(mean, -0.0064, 0.0064);
        Assert.InRange(m2, 1 - 0.009, 1 + 0.009);
        Assert.InRange(m4, 3 - 0.062, 3 + 0.062);
        Assert.InRange(beyond2, 0.0455 - 0.0014, 0.0455 + 0.0014);
    }

    [Fact]
    public void Uniform_numbers_fill_their_range()
    {
        var random = new Philox(2);
        var floats = new float[100_000];
        random.Fill(floats);
        Assert.All(floats, v => Assert.InRange(v, 0f, 0.99999994f));
        Assert.InRange(floats.Average(v => (double)v), 0.4963, 0.5037);
        var doubles = new double[100_000];
        random.Fill(doubles);
        Assert.All(doubles, v => Assert.InRange(v, 0, 0.9999999999999999));
        Assert.InRange(doubles.Average(), 0.4963, 0.5037);
        Assert.InRange(new Philox(3).NextDouble(), 0, 1);
    }

    [Fact]
    public void Integers_are_unbiased_and_in_range()
    {
        var random = new Philox(3);
        var counts = new int[7];
        for (int i = 0; i < 70_000; i++) counts[random.NextInt(7)]++;
        Assert.All(counts, c => Assert.InRange(c, 9600, 10400));
        // Three quarters of the range: without rejection the lower values would come twice as often.
        int low = 0;
        const int Max = 3 << 29;
        for (int i = 0; i < 30_000; i++) low += random.NextInt(Max) < Max / 3 ? 1 : 0;
        Assert.InRange(low, 9650, 10350);
        Assert.Equal(0, random.NextInt(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0));
    }

    [Fact]
    public void Permutations_are_permutations()
    {
        var random = new Philox(4);
        for (int n = 0; n < 50; n++) Assert.Equal(Enumerable.Range(0, n), random.Permutation(n).Order());
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Permutation(-1));
        var chosen = new int[1000];
        random.Choice(3, chosen);
        Assert.Equal([0, 1, 2], chosen.Distinct().Order());
    }

    [Fact]
    public void Empty_names_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Philox(1).Split(""));
        Assert.Throws<ArgumentException>(() => new Philox(1, "a//b"));
    }

    private const ulong GoldenWord = 14853386096912657692;
    private const double GoldenNormal = -1.2070540061610606;
    private const ulong GoldenIndexed = 10970042949503302046;
}
