using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>Batch norm against PyTorch: outputs, running statistics, gradients, and what both refuse.</summary>
public sealed class BatchNormGoldenTests
{
    internal static readonly GoldenFamily Family = new("batch-norm", one => one.Layer switch
    {
        "BatchNorm1d" => new BatchNorm1d(one.Features, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
        "BatchNorm2d" => new BatchNorm2d(one.Features, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
        _ => new BatchNorm3d(one.Features, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
    });

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    public static TheoryData<string> Different => Family.Where(one => one.Differs is not null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_as_in_PyTorch(string name) => Family.Check(name);

    [Theory]
    [MemberData(nameof(Different))]
    public void Settings_that_PyTorch_takes_without_a_word_are_refused(string name) =>
        Assert.ThrowsAny<ArgumentException>(() => Family.Passes(Family[name], DType.Float64));
}
