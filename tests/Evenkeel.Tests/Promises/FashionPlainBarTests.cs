using Evenkeel.Lab.Experiments.Convnets;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>What the lessons' LeNet without a norm must show on Fashion-MNIST, over three seeds.</summary>
[Trait("Length", "long")]
public sealed class FashionPlainBarTests
{
    [Fact]
    public void Fashion_mnist_without_norm_trains_to_78_percent()
    {
        double train = LeNetBars.Fashion(FashionLeNet.None).Average(
            static result => result.Figures["none.finalTrainAccuracy"]);
        Assert.True(train >= 0.78, $"training accuracy {train:F4}");
    }
}
