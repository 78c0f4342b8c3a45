using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Losses;

public sealed class LossGoldenTests
{
    private static readonly GoldenVectors s_golden = new("losses");

    public static TheoryData<string> Names => [.. LossCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Value_gradient_and_fifty_steps_match_PyTorch(string name)
    {
        s_golden.Compare(name, DType.Float64, LossCases.Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, LossCases.Run(name, DType.Float32));
    }

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, LossCases.All.Keys);
}
