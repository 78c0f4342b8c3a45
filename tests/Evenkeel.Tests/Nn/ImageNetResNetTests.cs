using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ImageNetResNetTests
{
    [Fact]
    public void The_numbers_of_parameters_are_Torchvisions()
    {
        Assert.Equal(11_689_512, Count(new ImageNetResNet()));
        Assert.Equal(21_797_672, Count(new ImageNetResNet(new ImageNetResNetOptions { Depth = 34 })));
    }

    /// <summary>The 122 keys of torchvision's resnet18, in their order.</summary>
    [Fact]
    public void Keys_are_Torchvisions()
    {
        static string[] Norm(string name) =>
        [
            $"{name}.weight", $"{name}.bias", $"{name}.running_mean", $"{name}.running_var",
            $"{name}.num_batches_tracked",
        ];
        var expected = new List<string> { "conv1.weight" };
        expected.AddRange(Norm("bn1"));
        for (int stage = 1; stage <= 4; stage++)
        {
            for (int block = 0; block < 2; block++)
            {
                string at = $"layer{stage}.{block}";
                expected.AddRange([$"{at}.conv1.weight", .. Norm($"{at}.bn1")]);
                expected.AddRange([$"{at}.conv2.weight", .. Norm($"{at}.bn2")]);
                if (stage > 1 && block == 0)
                    expected.AddRange([$"{at}.downsample.0.weight", .. Norm($"{at}.downsample.1")]);
            }
        }

        expected.AddRange(["fc.weight", "fc.bias"]);
        var state = new ImageNetResNet().StateDict();
        Assert.Equal(122, expected.Count);
        Assert.Equal(expected, state.Keys);
        Assert.Equal([64, 3, 7, 7], state["conv1.weight"].Shape);
        Assert.Equal([512, 256, 1, 1], state["layer4.0.downsample.0.weight"].Shape);
        Assert.Equal([1000, 512], state["fc.weight"].Shape);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(33)]
    public void Each_stage_halves_the_side(int side)
    {
        var model = new ImageNetResNet(
            new ImageNetResNetOptions { Side = side, Classes = 3, Norm = NormKind.LayerNorm }, new Philox(1));
        var sides = new List<int>();
        foreach (string name in new[] { "conv1", "maxpool", "layer1", "layer2", "layer3", "layer4" })
            model.Children[name].AddForwardHook((_, _, y) => sides.Add(y.Shape[3]));
        Tensor scores = model.Forward(Tensor.RandomNormal([2, 3, side, side], new Philox(2)));
        Assert.Equal([2, 3], scores.Shape);
        int[] expected = new int[6];
        for (int i = 0, s = side; i < 6; i++) expected[i] = s = i == 2 ? s : (s + 1) / 2;
        Assert.Equal(expected, sides);
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        var small = new ImageNetResNetOptions { Side = 32, Classes = 2 };
        Exception images = Assert.Throws<ArgumentException>(
            () => new ImageNetResNet(small).Forward(Tensor.Zeros([1, 3, 32, 48])));
        Assert.StartsWith("ImageNetResNet: expected (N, 3, 32, 32), got (1, 3, 32, 48).", images.Message,
            StringComparison.Ordinal);
        Exception depth = Assert.Throws<ArgumentOutOfRangeException>(
            () => new ImageNetResNet(small with { Depth = 50 }));
        Assert.Contains("expected a depth of 18 or 34, got 50", depth.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageNetResNet(small with { Side = 0 }));
        Assert.Throws<ArgumentException>(() => new ImageNetResNet(small with { Norm = null! }));
    }

    private static int Count(Module model) => model.Parameters().Sum(static parameter => parameter.Value.Count);
}
