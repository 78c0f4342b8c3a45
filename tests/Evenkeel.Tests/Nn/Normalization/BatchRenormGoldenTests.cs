using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>Batch renormalization against its formula in PyTorch, r and d being constants of autograd.</summary>
public sealed class BatchRenormGoldenTests
{
    internal static readonly GoldenFamily Family = new("batch-renorm", one => one.Layer switch
    {
        "BatchRenorm1d" => new BatchRenorm1d(one.Features,
            one.Eps!.Value, one.Momentum, one.Affine, RenormLimits.Constant(one.Limits![0], one.Limits[1])),
        "BatchRenorm2d" => new BatchRenorm2d(one.Features,
            one.Eps!.Value, one.Momentum, one.Affine, RenormLimits.Constant(one.Limits![0], one.Limits[1])),
        _ => new BatchRenorm3d(one.Features,
            one.Eps!.Value, one.Momentum, one.Affine, RenormLimits.Constant(one.Limits![0], one.Limits[1])),
    });

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_the_formula_in_PyTorch(string name) => Family.Check(name);
}
