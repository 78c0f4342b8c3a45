using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// PyTorch's synchronized batch norm refuses a CPU; what it computes is batch norm of all members' samples, so the
/// golden values are batch norm's.
/// </summary>
public sealed class SyncBatchNormGoldenTests
{
    [Fact]
    public void Without_a_group_it_is_batch_norm_as_in_PyTorch()
    {
        var family = new GoldenFamily(
            "batch-norm", one => new SyncBatchNorm(one.Features, one.Eps!.Value, one.Momentum, one.Affine, one.Track));
        foreach (GoldenCase one in family.Cases.Where(one => one.Raises is null && one.Differs is null))
            family.Check(one.Name);
    }
}
