using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class OptimizerGoldenTests
{
    private static readonly GoldenVectors s_golden = new("optimizers");

    public static TheoryData<string> Names => [.. OptimizerCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Fifty_steps_match_PyTorch(string name)
    {
        s_golden.Compare(name, DType.Float64, OptimizerCases.Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, OptimizerCases.Run(name, DType.Float32));
    }

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, OptimizerCases.All.Keys);
}
