using Evenkeel.Nn;
using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class SchedulerTests
{
    // Learning rates printed by PyTorch 1.13 for an initial rate of 0.3.
    private const double Tolerance = 1e-15;

    [Fact]
    public void StepLRMatchesPyTorch() =>
        Check(static o => new StepLR(o, 3), [0.3, 0.3, 0.3, 0.03, 0.03, 0.03, 0.003, 0.003, 0.003]);

    [Fact]
    public void ExponentialLRMatchesPyTorch() =>
        Check(static o => new ExponentialLR(o, 0.95), [0.3, 0.285, 0.27075, 0.25721249999999996, 0.24435187499999994, 0.23213428124999994, 0.22052756718749994]);

    [Fact]
    public void CosineWithWarmupMatchesPyTorchsLambdaLR() =>
        Check(static o => new CosineWithWarmup(o, 3, 10),
            [0.0, 0.09999999999999999, 0.19999999999999998, 0.3, 0.28514533018536287, 0.24352347027881002, 0.18337814009344713, 0.11662185990655284, 0.05647652972118997, 0.014854669814637143, 0.0, 0.0]);

    [Fact]
    public void CosineWithoutWarmupMatchesPyTorchsCosineAnnealing() =>
        Check(static o => new CosineWithWarmup(o, 0, 8, minimumShare: 0.1),
            [0.3, 0.28972373688902375, 0.2604594154601839, 0.21666226336928715, 0.165, 0.11333773663071289, 0.0695405845398161, 0.04027626311097629, 0.03]);

    [Fact]
    public void ALoadedStateContinues()
    {
        Optimizer whole = Optimizer(), first = Optimizer(), second = Optimizer();
        LearningRateScheduler straight = new StepLR(whole, 2, 0.5), saved = new StepLR(first, 2, 0.5);
        for (int i = 0; i < 7; i++) straight.Step();
        for (int i = 0; i < 3; i++) saved.Step();
        var resumed = new StepLR(second, 2, 0.5);
        second.LoadStateDict(first.StateDict());
        resumed.LoadStateDict(saved.StateDict());
        for (int i = 3; i < 7; i++) resumed.Step();
        Assert.Equal(whole.LearningRate, second.LearningRate);
        Assert.Throws<ArgumentException>(() => new ExponentialLR(second, 0.5).LoadStateDict(saved.StateDict()));
    }

    [Fact]
    public void ArgumentsOutOfRangeAreRefused()
    {
        Optimizer optimizer = Optimizer();
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepLR(optimizer, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ExponentialLR(optimizer, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineWithWarmup(optimizer, 5, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineWithWarmup(optimizer, 0, 5, 2));
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void MakingAScheduleChangesNoLearningRate(string name)
    {
        Optimizer optimizer = Optimizer();
        optimizer.LearningRate = 0.4;
        Create(name, optimizer);
        Assert.Equal(0.4, optimizer.LearningRate);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void AScheduleMadeAfterTheOptimizerWasLoadedGoesOnWhereItStood(string name)
    {
        Optimizer first = Optimizer();
        LearningRateScheduler saved = Create(name, first);
        for (int i = 0; i < 5; i++) saved.Step();
        double rate = first.LearningRate;
        StateDict optimizerState = first.StateDict(), scheduleState = saved.StateDict();

        Optimizer second = Optimizer();
        second.LoadStateDict(optimizerState);
        LearningRateScheduler resumed = Create(name, second);
        Assert.Equal(rate, second.LearningRate);
        resumed.LoadStateDict(scheduleState);
        Assert.Equal(rate, second.LearningRate);
        for (int i = 0; i < 7; i++)
        {
            saved.Step();
            resumed.Step();
            Assert.Equal(first.LearningRate, second.LearningRate);
        }
    }

    [Fact]
    public void TheRateOfALoadedCosineIsThatOfItsCount()
    {
        Optimizer first = Optimizer();
        var saved = new CosineWithWarmup(first, 2, 10);
        for (int i = 0; i < 5; i++) saved.Step();
        Optimizer second = Optimizer();
        var resumed = new CosineWithWarmup(second, 2, 10);
        resumed.LoadStateDict(saved.StateDict());
        // 0.3·(1 + cos(π·3/8)) / 2.
        Assert.Equal(0.2074025148547635, second.LearningRate, 1e-15);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void ARateSetByHandBeforeTheScheduleIsMadeIsItsBase(string name)
    {
        Optimizer byHand = new SGD([new Parameter(Tensor.Ones([1]))], 0.1), given = new SGD([new Parameter(Tensor.Ones([1]))], 0.4);
        byHand.LearningRate = 0.4;
        LearningRateScheduler one = Create(name, byHand), other = Create(name, given);
        for (int i = 0; i < 7; i++)
        {
            one.Step();
            other.Step();
            Assert.Equal(given.LearningRate, byHand.LearningRate);
        }
    }

    private static LearningRateScheduler Create(string name, Optimizer optimizer) => name switch
    {
        "step" => new StepLR(optimizer, 2, 0.5),
        "exponential" => new ExponentialLR(optimizer, 0.9),
        "cosine" => new CosineWithWarmup(optimizer, 0, 10, 0.1),
        _ => new CosineWithWarmup(optimizer, 2, 10),
    };

    public static TheoryData<string> Schedules => ["step", "exponential", "cosine", "warm-up"];

    private static SGD Optimizer() => new([new Parameter(Tensor.Ones([1]))], 0.3);

    private static void Check(Func<Optimizer, LearningRateScheduler> create, double[] expected)
    {
        Optimizer optimizer = Optimizer();
        LearningRateScheduler scheduler = create(optimizer);
        scheduler.Start();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], optimizer.LearningRate, Tolerance);
            scheduler.Step();
        }
    }
}
