using Evenkeel.Nn;
using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class SchedulerTests
{
    // Learning rates printed by PyTorch 1.13 for an initial rate of 0.3.
    private const double Tolerance = 1e-15;

    [Fact]
    public void StepLR_matches_PyTorch() =>
        Check(static o => new StepLR(o, 3), [0.3, 0.3, 0.3, 0.03, 0.03, 0.03, 0.003, 0.003, 0.003]);

    [Fact]
    public void ExponentialLR_matches_PyTorch() =>
        Check(static o => new ExponentialLR(o, 0.95),
            [0.3, 0.285, 0.27075, 0.25721249999999996, 0.24435187499999994, 0.23213428124999994, 0.22052756718749994]);

    [Fact]
    public void Cosine_with_warmup_matches_PyTorchs_LambdaLR() =>
        Check(static o => new CosineWithWarmup(o, 3, 10),
            [0.0, 0.09999999999999999, 0.19999999999999998, 0.3, 0.28514533018536287, 0.24352347027881002,
                0.18337814009344713, 0.11662185990655284, 0.05647652972118997, 0.014854669814637143, 0.0, 0.0]);

    [Fact]
    public void Cosine_without_warmup_matches_PyTorchs_cosine_annealing() =>
        Check(
            static o => new CosineWithWarmup(o, 0, 8, minimumShare: 0.1), [0.3, 0.28972373688902375, 0.2604594154601839,
                0.21666226336928715, 0.165, 0.11333773663071289, 0.0695405845398161, 0.04027626311097629, 0.03]);

    [Fact]
    public void A_loaded_state_continues()
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

    [Theory]
    [MemberData(nameof(Schedules))]
    public void Making_a_schedule_changes_no_learning_rate(string name)
    {
        Optimizer optimizer = Optimizer();
        optimizer.LearningRate = 0.4;
        Create(name, optimizer);
        Assert.Equal(0.4, optimizer.LearningRate);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void A_schedule_made_after_the_optimizer_was_loaded_goes_on_where_it_stood(string name)
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
    public void The_rate_of_a_loaded_cosine_is_that_of_its_count()
    {
        Optimizer first = Optimizer();
        var saved = new CosineWithWarmup(first, 2, 10);
        for (int i = 0; i < 5; i++) saved.Step();
        Optimizer second = Optimizer();
        var resumed = new CosineWithWarmup(second, 2, 10);
        resumed.LoadStateDict(saved.StateDict());
        // 0.3·(1 + cos(π·3/8)) / 2.
        Assert.Equal(0.2074025148547635, second.LearningRate, Tolerances.Float64Ulps);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void A_rate_set_by_hand_before_the_schedule_is_made_is_its_base(string name)
    {
        Optimizer byHand = new SGD([new Parameter(Tensor.Ones([1]))], 0.1),
            given = new SGD([new Parameter(Tensor.Ones([1]))], 0.4);
        byHand.LearningRate = 0.4;
        LearningRateScheduler one = Create(name, byHand), other = Create(name, given);
        for (int i = 0; i < 7; i++)
        {
            one.Step();
            other.Step();
            Assert.Equal(given.LearningRate, byHand.LearningRate);
        }
    }

    [Fact]
    public void The_optimizers_next_step_takes_the_rate_of_count_zero()
    {
        var parameter = new Parameter(Tensor.Ones([1]));
        var optimizer = new SGD([parameter], 0.25);
        var schedule = new CosineWithWarmup(optimizer, 2, 10);
        var steps = new List<float>();
        for (int t = 0; t < 3; t++)
        {
            float before = parameter.Value.AsSpan<float>()[0];
            OptimizerTests.SetGradient(parameter, static _ => 1);
            optimizer.Step();
            steps.Add(before - parameter.Value.AsSpan<float>()[0]);
            schedule.Step();
        }

        // As torch.optim.lr_scheduler.LambdaLR has it: the warm-up's first step has rate 0.
        Assert.Equal([0, 0.125f, 0.25f], steps);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void A_schedule_that_is_refused_never_acts(string name)
    {
        Optimizer optimizer = Optimizer();
        Assert.Throws<ArgumentOutOfRangeException>(() => name switch
        {
            "step" => new StepLR(optimizer, 0),
            "exponential" => new ExponentialLR(optimizer, -1),
            "cosine" => new CosineWithWarmup(optimizer, 0, 10, 2),
            _ => (LearningRateScheduler)new CosineWithWarmup(optimizer, 5, 5),
        });
        optimizer.Step();
        Assert.Equal(0.3, optimizer.LearningRate);
    }

    [Fact]
    public void A_schedule_saved_before_it_started_is_still_waiting_when_it_is_loaded()
    {
        Optimizer first = Optimizer(), second = Optimizer();
        var saved = new CosineWithWarmup(first, 2, 10);
        var loaded = new CosineWithWarmup(second, 2, 10);
        loaded.Step();
        loaded.LoadStateDict(saved.StateDict());
        Assert.False(loaded.IsStarted);
        second.Step();
        Assert.Equal(0, second.LearningRate);
        loaded.Step();
        saved.Step();
        Assert.Equal(first.LearningRate, second.LearningRate);
    }

    [Theory]
    [InlineData("step", "step_size 2 (here 3), gamma 0.5 (here 0.25)")]
    [InlineData("exponential", "gamma 0.9 (here 0.8)")]
    [InlineData("cosine", "warmup 0 (here 1), minimum_share 0.1 (here 0)")]
    [InlineData("warm-up", "warmup 2 (here 3), total 10 (here 20)")]
    public void A_state_of_other_settings_is_refused_with_the_settings(string name, string differences)
    {
        Optimizer first = Optimizer(), second = Optimizer();
        LearningRateScheduler saved = Create(name, first);
        for (int i = 0; i < 4; i++) saved.Step();
        LearningRateScheduler other = name switch
        {
            "step" => new StepLR(second, 3, 0.25),
            "exponential" => new ExponentialLR(second, 0.8),
            "cosine" => new CosineWithWarmup(second, 1, 10),
            _ => new CosineWithWarmup(second, 3, 20),
        };
        other.Step();
        double rate = second.LearningRate;
        string message = Assert.Throws<ArgumentException>(() => other.LoadStateDict(saved.StateDict())).Message;
        Assert.Contains($"expected a state of the same settings, got {differences}.", message,
            StringComparison.Ordinal);
        Assert.Equal(1, other.Count);
        Assert.Equal(rate, second.LearningRate);
    }

    [Fact]
    public void Groups_keep_rates_and_base_rates_of_their_own()
    {
        static ParameterGroup Group(double? rate) => new([new Parameter(Tensor.Ones([1]))], rate);
        static SGD Make() => new([Group(0.1), Group(0.2)]);
        SGD first = Make(), second = Make();
        first.Groups[1].LearningRate = 0.8;
        var saved = new CosineWithWarmup(first, 4, 10);
        saved.Step();
        Assert.Equal([0.1 * 0.25, 0.8 * 0.25], first.Groups.Select(static group => group.LearningRate));
        first.AddGroup(Group(0.4));
        saved.Step();
        Assert.Equal([0.1 * 0.5, 0.8 * 0.5, 0.4 * 0.5], first.Groups.Select(static group => group.LearningRate));

        var resumed = new CosineWithWarmup(second, 4, 10);
        Assert.Contains("Float64 of shape (2), a rate per group, got Float64 of shape (3)",
            Assert.Throws<ArgumentException>(() => resumed.LoadStateDict(saved.StateDict())).Message,
                StringComparison.Ordinal);
        second.AddGroup(Group(null));
        resumed.LoadStateDict(saved.StateDict());
        saved.Step();
        resumed.Step();
        Assert.Equal(first.Groups.Select(static group => group.LearningRate),
            second.Groups.Select(static group => group.LearningRate));
    }

    [Fact]
    public void A_second_schedule_starts_from_the_rate_given_by_hand_not_from_the_first_ones()
    {
        Optimizer optimizer = Optimizer();
        var first = new CosineWithWarmup(optimizer, 10, 20);
        first.Step();
        var second = new CosineWithWarmup(optimizer, 0, 10, 0.5);
        Assert.Equal(0.3 * 0.1, optimizer.LearningRate);
        second.Start();
        Assert.Equal(0.3, optimizer.LearningRate);
    }

    [Fact]
    public void Two_schedules_are_saved_and_loaded_in_any_order()
    {
        static (Optimizer Optimizer, LearningRateScheduler One, LearningRateScheduler Two) Make()
        {
            Optimizer optimizer = Optimizer();
            return (optimizer, new ExponentialLR(optimizer, 0.9), new StepLR(optimizer, 2, 0.5));
        }

        var (first, one, two) = Make();
        var (second, otherOne, otherTwo) = Make();
        for (int i = 0; i < 3; i++)
        {
            one.Step();
            two.Step();
        }

        otherTwo.LoadStateDict(two.StateDict());
        second.LoadStateDict(first.StateDict());
        otherOne.LoadStateDict(one.StateDict());
        Assert.Equal(first.LearningRate, second.LearningRate);
        for (int i = 0; i < 3; i++)
        {
            one.Step();
            two.Step();
            otherOne.Step();
            otherTwo.Step();
            Assert.Equal(first.LearningRate, second.LearningRate);
        }
    }

    [Fact]
    public void A_rate_changed_by_hand_on_the_way_is_part_of_the_state()
    {
        Optimizer first = Optimizer(), second = Optimizer();
        LearningRateScheduler saved = new StepLR(first, 2, 0.5), resumed = new StepLR(second, 2, 0.5);
        saved.Step();
        first.LearningRate = 0.7;
        resumed.LoadStateDict(saved.StateDict());
        Assert.Equal(0.7, second.LearningRate);
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void A_state_of_an_earlier_version_is_a_count_beside_the_optimizers_rates(string name)
    {
        Optimizer first = Optimizer(), second = Optimizer();
        LearningRateScheduler saved = Create(name, first);
        for (int i = 0; i < 5; i++) saved.Step();
        StateDict optimizerState = Earlier(first.StateDict()), scheduleState = Earlier(saved.StateDict());
        Assert.Single(scheduleState);

        LearningRateScheduler resumed = Create(name, second);
        second.LoadStateDict(optimizerState);
        resumed.LoadStateDict(scheduleState);
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal(first.LearningRate, second.LearningRate);
            second.Step();
            saved.Step();
            resumed.Step();
        }
    }

    [Fact]
    public void Impossible_counts_and_rates_are_refused()
    {
        Optimizer optimizer = Optimizer();
        var schedule = new CosineWithWarmup(optimizer, 2, 10);
        schedule.Step();
        foreach ((string key, double value) in new (string, double)[] { ("count", -1), ("base_rates", -0.1),
            ("base_rates", double.NaN), ("rates", double.PositiveInfinity), })
        {
            StateDict state = schedule.StateDict();
            Tensor tensor = state[$"CosineWithWarmup.{key}"];
            if (key == "count") tensor.AsSpan<long>()[0] = (long)value;
            else tensor.AsSpan<double>()[0] = value;
            Assert.Contains($"'CosineWithWarmup.{key}'",
                Assert.Throws<ArgumentException>(() => schedule.LoadStateDict(state)).Message,
                StringComparison.Ordinal);
        }

        Assert.Equal(0.15, optimizer.LearningRate);
    }

    /// <summary>What versions before settings and rates were part of a state have saved.</summary>
    internal static StateDict Earlier(StateDict state)
    {
        foreach (string key in state.Keys.ToArray())
        {
            if (key.Contains(".setting.", StringComparison.Ordinal)
                || key.EndsWith("rates", StringComparison.Ordinal)) state.Remove(key);
        }

        return state;
    }

    public static TheoryData<string> GoldenCases => [.. ScheduleCases.All.Keys];

    [Theory]
    [MemberData(nameof(GoldenCases))]
    public void A_state_loaded_in_the_middle_continues_with_the_same_bits(string name)
    {
        Optimizer whole = ScheduleCases.Make(ScheduleCases.IsAdam(name)),
            rest = ScheduleCases.Make(ScheduleCases.IsAdam(name));
        LearningRateScheduler straight = ScheduleCases.All[name](whole), resumed = ScheduleCases.All[name](rest);
        for (int t = 0; t < 25; t++) ScheduleCases.Step(straight, name, t);
        rest.LoadStateDict(whole.StateDict());
        resumed.LoadStateDict(straight.StateDict());
        for (int t = 25; t < ScheduleCases.Steps; t++)
        {
            Assert.Equal(RatesOf(whole), RatesOf(rest));
            ScheduleCases.Step(straight, name, t);
            ScheduleCases.Step(resumed, name, t);
        }

        Assert.Equal(RatesOf(whole), RatesOf(rest));
    }

    [Theory]
    [MemberData(nameof(GoldenCases))]
    public void A_state_alone_brings_the_rates_and_the_momentum(string name)
    {
        Optimizer first = ScheduleCases.Make(ScheduleCases.IsAdam(name)),
            second = ScheduleCases.Make(ScheduleCases.IsAdam(name));
        LearningRateScheduler saved = ScheduleCases.All[name](first), loaded = ScheduleCases.All[name](second);
        for (int t = 0; t < 17; t++) ScheduleCases.Step(saved, name, t);
        loaded.LoadStateDict(saved.StateDict());
        Assert.Equal(RatesOf(first), RatesOf(second));
    }

    [Theory]
    [MemberData(nameof(GoldenCases))]
    public void Making_any_schedule_changes_neither_rate_nor_momentum(string name)
    {
        Optimizer optimizer = ScheduleCases.Make(ScheduleCases.IsAdam(name));
        double[] before = RatesOf(optimizer);
        ScheduleCases.All[name](optimizer);
        Assert.Equal(before, RatesOf(optimizer));
    }

    [Fact]
    public void A_cycle_of_Adam_cycles_beta1_as_that_of_SGD_its_momentum()
    {
        Optimizer adam = ScheduleCases.Make(isAdam: true), sgd = ScheduleCases.Make(isAdam: false);
        LearningRateScheduler one = new CyclicLR(adam, 0.02, 0.4, 6), other = new CyclicLR(sgd, 0.02, 0.4, 6);
        for (int t = 0; t < 20; t++)
        {
            one.Step();
            other.Step();
            Assert.Equal(RatesOf(sgd), RatesOf(adam));
        }

        Assert.NotEqual(0.9, adam.Groups[0].Momentum);
    }

    [Fact]
    public void After_its_last_step_a_cycle_keeps_its_smallest_rate()
    {
        Optimizer optimizer = ScheduleCases.Make(isAdam: false);
        var schedule = new OneCycleLR(optimizer, 0.4, 10, annealStrategy: AnnealStrategy.Linear);
        for (int t = 0; t < 30; t++) schedule.Step();
        Assert.Equal(0.4 / 25 / 1e4, optimizer.LearningRate, Tolerance);
        Assert.Equal(0.95, optimizer.Groups[0].Momentum, Tolerance);
    }

    [Fact]
    public void The_parts_of_a_sequence_do_not_act_by_themselves()
    {
        Optimizer optimizer = Optimizer();
        LearningRateScheduler[] parts = [new ConstantLR(optimizer, 0.1, 20), new ExponentialLR(optimizer, 0.5)];
        var schedule = new SequentialLR(optimizer, parts, [2]);
        optimizer.Step();
        Assert.Equal(0.3 * 0.1, optimizer.LearningRate);
        schedule.Step();
        schedule.Step();
        Assert.Equal(0.3, optimizer.LearningRate);
        schedule.Step();
        Assert.Equal(0.15, optimizer.LearningRate);
        Assert.All(parts, static part => Assert.Equal((0L, false), (part.Count, part.IsStarted)));
    }

    [Fact]
    public void A_value_that_is_no_number_is_no_better_value()
    {
        Optimizer optimizer = Optimizer();
        var schedule = new ReduceLROnPlateau(optimizer, factor: 0.5, patience: 1);
        schedule.Step(1);
        schedule.Step(double.NaN);
        Assert.Equal((0.3, 1), (optimizer.LearningRate, schedule.Best));
        schedule.Step(double.NaN);
        Assert.Equal(0.15, optimizer.LearningRate);
    }

    [Fact]
    public void A_schedule_of_the_monitored_value_refuses_a_step_without_it()
    {
        var schedule = new ReduceLROnPlateau(Optimizer());
        Assert.Equal("ReduceLROnPlateau: expected the monitored value, got none. Call Step(value) instead of Step().",
            Assert.Throws<InvalidOperationException>(schedule.Step).Message);
        Assert.Equal(0, schedule.Count);
    }

    [Theory]
    [InlineData("best", double.NaN, "expected a number as 'best', got NaN")]
    [InlineData("num_bad_epochs", -1, "expected counts of 0 or more as 'num_bad_epochs' and 'cooldown_counter', got -1 "
        + "and 0")]
    [InlineData("cooldown_counter", double.NaN, "expected counts of 0 or more as 'num_bad_epochs' and "
        + "'cooldown_counter', got 1 and NaN")]
    public void A_damaged_memory_of_values_is_refused(string key, double value, string message)
    {
        Optimizer optimizer = Optimizer();
        var schedule = new ReduceLROnPlateau(optimizer);
        schedule.Step(1);
        schedule.Step(2);
        StateDict state = schedule.StateDict();
        state[$"ReduceLROnPlateau.{key}"].AsSpan<double>()[0] = value;
        Assert.StartsWith($"ReduceLROnPlateau: {message}.",
            Assert.Throws<ArgumentException>(() => schedule.LoadStateDict(state)).Message, StringComparison.Ordinal);
        state.Remove($"ReduceLROnPlateau.{key}");
        Assert.StartsWith(
            $"ReduceLROnPlateau: expected one number of Float64 under 'ReduceLROnPlateau.{key}', got none.",
            Assert.Throws<ArgumentException>(() => schedule.LoadStateDict(state)).Message, StringComparison.Ordinal);
        Assert.Equal(1, schedule.Best);
    }

    [Fact]
    public void A_function_that_gives_no_rate_is_refused_at_its_count()
    {
        Optimizer optimizer = Optimizer();
        var schedule = new LambdaLR(optimizer, static t => 1 - t);
        schedule.Step();
        Assert.Equal("LambdaLR: expected a factor of 0 or more and finite at count 2, got -1.",
            Assert.Throws<InvalidOperationException>(schedule.Step).Message);
        Assert.Equal(0, optimizer.LearningRate);
    }

    [Theory]
    [InlineData("StepLR: expected stepSize of 1 or more, got 0.")]
    [InlineData("ExponentialLR: expected gamma to be 0 or more and finite, got -1.")]
    [InlineData("CosineWithWarmup: expected 0 <= warmup < total, got warmup 5 and total 5.")]
    [InlineData("CosineWithWarmup: expected minimumShare from 0 to 1, got 2.")]
    [InlineData("MultiStepLR: expected milestones of 1 or more, got 0.")]
    [InlineData("ConstantLR: expected factor above 0 and up to 1, got 0.")]
    [InlineData("ConstantLR: expected totalIters of 1 or more, got 0.")]
    [InlineData("LinearLR: expected startFactor above 0 and up to 1, got 1.5.")]
    [InlineData("LinearLR: expected endFactor from 0 to 1, got -0.1.")]
    [InlineData("PolynomialLR: expected power to be above 0 and finite, got 0.")]
    [InlineData("CosineAnnealingLR: expected tMax of 1 or more, got 0.")]
    [InlineData("CosineAnnealingLR: expected etaMin to be 0 or more and finite, got NaN.")]
    [InlineData("CosineAnnealingWarmRestarts: expected tMult of 1 or more, got 0.")]
    [InlineData("LambdaLR: expected 1 functions, one per group, got 2.")]
    [InlineData("ReduceLROnPlateau: expected factor from 0 to below 1, got 1.")]
    [InlineData("ReduceLROnPlateau: expected patience of 0 or more, got -1.")]
    [InlineData("ReduceLROnPlateau: expected threshold from 0 to below 1, got 1.")]
    [InlineData("ReduceLROnPlateau: expected mode Min or Max, got 7.")]
    [InlineData("OneCycleLR: expected maxLearningRate to be above 0 and finite, got 0.")]
    [InlineData("OneCycleLR: expected maxLearningRates of 1 values, one per group, got 2.")]
    [InlineData("OneCycleLR: expected totalSteps of 1 or more, got 0.")]
    [InlineData("OneCycleLR: expected pctStart from 0 to 1, got 1.5.")]
    [InlineData("OneCycleLR: expected maxMomentum from 0 to below 1, got 1.")]
    [InlineData("OneCycleLR: expected divFactor to be above 0 and finite, got 0.")]
    [InlineData("OneCycleLR: expected an optimizer with momentum, got SGD without. Make it with a momentum above 0, or "
        + "pass cycleMomentum: false.")]
    [InlineData("CyclicLR: expected an optimizer with momentum, got SGD without.")]
    [InlineData("CyclicLR: expected stepSizeUp of 1 or more, got 0.")]
    [InlineData("CyclicLR: expected gamma from 0 to 1, got 2.")]
    [InlineData("SequentialLR: expected 1 milestones for 2 schedules, got 0.")]
    [InlineData("SequentialLR: expected rising milestones from 1 on, got 5, 5.")]
    [InlineData("SequentialLR: expected schedules of the same optimizer, got StepLR of another one at 0.")]
    [InlineData("SequentialLR: expected schedules that step without a value, got ReduceLROnPlateau at 0.")]
    [InlineData("SequentialLR: expected schedules that have not started, got StepLR that has at 0.")]
    public void An_argument_out_of_range_is_refused_with_its_range(string message)
    {
        Optimizer o = Optimizer(), other = Optimizer(), heavy = ScheduleCases.Make(isAdam: false);
        StepLR Part(Optimizer optimizer) => new(optimizer, 1);
        var started = Part(o);
        started.Step();
        Func<object>[] bad =
        [
            () => new StepLR(o, 0), () => new ExponentialLR(o, -1), () => new CosineWithWarmup(o, 5, 5),
            () => new CosineWithWarmup(o, 0, 5, 2), () => new MultiStepLR(o, [3, 0]), () => new ConstantLR(o, 0),
            () => new ConstantLR(o, totalIters: 0), () => new LinearLR(o, 1.5), () => new LinearLR(o, 1, -0.1),
            () => new PolynomialLR(o, power: 0), () => new CosineAnnealingLR(o, 0),
            () => new CosineAnnealingLR(o, 5, double.NaN), () => new CosineAnnealingWarmRestarts(o, 5, 0),
            () => new LambdaLR(o, [static _ => 1, static _ => 1]), () => new ReduceLROnPlateau(o, factor: 1),
            () => new ReduceLROnPlateau(o, patience: -1), () => new ReduceLROnPlateau(o, threshold: 1),
            () => new ReduceLROnPlateau(o, (PlateauMode)7), () => new OneCycleLR(heavy, 0, 10),
            () => new OneCycleLR(o, [0.1, 0.2], 10, cycleMomentum: false), () => new OneCycleLR(heavy, 0.1, 0),
            () => new OneCycleLR(heavy, 0.1, 10, 1.5), () => new OneCycleLR(heavy, 0.1, 10, maxMomentum: 1),
            () => new OneCycleLR(heavy, 0.1, 10, divFactor: 0), () => new OneCycleLR(o, 0.1, 10),
            () => new CyclicLR(o, 0.1, 0.2), () => new CyclicLR(heavy, 0.1, 0.2, 0),
            () => new CyclicLR(heavy, 0.1, 0.2, gamma: 2), () => new SequentialLR(o, [Part(o), Part(o)], []),
            () => new SequentialLR(o, [Part(o), Part(o), Part(o)], [5, 5]),
            () => new SequentialLR(o, [Part(other)], []), () => new SequentialLR(o, [new ReduceLROnPlateau(o)], []),
            () => new SequentialLR(o, [started], []),
        ];
        Assert.Single(bad, one => Assert.ThrowsAny<ArgumentException>(one).Message
            .StartsWith(message, StringComparison.Ordinal));
    }

    private static double[] RatesOf(Optimizer optimizer) =>
        [.. optimizer.Groups.SelectMany(static group => new[] { group.LearningRate, group.Momentum })];

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


    [Fact]
    public void A_rate_that_is_refused_does_not_keep_the_optimizer_waiting()
    {
        var parameter = new Parameter(Tensor.Ones([1]));
        var optimizer = new SGD([parameter], learningRate: 100);
        var schedule = new ExponentialLR(optimizer, 1e308);
        Assert.ThrowsAny<ArgumentException>(schedule.Step);
        optimizer.Step();
        Assert.Equal(100, optimizer.LearningRate);
    }
}
