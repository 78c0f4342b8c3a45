using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn;

/// <summary>Each option of each pooling against PyTorch.</summary>
public sealed class PoolingGoldenTests
{
    private static readonly GoldenVectors s_golden = new("poolings");

    public static TheoryData<string> Names => [.. PoolingCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_and_gradients_are_PyTorchs(string name)
    {
        s_golden.Compare(name, DType.Float64, PoolingCases.Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, PoolingCases.Run(name, DType.Float32));
    }

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, PoolingCases.All.Keys);
}
