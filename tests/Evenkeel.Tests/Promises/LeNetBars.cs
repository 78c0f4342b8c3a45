using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Tests.Lab;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// The trainings whose results the lessons' LeNets are held to. Each test of them takes minutes and has a class of its
/// own.
/// </summary>
internal static class LeNetBars
{
    private static readonly long[] s_seeds = [0, 1, 2];

    /// <summary>Fashion-MNIST, ten epochs, a result per seed.</summary>
    public static ExperimentResult[] Fashion(string variant)
    {
        LabData data = LabData.Find(RealData.Require("fashion-mnist"));
        return [.. s_seeds.Select(seed => FashionLeNet.Measure(Context(data, seed, epochs: 10), variant))];
    }

    public static ExperimentContext Context(LabData data, long seed, int epochs) => new(
        new ExperimentSettings(seed, 2, DType.Float32, epochs, Quick: false), data, new Silence(),
        CancellationToken.None);
}
