using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>Ghost batch norm against PyTorch's batch norm on one virtual batch after another.</summary>
public sealed class GhostBatchNormGoldenTests
{
    internal static readonly GoldenFamily Family = new("ghost-batch-norm", one => one.Layer switch
    {
        "GhostBatchNorm1d" =>
            new GhostBatchNorm1d(one.Features, one.Virtual, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
        "GhostBatchNorm2d" =>
            new GhostBatchNorm2d(one.Features, one.Virtual, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
        _ => new GhostBatchNorm3d(one.Features, one.Virtual, one.Eps!.Value, one.Momentum, one.Affine, one.Track),
    });

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_batch_norm_of_each_virtual_batch(string name) => Family.Check(name);
}
