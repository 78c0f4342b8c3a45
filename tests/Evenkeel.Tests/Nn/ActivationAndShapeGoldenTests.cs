using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ActivationAndShapeGoldenTests
{
    private static readonly GoldenVectors s_golden = new("activation-and-shape-layers");

    public static TheoryData<string> Names => [.. ActivationAndShapeCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Output_and_gradients_match_PyTorch(string name)
    {
        s_golden.Compare(name, DType.Float64, ActivationAndShapeCases.Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, ActivationAndShapeCases.Run(name, DType.Float32));
    }

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, ActivationAndShapeCases.All.Keys);
}
