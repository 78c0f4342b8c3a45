using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Convnets;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>What the lessons' LeNet with batch norm must show on Fashion-MNIST, over three seeds.</summary>
[Trait("Length", "long")]
public sealed class FashionBatchNormBarTests
{
    [Fact]
    public void Fashion_mnist_with_batch_norm_trains_to_89_percent_and_tests_at_86_with_exact_statistics()
    {
        ExperimentResult[] results = LeNetBars.Fashion(FashionLeNet.BatchNormed);
        double train = results.Average(static result => result.Figures["batchnorm.finalTrainAccuracy"]),
            test = results.Average(static result => result.Figures["batchnorm.recalibratedTestAccuracy"]);
        Assert.True(train >= 0.89, $"training accuracy {train:F4}");
        Assert.True(test >= 0.86, $"recalibrated test accuracy {test:F4}");
    }
}
