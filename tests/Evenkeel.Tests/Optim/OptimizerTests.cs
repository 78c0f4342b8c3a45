using Evenkeel.Nn;
using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class OptimizerTests
{
    /// <summary>
    /// Rounding of seven steps in float32, against PyTorch in float64; PyTorch's own float32 differs by up to 2.8e-7.
    /// </summary>
    private const double SingleTolerance = 2e-6;

    /// <summary>Rounding of seven steps in float64.</summary>
    private const double DoubleTolerance = 1e-12;

    private const int Count = 19;

    public static TheoryData<string> Cases =>
    [
        nameof(OptimizerGolden.Sgd), nameof(OptimizerGolden.SgdDecay), nameof(OptimizerGolden.SgdMomentum),
        nameof(OptimizerGolden.SgdDampening), nameof(OptimizerGolden.SgdNesterov), nameof(OptimizerGolden.RmsProp),
        nameof(OptimizerGolden.RmsPropMomentum), nameof(OptimizerGolden.RmsPropCentered), nameof(OptimizerGolden.Adam),
        nameof(OptimizerGolden.AdamDecay), nameof(OptimizerGolden.AdamW), nameof(OptimizerGolden.AdamWDecay),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Seven_steps_match_PyTorch(string name)
    {
        double[] expected = (double[])typeof(OptimizerGolden).GetField(name)!.GetValue(null)!;
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Parameter parameter = Weights(dtype);
            Optimizer optimizer = Create(name, [parameter]);
            for (int t = 0; t < 7; t++)
            {
                if (t == 4) optimizer.LearningRate *= 0.5;
                Step(optimizer, parameter, t);
            }

            double[] actual = parameter.Value.To(DType.Float64).ToArray<double>();
            double tolerance = dtype == DType.Float32 ? SingleTolerance : DoubleTolerance;
            for (int i = 0; i < Count; i++)
            {
                Assert.True(Math.Abs(actual[i] - expected[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])),
                    $"{name} {dtype} [{i}]: expected {expected[i]}, got {actual[i]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_loaded_state_continues_with_the_same_bits(string name)
    {
        Parameter straight = Weights(DType.Float32), first = Weights(DType.Float32);
        Optimizer whole = Create(name, [straight]), saved = Create(name, [first]);
        for (int t = 0; t < 6; t++) Step(whole, straight, t);
        for (int t = 0; t < 3; t++) Step(saved, first, t);
        saved.LearningRate = whole.LearningRate;

        var second = new Parameter(first.Value.Clone());
        Optimizer resumed = Create(name, [second]);
        resumed.LearningRate = 123;
        resumed.LoadStateDict(saved.StateDict());
        for (int t = 3; t < 6; t++) Step(resumed, second, t);
        Assert.Equal(straight.Value.ToArray<float>(), second.Value.ToArray<float>());
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

    [Fact]
    public void Weight_decay_leaves_rank_one_alone_on_request()
    {
        Parameter matrix = new(Tensor.Ones([2, 2])), bias = new(Tensor.Ones([2])), scale = new(Tensor.Scalar(1));
        var optimizer = new SGD([matrix, bias, scale], 1, weightDecay: 0.5, decayNormAndBias: false);
        foreach (Parameter parameter in new[] { matrix, bias, scale }) SetGradient(parameter, static _ => 0);
        optimizer.Step();
        Assert.Equal([0.5f, 0.5f, 0.5f, 0.5f], matrix.Value.ToArray<float>());
        Assert.Equal([1f, 1f], bias.Value.ToArray<float>());
        Assert.Equal(1, scale.Value.Item());
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

    [Fact]
    public void The_bits_are_the_same_for_any_number_of_threads()
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        float[]? expected = null;
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            Parameter a = new(Tensor.Ones([301, 333])), b = new(Tensor.Ones([57]));
            var optimizer = new Adam([a, b], 0.01, weightDecay: 0.1);
            for (int t = 0; t < 5; t++)
            {
                SetGradient(a, i => Gradient(i, t));
                SetGradient(b, i => Gradient(i, t));
                GradientClipping.Norm([a, b], 0.5);
                optimizer.Step();
            }

            float[] actual = [.. a.Value.ToArray<float>(), .. b.Value.ToArray<float>()];
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
            [new SGD([a, b], momentum: 0.9), new Adam([a, b]), new AdamW([a, b]), new RMSprop([a, b])];
        foreach (Optimizer optimizer in optimizers)
        {
            optimizer.Step();
            Assert.Equal(0, Allocations.Of(optimizer.Step));
        }
    }

    [Fact]
    public void Arguments_and_states_that_do_not_fit_are_refused()
    {
        Parameter parameter = Weights(DType.Float32);
        Assert.Throws<ArgumentException>(static () => new SGD(Array.Empty<Parameter>()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SGD([parameter], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], beta1: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RMSprop([parameter], eps: -1));
        Assert.Throws<ArgumentException>(() => new SGD([parameter], nesterov: true));
        Assert.Throws<ArgumentException>(() => new ParameterGroup([null!]));

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
        { nameof(OptimizerGolden.Adam), "beta1 0.9 (here 0.8), eps 1E-08 (here 1E-06)" },
        { nameof(OptimizerGolden.AdamW), "beta2 0.999 (here 0.99)" },
        { nameof(OptimizerGolden.RmsPropCentered), "alpha 0.9 (here 0.99), centered 1 (here 0)" },
        { nameof(OptimizerGolden.SgdDampening), "dampening 0.3 (here 0)" },
        { nameof(OptimizerGolden.SgdNesterov), "nesterov 1 (here 0), velocity_form 0 (here 1)" },
    };

    [Theory]
    [MemberData(nameof(OtherSettings))]
    public void A_state_of_other_settings_is_refused_with_the_settings(string name, string differences)
    {
        Parameter parameter = Weights(DType.Float32), other = Weights(DType.Float32);
        Optimizer saved = Create(name, [parameter]), here = name switch
        {
            nameof(OptimizerGolden.Adam) => new Adam([other], beta1: 0.8, eps: 1e-6),
            nameof(OptimizerGolden.AdamW) => new AdamW([other], beta2: 0.99),
            nameof(OptimizerGolden.RmsPropCentered) =>
                new RMSprop([other], 0.01, alpha: 0.99, eps: 1e-3, momentum: 0.7),
            nameof(OptimizerGolden.SgdDampening) => new SGD([other], 0.1, momentum: 0.8),
            _ => SGD.Cs231n([other], 0.1),
        };
        Step(saved, parameter, 0);
        string message = Assert.Throws<ArgumentException>(() => here.LoadStateDict(saved.StateDict())).Message;
        Assert.Contains($"{here.Name}: expected a state of the same settings, got {differences}.", message,
            StringComparison.Ordinal);
        Assert.Equal(0, here.StateDict()[$"{here.Name}.steps"].AsSpan<long>()[0]);
    }

    [Fact]
    public void A_centred_state_of_an_earlier_version_goes_on()
    {
        // That version kept the averages of g² and g.
        Parameter parameter = Weights(DType.Float64), straight = Weights(DType.Float64);
        Optimizer whole = Create(nameof(OptimizerGolden.RmsPropCentered), [straight]),
            resumed = Create(nameof(OptimizerGolden.RmsPropCentered), [parameter]);
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

    private static double Gradient(int i, int t) => (((i * 29) + (t * 17)) % 31 - 15) / 16.0;

    private static Parameter Weights(DType dtype)
    {
        double[] values = new double[Count];
        for (int i = 0; i < Count; i++) values[i] = ((i * 37 % 23) - 11) / 8.0;
        return new Parameter(Tensor.From(values, [Count]).To(dtype));
    }

    private static void Step(Optimizer optimizer, Parameter parameter, int t)
    {
        SetGradient(parameter, i => Gradient(i, t));
        optimizer.Step();
    }

    private static Optimizer Create(string name, Parameter[] p) => name switch
    {
        nameof(OptimizerGolden.Sgd) => new SGD(p, 0.1),
        nameof(OptimizerGolden.SgdDecay) => new SGD(p, 0.1, weightDecay: 0.05),
        nameof(OptimizerGolden.SgdMomentum) => new SGD(p, 0.1, momentum: 0.9, weightDecay: 0.05),
        nameof(OptimizerGolden.SgdDampening) => new SGD(p, 0.1, momentum: 0.8, dampening: 0.3, weightDecay: 0.05),
        nameof(OptimizerGolden.SgdNesterov) => new SGD(p, 0.1, momentum: 0.9, weightDecay: 0.05, nesterov: true),
        nameof(OptimizerGolden.RmsProp) => new RMSprop(p, 0.01, weightDecay: 0.05),
        nameof(OptimizerGolden.RmsPropMomentum) => new RMSprop(p, 0.01, alpha: 0.9, eps: 1e-6, momentum: 0.7),
        nameof(OptimizerGolden.RmsPropCentered) =>
            new RMSprop(p, 0.01, alpha: 0.9, eps: 1e-3, momentum: 0.7, centered: true),
        nameof(OptimizerGolden.Adam) => new Adam(p, 0.02),
        nameof(OptimizerGolden.AdamDecay) => new Adam(p, 0.02, 0.8, 0.95, 1e-6, weightDecay: 0.05),
        nameof(OptimizerGolden.AdamW) => new AdamW(p, 0.02),
        nameof(OptimizerGolden.AdamWDecay) => new AdamW(p, 0.02, weightDecay: 0.3),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };
}
