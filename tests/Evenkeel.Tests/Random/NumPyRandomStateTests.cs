using System.Runtime.InteropServices;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Random;

/// <summary>Golden values are of numpy 1.24.2 on x86-64 Linux.</summary>
public sealed class NumPyRandomStateTests
{
    [Theory]
    [InlineData(
        231u, new[] { 0.78149404082882, 0.5842091160855433, 0.426710070189125, 0.3153446949154163, 0.8268882910012595 },
        0x6b82fd17u)]
    [InlineData(
        114514u,
        new[] { 0.6877558739955388, 0.6761729409303582, 0.42661144753437275, 0.7830323648093837, 0.7883749081318308 },
        0x97d67518u)]
    [InlineData(
        0u,
        new[] { 0.5488135039273248, 0.7151893663724195, 0.6027633760716439, 0.5448831829968969, 0.4236547993389047 },
        0x19070621u)]
    public void Rand(uint seed, double[] first, uint checksumOf1000)
    {
        Assert.Equal(first, new NumPyRandomState(seed).Rand(first.Length));
        Assert.Equal(
            checksumOf1000, Checksum.Crc32(MemoryMarshal.AsBytes(new NumPyRandomState(seed).Rand(1000).AsSpan())));
    }

    [Theory]
    [InlineData(231u,
        new[] { 0.41794341085522313, 1.3971002787857785, -1.7859043087115503, -0.7088277337845966, -0.0747253160682306,
            -0.7750167689275921, },
        0xc6572f89u)]
    [InlineData(114514u,
        new[] { 1.1149090055425113, 1.1882115020369697, 1.4180451179499556, -0.36769038271430443, 0.24881410879619156,
            0.3804981211708006, },
        0x0afb7264u)]
    [InlineData(0u,
        new[] { 1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458, 1.8675579901499675,
            -0.977277879876411, },
        0x06a45cb8u)]
    public void Randn(uint seed, double[] first, uint checksumOf100000AsFloat)
    {
        Assert.Equal(first, new NumPyRandomState(seed).Randn(first.Length));
        var floats = new float[100000];
        new NumPyRandomState(seed).FillNormal(floats);
        Assert.Equal(checksumOf100000AsFloat, Checksum.Crc32(MemoryMarshal.AsBytes(floats.AsSpan())));
    }

    [Theory]
    [InlineData(231u, new long[] { 7, 0, 4, 9, 6, 2, 7, 4, 1, 2, 2, 2 })]
    [InlineData(114514u, new long[] { 3, 7, 6, 5, 1, 8, 4, 3, 3, 0, 5, 3 })]
    [InlineData(0u, new long[] { 5, 0, 3, 3, 7, 9, 3, 5, 2, 4, 7, 6 })]
    public void RandInt(uint seed, long[] expected) =>
        Assert.Equal(expected, new NumPyRandomState(seed).RandInt(0, 10, expected.Length));

    [Theory]
    [InlineData(231u, -5, 1000003, new long[] { 492715, 965263, 416196, 843526, 29377 })]
    [InlineData(114514u, -5, 1000003, new long[] { 50382, 702838, 633702, 221938, 419957 })]
    [InlineData(0u, -5, 1000003, new long[] { 985767, 305706, 435824, 117947, 963390 })]
    [InlineData(231u, 0, 1L << 32, new long[] { 3356491351, 2600961200, 2509159060 })]
    [InlineData(114514u, 0, 1L << 32, new long[] { 2953888979, 3549084027, 2904140651 })]
    [InlineData(0u, 0, 1L << 32, new long[] { 2357136044, 2546248239, 3071714933 })]
    [InlineData(231u, 0, (1L << 32) + 1, new long[] { 1021729225, 2097663454, 3255615729 })]
    [InlineData(114514u, 0, (1L << 32) + 1, new long[] { 974333579, 4102478206, 935520541 })]
    [InlineData(0u, 0, (1L << 32) + 1, new long[] { 2546248239, 1277901399, 243580376 })]
    [InlineData(
        231u, long.MinValue, long.MaxValue,
        new long[] { 5192648547598042288, 1553384067329055177, -1351960549198368058 })]
    [InlineData(114514u,
        long.MinValue, long.MaxValue, new long[] { 3463484527514139003, 3249817085897040631, -1353779763808622965 })]
    [InlineData(
        0u, long.MinValue, long.MaxValue, new long[] { 900450186894289455, 3969543146641149120, 1895649597198586619 })]
    public void RandInt_of_ranges(uint seed, long low, long high, long[] expected) =>
        Assert.Equal(expected, new NumPyRandomState(seed).RandInt(low, high, expected.Length));

    [Theory]
    [InlineData(231u, new[] { 599, 176, 660, 457, 779, 710, 514, 478 }, 0x2fce6021u)]
    [InlineData(114514u, new[] { 211, 379, 875, 759, 122, 651, 790, 382 }, 0xbca0178cu)]
    [InlineData(0u, new[] { 684, 559, 629, 192, 835, 763, 707, 359 }, 0x4d2f6ee5u)]
    public void Choice(uint seed, int[] expected, uint checksumOf1000From50000)
    {
        Assert.Equal(expected, new NumPyRandomState(seed).Choice(1000, expected.Length));
        Assert.Equal(checksumOf1000From50000,
            Checksum.Crc32(MemoryMarshal.AsBytes(new NumPyRandomState(seed).Choice(50000, 1000).AsSpan())));
    }

    [Theory]
    [InlineData(
        231u, new[] { 3, 10, 5, 1, 11, 9, 8, 2, 6, 4, 0, 7 }, new[] { 50, 80, 60, 20, 30, 10, 40, 0, 70 }, 0xd24d20cdu)]
    [InlineData(
        114514u, new[] { 2, 11, 9, 10, 0, 8, 4, 1, 5, 6, 7, 3 }, new[] { 0, 10, 40, 50, 60, 20, 70, 80, 30 },
        0x0ca7d492u)]
    [InlineData(
        0u, new[] { 6, 11, 4, 10, 2, 8, 1, 7, 9, 3, 0, 5 }, new[] { 70, 20, 10, 40, 80, 60, 30, 0, 50 },
        0xd5eaacacu)]
    public void Permutation_and_shuffle(uint seed, int[] permutation, int[] shuffled, uint checksumOfPermutation5000)
    {
        Assert.Equal(permutation, new NumPyRandomState(seed).Permutation(12));
        int[] values = [0, 10, 20, 30, 40, 50, 60, 70, 80];
        new NumPyRandomState(seed).Shuffle(values);
        Assert.Equal(shuffled, values);
        Assert.Equal(checksumOfPermutation5000,
            Checksum.Crc32(MemoryMarshal.AsBytes(new NumPyRandomState(seed).Permutation(5000).AsSpan())));
    }

    public static TheoryData<uint, double[]> Mixed => new()
    {
        { 231, [0.41794341085522313, 1.3971002787857785, -1.7859043087115503, 0, 0.8268882910012595, 1, 2,
            -0.7088277337845966, 3, 1, 4, 0, 2, 3, 1, 4, -0.0747253160682306, -0.7750167689275921, 3, 7, 5, 8, 6,
            0.02544652917210899] },
        { 114514, [1.1149090055425113, 1.1882115020369697, 1.4180451179499556, 0, 0.7883749081318308, 8, 4,
            -0.36769038271430443, 2, 1, 0, 4, 3, 3, 6, 0, 0.14281953428745583, -0.3945486278801722, 3, 7, 5, 8, 6,
            0.5544474264837038] },
        { 0, [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 0, 0.4236547993389047, 5, 2, 2.240893199201458,
            1, 0, 2, 3, 4, 0, 4, 2, 1.3654671795124211, -0.09769572171942498, 3, 8, 6, 5, 7, 0.925596638292661] },
    };

    [Theory]
    [MemberData(nameof(Mixed))]
    public void Mixed_calls_consume_what_NumPy_consumes(uint seed, double[] expected)
    {
        var random = new NumPyRandomState(seed);
        var got = new List<double>();
        got.AddRange(random.Randn(3));
        got.Add(random.RandInt(1));
        got.Add(random.NextDouble());
        got.AddRange(random.RandInt(0, 10, 2).Select(v => (double)v));
        got.Add(random.NextNormal());
        got.AddRange(random.Permutation(5).Select(v => (double)v));
        got.AddRange(random.Choice(7, 3).Select(v => (double)v));
        got.AddRange(random.Randn(2));
        got.Add(random.RandInt(3, 4));
        int[] values = [5, 6, 7, 8];
        random.Shuffle(values);
        got.AddRange(values.Select(v => (double)v));
        got.Add(random.NextDouble());
        Assert.Equal(expected, got);
    }

    [Fact]
    public void The_notebook_draws_its_labels_after_its_data()
    {
        // In[7] of the notebook: X = randn(2, 15), then y = randint(10, size=2).
        foreach ((uint seed, long[] labels) in new[] { (231u, new long[] { 7, 0 }), (114514u, [2, 4]) })
        {
            var random = new NumPyRandomState(seed);
            random.Randn(30);
            Assert.Equal(labels, random.RandInt(0, 10, 2));
        }
    }

    [Fact]
    public void Seed_starts_over_and_drops_the_kept_normal()
    {
        var random = new NumPyRandomState(231);
        random.NextNormal();
        random.Seed(0);
        Assert.Equal(new NumPyRandomState(0).Randn(3), random.Randn(3));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        var random = new NumPyRandomState(0);
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.RandInt(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.RandInt(3, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.RandInt(3, 2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Choice(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Choice(1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Permutation(-1));
    }
}
