using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Instance norm against PyTorch, batched and not: outputs, running statistics, gradients, and what both refuse.
/// </summary>
public sealed class InstanceNormGoldenTests
{
    internal static readonly GoldenFamily Family = new("instance-norm", one => one.Layer switch
    {
        "InstanceNorm1d" =>
            new InstanceNorm1d(one.Features, one.Eps!.Value, one.Momentum!.Value, one.Affine, one.Track),
        "InstanceNorm2d" =>
            new InstanceNorm2d(one.Features, one.Eps!.Value, one.Momentum!.Value, one.Affine, one.Track),
        _ => new InstanceNorm3d(one.Features, one.Eps!.Value, one.Momentum!.Value, one.Affine, one.Track),
    });

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_as_in_PyTorch(string name) => Family.Check(name);
}
