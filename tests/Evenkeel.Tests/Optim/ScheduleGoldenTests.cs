using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class ScheduleGoldenTests
{
    private static readonly GoldenVectors s_golden = new("schedules");

    public static TheoryData<string> Names => [.. ScheduleCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Fifty_steps_match_PyTorch(string name) =>
        s_golden.Compare(name, DType.Float64, ScheduleCases.Run(name));

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, ScheduleCases.All.Keys);
}
