using System.Runtime.InteropServices;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class OptimizerTests
{
    /// <summary>Rounding of some steps in Float32, against the same ones in Float64.</summary>
    private const double SingleTolerance = 2e-6;

    /// <summary>Rounding of some steps in Float64.</summary>
    private const double DoubleTolerance = 1e-12;

    private const int Count = 19;

    public static TheoryData<string> Cases => [.. OptimizerCases.All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_state_loaded_in_the_middle_continues_with_the_same_bits(string name)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Parameter straight = Weights(dtype), first = Weights(dtype);
            Optimizer whole = OptimizerCases.All[name]([straight]), saved = OptimizerCases.All[name]([first]);
            for (int t = 0; t < 50; t++) Step(whole, straight, t);
            for (int t = 0; t < 25; t++) Step(saved, first, t);

            var second = new Parameter(first.Value.Clone());
            Optimizer resumed = OptimizerCases.All[name]([second]);
            resumed.LearningRate = 123;
            resumed.LoadStateDict(saved.StateDict());
            for (int t = 25; t < 50; t++) Step(resumed, second, t);
            Assert.Equal(BitsOf(straight.Value), BitsOf(second.Value));
        }
    }

    public static TheoryData<string> Maximizing =>
        [.. OptimizerCases.All.Keys.Where(static name => name.EndsWith("maximize", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Maximizing))]
    public void Maximizing_is_minimizing_with_the_negative_gradient(string name)
    {
        Parameter up = Weights(DType.Float32), down = Weights(DType.Float32);
        Optimizer maximizing = OptimizerCases.All[name]([up]), minimizing = name switch
        {
            "sgd maximize" => new SGD([down], 0.1, momentum: 0.9, weightDecay: 0.05),
            "rmsprop maximize" => new RMSprop([down], 0.01, weightDecay: 0.05),
            "adam maximize" => new Adam([down], 0.02, weightDecay: 0.05),
            "adamw maximize" => new AdamW([down], 0.02),
            "nadam maximize" => new NAdam([down], 0.02, weightDecay: 0.05),
            "radam maximize" => new RAdam([down], 0.02, weightDecay: 0.05),
            _ => new Adagrad([down], 0.1, weightDecay: 0.05),
        };
        for (int t = 0; t < 8; t++)
        {
            Step(maximizing, up, t);
            SetGradient(down, i => -Gradient(i, t));
            minimizing.Step();
        }

        Assert.Equal(BitsOf(down.Value), BitsOf(up.Value));
    }

    [Fact]
    public void The_velocity_form_is_CS231ns_and_differs_only_when_the_learning_rate_changes()
    {
        Parameter a = Weights(DType.Float64), b = Weights(DType.Float64);
        double[] w = a.Value.ToArray<double>(), v = new double[Count];
        SGD notebook = SGD.Cs231n([a], learningRate: 0.1), torch = new([b], 0.1, momentum: 0.9);
        for (int t = 0; t < 6; t++)
        {
            if (t == 4)
            {
                for (int i = 0; i < Count; i++)
                    Assert.Equal(b.Value.AsSpan<double>()[i], a.Value.AsSpan<double>()[i], DoubleTolerance);
                notebook.LearningRate = torch.LearningRate = 0.05;
            }

            Step(notebook, a, t);
            Step(torch, b, t);
            double rate = t < 4 ? 0.1 : 0.05;
            for (int i = 0; i < Count; i++)
            {
                v[i] = 0.9 * v[i] - rate * Gradient(i, t);
                w[i] += v[i];
                Assert.Equal(w[i], a.Value.AsSpan<double>()[i], DoubleTolerance);
            }
        }

        Assert.NotEqual(a.Value.AsSpan<double>()[0], b.Value.AsSpan<double>()[0], 1e-3);
    }

    [Fact]
    public void Every_length_updates_every_element_and_no_other()
    {
        foreach (int length in Enumerable.Range(0, 258).Concat([16383, 16384, 16385, 50001]))
        {
            Parameter one = new(Tensor.Full([length], 2)), other = new(Tensor.Full([3], 2));
            var optimizer = new SGD([other, one], learningRate: 0.5, momentum: 0.5);
            SetGradient(one, static _ => 1);
            SetGradient(other, static _ => 2);
            optimizer.Step();
            optimizer.Step();
            Assert.All(one.Value.ToArray<float>(), static x => Assert.Equal(0.75f, x));
            Assert.All(other.Value.ToArray<float>(), static x => Assert.Equal(-0.5f, x));
        }
    }

    [Fact]
    public void A_partial_pack_leaves_its_neighbours_alone()
    {
        for (int length = 1; length < 32; length++)
        {
            var parameter = new Parameter(Tensor.Full([length], 1));
            SetGradient(parameter, static _ => 1);
            // The tensor's memory is rounded up to whole packs; what lies behind the last element must stay.
            unsafe
            {
                float* p = parameter.Value.Pointer<float>();
                int padded = (length + 15) & ~15;
                for (int i = length; i < padded; i++) p[i] = 77;
                new SGD([parameter], 1).Step();
                for (int i = length; i < padded; i++) Assert.Equal(77, p[i]);
                GC.KeepAlive(parameter);
            }
        }
    }

    [Fact]
    public void A_parameter_without_a_gradient_is_skipped_and_its_step_is_not_counted()
    {
        Parameter late = Weights(DType.Float64), reference = Weights(DType.Float64), always = Weights(DType.Float64);
        var optimizer = new Adam([late, always]);
        double[] before = late.Value.ToArray<double>();
        Step(optimizer, always, 0);
        Step(optimizer, always, 1);
        Assert.Equal(before, late.Value.ToArray<double>());

        SetGradient(late, static i => Gradient(i, 2));
        optimizer.Step();
        Step(new Adam([reference]), reference, 2);
        Assert.Equal(reference.Value.ToArray<double>(), late.Value.ToArray<double>());
    }

    [Fact]
    public void Tied_weights_step_once()
    {
        Parameter parameter = Weights(DType.Float32), reference = Weights(DType.Float32);
        Step(new SGD([parameter, parameter], 0.1), parameter, 0);
        Step(new SGD([reference], 0.1), reference, 0);
        Assert.Equal(reference.Value.ToArray<float>(), parameter.Value.ToArray<float>());
    }

    public static TheoryData<string> Optimizers => ["SGD", "RMSprop", "Adam", "AdamW", "NAdam", "RAdam", "Adagrad"];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Weight_decay_leaves_norms_and_biases_alone_by_their_role(string name)
    {
        // A weight of one dimension and a scale of two: the role decides, not the rank.
        Parameter weight = new(Tensor.Ones([4]), "weight", ParameterRole.Weight),
            bias = new(Tensor.Ones([2]), "bias"),
            scale = new(Tensor.Ones([2, 2]), "weight", ParameterRole.NormScale);
        Parameter[] all = [weight, bias, scale];
        Optimizer optimizer = name switch
        {
            "SGD" => new SGD(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            "RMSprop" => new RMSprop(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            "Adam" => new Adam(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            "AdamW" => new AdamW(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            "NAdam" => new NAdam(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            "RAdam" => new RAdam(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
            _ => new Adagrad(all, 0.5, weightDecay: 0.5, decayNormAndBias: false),
        };
        foreach (Parameter parameter in all) SetGradient(parameter, static _ => 0);
        optimizer.Step();
        Assert.All(weight.Value.ToArray<float>(), static value => Assert.True(value < 1));
        Assert.Equal([1f, 1f], bias.Value.ToArray<float>());
        Assert.Equal([1f, 1f, 1f, 1f], scale.Value.ToArray<float>());
        Assert.Equal([0.5, 0.0], optimizer.Groups.Select(static g => g.WeightDecay));
    }

    [Fact]
    public void Groups_keep_their_own_values_and_take_the_others_from_the_optimizer()
    {
        Parameter a = new(Tensor.Ones([2])), b = new(Tensor.Ones([2]));
        ParameterGroup[] groups = [new([a], learningRate: 0.25), new([b], weightDecay: 0.5)];
        var optimizer = new SGD(groups, learningRate: 1, weightDecay: 0.125);
        Assert.Equal([0.25, 1.0], optimizer.Groups.Select(static g => g.LearningRate));
        Assert.Equal([0.125, 0.5], optimizer.Groups.Select(static g => g.WeightDecay));
        Assert.Throws<ArgumentException>(() => optimizer.AddGroup(new ParameterGroup([a])));
    }

    [Fact]
    public void A_model_converted_after_some_steps_continues()
    {
        Parameter parameter = Weights(DType.Float32), reference = Weights(DType.Float64);
        Adam optimizer = new([parameter]), other = new([reference]);
        for (int t = 0; t < 3; t++)
        {
            Step(optimizer, parameter, t);
            Step(other, reference, t);
        }

        parameter.To(DType.Float64);
        Step(optimizer, parameter, 3);
        Step(other, reference, 3);
        for (int i = 0; i < Count; i++)
            Assert.Equal(reference.Value.AsSpan<double>()[i], parameter.Value.AsSpan<double>()[i], SingleTolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_bits_are_the_same_for_any_number_of_threads(string name)
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        byte[]? expected = null;
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            Parameter a = new(Tensor.Ones([301, 133])), b = new(Tensor.Ones([57]));
            Optimizer optimizer = OptimizerCases.All[name]([a, b]);
            for (int t = 0; t < 7; t++)
            {
                SetGradient(a, i => Gradient(i, t));
                SetGradient(b, i => Gradient(i, t));
                GradientClipping.Norm([a, b], 0.5);
                optimizer.Step();
            }

            byte[] actual = [.. BitsOf(a.Value), .. BitsOf(b.Value)];
            Assert.Equal(expected ??= actual, actual);
        }
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        Parameter a = new(Tensor.Ones([300, 300])), b = new(Tensor.Ones([300]));
        SetGradient(a, static i => i);
        SetGradient(b, static i => i);
        Optimizer[] optimizers =
        [
            new SGD([a, b], momentum: 0.9), new Adam([a, b]), new AdamW([a, b]) { AmsGrad = true }, new RMSprop([a, b]),
            new NAdam([a, b]), new RAdam([a, b]), new Adagrad([a, b]),
        ];
        foreach (Optimizer optimizer in optimizers)
        {
            optimizer.Step();
            Assert.Equal(0, Allocations.Of(optimizer.Step));
        }
    }

    [Theory]
    [InlineData("SGD: expected at least one parameter, got none.")]
    [InlineData("SGD: expected learningRate to be 0 or more and finite, got -1.")]
    [InlineData("SGD: expected momentum above 0 and dampening 0 for nesterov, got momentum 0 and dampening 0.")]
    [InlineData("SGD: expected a finite dampening, got NaN.")]
    [InlineData("Adam: expected learningRate to be 0 or more and finite, got NaN.")]
    [InlineData("Adam: expected beta1 from 0 to below 1, got 1.")]
    [InlineData("RMSprop: expected eps to be 0 or more and finite, got -1.")]
    [InlineData("NAdam: expected beta2 from 0 to below 1, got -0.1.")]
    [InlineData("NAdam: expected MomentumDecay to be 0 or more and finite, got -1.")]
    [InlineData("RAdam: expected weightDecay to be 0 or more and finite, got Infinity.")]
    [InlineData("Adagrad: expected eps to be 0 or more and finite, got NaN.")]
    [InlineData("Adagrad: expected LearningRateDecay to be 0 or more and finite, got -0.5.")]
    [InlineData("Adagrad: expected InitialAccumulatorValue to be 0 or more and finite, got Infinity.")]
    [InlineData("ParameterGroup: expected parameters, got null among them.")]
    public void An_argument_out_of_range_is_refused_with_its_range(string message)
    {
        Parameter[] p = [Weights(DType.Float32)];
        Func<object>[] bad =
        [
            static () => new SGD(Array.Empty<Parameter>()), () => new SGD(p, -1), () => new SGD(p, nesterov: true),
            () => new SGD(p, dampening: double.NaN), () => new Adam(p, double.NaN), () => new Adam(p, beta1: 1),
            () => new RMSprop(p, eps: -1), () => new NAdam(p, beta2: -0.1), () => new NAdam(p) { MomentumDecay = -1 },
            () => new RAdam(p, weightDecay: double.PositiveInfinity), () => new Adagrad(p, eps: double.NaN),
            () => new Adagrad(p) { LearningRateDecay = -0.5 },
            () => new Adagrad(p) { InitialAccumulatorValue = double.PositiveInfinity },
            static () => new ParameterGroup([null!]),
        ];
        Assert.Single(bad, one => Assert.ThrowsAny<ArgumentException>(one).Message
            .StartsWith(message, StringComparison.Ordinal));
    }

    [Fact]
    public void States_that_do_not_fit_are_refused()
    {
        Parameter parameter = Weights(DType.Float32);
        var adam = new Adam([parameter]);
        var other = new Adam([new Parameter(Tensor.Ones([4]))]);
        Exception wrongShape = Assert.Throws<ArgumentException>(() => adam.LoadStateDict(other.StateDict()));
        Assert.StartsWith("Adam: expected 'Adam.0.exp_avg' to be Float32 of shape (19), got Float32 of shape (4)",
            wrongShape.Message, StringComparison.Ordinal);
        Exception wrongKind = Assert.Throws<ArgumentException>(
            () => new AdamW([parameter]).LoadStateDict(adam.StateDict()));
        Assert.Contains("another kind of optimizer", wrongKind.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_with_impossible_numbers_changes_nothing()
    {
        Parameter parameter = Weights(DType.Float32);
        var adam = new Adam([parameter], 0.5);
        StateDict negative = adam.StateDict(), infinite = adam.StateDict();
        negative["Adam.steps"].AsSpan<long>()[0] = -1;
        negative["Adam.groups"].AsSpan<double>()[0] = 0.25;
        infinite["Adam.steps"].AsSpan<long>()[0] = 7;
        infinite["Adam.groups"].AsSpan<double>()[2] = double.PositiveInfinity;
        Assert.Contains("expected counts of 0 or more",
            Assert.Throws<ArgumentException>(() => adam.LoadStateDict(negative)).Message, StringComparison.Ordinal);
        Assert.Contains("expected rates of 0 or more and finite",
            Assert.Throws<ArgumentException>(() => adam.LoadStateDict(infinite)).Message, StringComparison.Ordinal);
        Assert.Equal(0.5, adam.LearningRate);
        Assert.Equal(0, adam.StateDict()["Adam.steps"].AsSpan<long>()[0]);
    }

    public static TheoryData<string, string> OtherSettings => new()
    {
        { "adam", "beta1 0.9 (here 0.8), eps 1E-08 (here 1E-06)" },
        { "adam amsgrad", "amsgrad 1 (here 0)" },
        { "adamw", "beta2 0.999 (here 0.99)" },
        { "rmsprop centered", "alpha 0.9 (here 0.99), centered 1 (here 0)" },
        { "sgd dampening", "dampening 0.3 (here 0)" },
        { "sgd maximize", "maximize 1 (here 0)" },
        { "sgd nesterov", "nesterov 1 (here 0), velocity_form 0 (here 1)" },
        { "nadam", "momentum_decay 0.004 (here 0.3), decoupled 0 (here 1)" },
        { "radam decoupled", "decoupled 1 (here 0)" },
        { "adagrad lr_decay", "lr_decay 0.1 (here 0), initial_accumulator_value 0 (here 0.5)" },
    };

    [Theory]
    [MemberData(nameof(OtherSettings))]
    public void A_state_of_other_settings_is_refused_with_the_settings(string name, string differences)
    {
        Parameter parameter = Weights(DType.Float32), other = Weights(DType.Float32);
        Optimizer saved = OptimizerCases.All[name]([parameter]), here = name switch
        {
            "adam" => new Adam([other], beta1: 0.8, eps: 1e-6),
            "adam amsgrad" => new Adam([other], 0.02, 0.8, 0.95),
            "adamw" => new AdamW([other], beta2: 0.99),
            "rmsprop centered" => new RMSprop([other], 0.01, alpha: 0.99, eps: 1e-3, momentum: 0.7),
            "sgd dampening" => new SGD([other], 0.1, momentum: 0.8),
            "sgd maximize" => new SGD([other], 0.1, momentum: 0.9),
            "nadam" => new NAdam([other]) { MomentumDecay = 0.3, DecoupledWeightDecay = true },
            "radam decoupled" => new RAdam([other]),
            "adagrad lr_decay" => new Adagrad([other]) { InitialAccumulatorValue = 0.5 },
            _ => SGD.Cs231n([other], 0.1),
        };
        Step(saved, parameter, 0);
        string message = Assert.Throws<ArgumentException>(() => here.LoadStateDict(saved.StateDict())).Message;
        Assert.Contains($"{here.Name}: expected a state of the same settings, got {differences}.", message,
            StringComparison.Ordinal);
        Assert.Equal(0, here.StateDict()[$"{here.Name}.steps"].AsSpan<long>()[0]);
    }

    [Fact]
    public void The_product_of_momenta_is_part_of_the_state_of_NAdam()
    {
        Parameter parameter = Weights(DType.Float64);
        var optimizer = new NAdam([parameter]);
        Step(optimizer, parameter, 0);
        StateDict state = optimizer.StateDict();
        // μ₁ = 0.9·(1 - 0.96^0.004 / 2).
        Assert.Equal(0.9 * (1 - (0.5 * Math.Pow(0.96, 0.004))), state["NAdam.mu_products"].Item(), DoubleTolerance);
        state["NAdam.mu_products"].AsSpan<double>()[0] = double.NaN;
        Assert.StartsWith("NAdam: expected numbers of 0 or more and finite in 'NAdam.mu_products', got NaN.",
            Assert.Throws<ArgumentException>(() => optimizer.LoadStateDict(state)).Message, StringComparison.Ordinal);
        state.Remove("NAdam.mu_products");
        Assert.StartsWith("NAdam: expected the key 'NAdam.mu_products', got none.",
            Assert.Throws<ArgumentException>(() => optimizer.LoadStateDict(state)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_momentum_that_a_schedule_has_changed_is_part_of_the_state()
    {
        Parameter first = Weights(DType.Float64), second = Weights(DType.Float64);
        Optimizer saved = new Adam([first]), resumed = new Adam([second]);
        Assert.DoesNotContain("Adam.momenta", saved.StateDict().Keys);
        var schedule = new OneCycleLR(saved, 0.1, 20);
        for (int t = 0; t < 5; t++)
        {
            Step(saved, first, t);
            schedule.Step();
        }

        resumed.LoadStateDict(saved.StateDict());
        second.Value.CopyFrom(first.Value);
        Assert.Equal(saved.Groups[0].Momentum, resumed.Groups[0].Momentum);
        Assert.NotEqual(0.9, resumed.Groups[0].Momentum);
        Step(saved, first, 5);
        Step(resumed, second, 5);
        Assert.Equal(BitsOf(first.Value), BitsOf(second.Value));

        // A state without it is that of an optimizer whose momentum is its own.
        resumed.LoadStateDict(new Adam([Weights(DType.Float64)]).StateDict());
        Assert.Equal(0.9, resumed.Groups[0].Momentum);
    }

    [Fact]
    public void The_momentum_of_a_group_is_the_one_that_a_step_takes()
    {
        // v = 1, then v = 0.5·1 + 1 with the momentum of the schedule's count 1, not 0.9·1 + 1.
        var parameter = new Parameter(Tensor.Zeros([1], DType.Float64));
        var optimizer = new SGD([parameter], 1, momentum: 0.9);
        var schedule = new CyclicLR(optimizer, 1, 1, stepSizeUp: 1, baseMomentum: 0.5, maxMomentum: 0.75);
        for (int t = 0; t < 2; t++)
        {
            SetGradient(parameter, static _ => 1);
            optimizer.Step();
            schedule.Step();
        }

        Assert.Equal(-2.5, parameter.Value.Item());
    }

    [Fact]
    public void A_centred_state_of_an_earlier_version_goes_on()
    {
        // That version kept the averages of g² and g.
        Parameter parameter = Weights(DType.Float64), straight = Weights(DType.Float64);
        Optimizer whole = OptimizerCases.All["rmsprop centered"]([straight]),
            resumed = OptimizerCases.All["rmsprop centered"]([parameter]);
        for (int t = 0; t < 3; t++) Step(whole, straight, t);
        StateDict state = SchedulerTests.Earlier(whole.StateDict());
        double[] variance = state["RMSprop.0.grad_var"].ToArray<double>(),
            mean = state["RMSprop.0.grad_avg"].ToArray<double>();
        state.Remove("RMSprop.0.grad_var");
        state.Add("RMSprop.0.square_avg",
            Tensor.From([.. variance.Select((v, i) => v + (mean[i] * mean[i]))], [Count]));
        resumed.LoadStateDict(state);
        parameter.Value.CopyFrom(straight.Value);
        for (int t = 3; t < 6; t++)
        {
            Step(whole, straight, t);
            Step(resumed, parameter, t);
        }

        double[] expected = straight.Value.ToArray<double>(), actual = parameter.Value.ToArray<double>();
        for (int i = 0; i < Count; i++) Assert.Equal(expected[i], actual[i], DoubleTolerance);
    }

    [Fact]
    public void A_centred_state_of_an_earlier_version_without_digits_takes_no_wild_step()
    {
        var parameter = new Parameter(Tensor.Zeros([1]));
        var optimizer = new RMSprop([parameter], centered: true);
        StateDict state = optimizer.StateDict();
        state.Remove("RMSprop.0.grad_var");
        // The difference of the averages is below 0 here; its rounding, 0.01·2^-23, makes a step of at most 0.01·0.1 /
        // √(0.01·2^-23).
        state.Add("RMSprop.0.square_avg", Tensor.From([0.00999f], [1]));
        state["RMSprop.0.grad_avg"] = Tensor.From([0.1f], [1]);
        optimizer.LoadStateDict(state);
        SetGradient(parameter, static _ => 0.1);
        optimizer.Step();
        Assert.InRange(-parameter.Value.Item(), 1, 30);
    }

    [Fact]
    public void An_optimizer_reads_a_sequence_of_parameters_once()
    {
        Parameter a = new(Tensor.Ones([2, 2])), b = new(Tensor.Ones([2]), "bias");
        foreach (bool decays in new[] { true, false })
        {
            var queue = new Queue<Parameter>([a, b, a]);
            var optimizer = new SGD(Drain(queue), decayNormAndBias: decays);
            Assert.Equal([a, b], optimizer.Groups.SelectMany(static group => group.Parameters));
        }

        static IEnumerable<Parameter> Drain(Queue<Parameter> queue)
        {
            while (queue.TryDequeue(out Parameter? parameter)) yield return parameter;
        }
    }

    internal static void SetGradient(Parameter parameter, Func<int, double> value)
    {
        for (int i = 0; i < parameter.Shape.Count; i++)
        {
            if (parameter.DType == DType.Float64) parameter.GradientMemory.AsSpan<double>()[i] = value(i);
            else parameter.GradientMemory.AsSpan<float>()[i] = (float)value(i);
        }

        parameter.HasGradient = true;
    }

    private static byte[] BitsOf(Tensor tensor) => tensor.DType == DType.Float32
        ? MemoryMarshal.AsBytes(tensor.AsSpan<float>()).ToArray()
        : MemoryMarshal.AsBytes(tensor.AsSpan<double>()).ToArray();

    private static double Gradient(int i, int t) => OptimizerCases.Gradient(i, t);

    private static Parameter Weights(DType dtype) =>
        new(Tensor.From([.. Enumerable.Range(0, Count).Select(OptimizerCases.Weight)], [Count]).To(dtype));

    private static void Step(Optimizer optimizer, Parameter parameter, int t)
    {
        SetGradient(parameter, i => Gradient(i, t));
        optimizer.Step();
    }
}
