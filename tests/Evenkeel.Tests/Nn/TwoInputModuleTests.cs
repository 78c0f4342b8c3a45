using System.Reflection;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;
using Module = Evenkeel.Nn.Module;

namespace Evenkeel.Tests.Nn;

/// <summary>A user's module with two inputs is a module like any other.</summary>
public sealed class TwoInputModuleTests
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.DeclaredOnly;

    [Fact]
    public void Hooks_see_the_first_input_and_the_output_and_the_gradient_reaches_both()
    {
        var gated = new Gated();
        var seen = new List<(Module Module, Tensor X, Tensor Y)>();
        using IDisposable hook = gated.AddForwardHook((module, x, y) => seen.Add((module, x, y)));
        var tape = new Tape(Mode.Train);
        Tensor a = tape.Input(Tensor.RandomNormal([2, 3], new Philox(1)), requiresGradient: true);
        Tensor b = tape.Input(Tensor.RandomNormal([2, 3], new Philox(2)), requiresGradient: true);
        Tensor y = gated.Forward(a, b);
        Assert.Equal((gated, a, y), Assert.Single(seen));
        y.Backward(Tensor.RandomNormal([2, 3], new Philox(3)));
        Assert.NotNull(a.Gradient);
        Assert.NotNull(b.Gradient);
    }

    [Fact]
    public void A_table_of_a_network_has_it_and_a_network_of_two_inputs_has_one()
    {
        string text = new TwoTowers().Summary([2, 4], [2, 3]);
        Assert.StartsWith("TwoTowers, inputs (2, 4) and (2, 3)\n", text, StringComparison.Ordinal);
        Assert.Matches(@"gated: Gated +\(2, 5\)", text);
    }

    [Fact]
    public void Predict_runs_in_chunks_over_both()
    {
        var model = new TwoTowers();
        Tensor a = Tensor.RandomNormal([7, 4], new Philox(1)), b = Tensor.RandomNormal([7, 3], new Philox(2));
        var tape = new Tape(Mode.Eval);
        float[] expected = model.Forward(tape.Input(a), tape.Input(b)).ToArray<float>();
        Assert.Equal(expected, model.Predict(a, b).ToArray<float>());
        Tensor chunked = model.Predict(a, b, chunk: 2);
        Assert.Equal(new Shape([7, 5]), chunked.Shape);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], chunked.ToArray<float>()[i], Tolerances.Float32Roundoff);

        string text = Assert.Throws<ArgumentException>(() => model.Predict(a, b.Slice(0, 0, 5))).Message;
        Assert.Contains(
            "the same number of samples along axis 0, got shapes (7, 4) and (5, 3)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Predict_refuses_an_answer_that_depends_on_the_second_inputs_of_other_samples()
    {
        Tensor same = Tensor.Ones([4, 3]), other = Tensor.RandomNormal([4, 3], new Philox(2));
        string text = Assert.Throws<InvalidOperationException>(() => new Mixing().Predict(same, other)).Message;
        Assert.Contains("The layers that are not the library's own are Mixing", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_input_is_an_error_that_says_what_to_do()
    {
        Tensor x = Tensor.Ones([2, 3]);
        string one = Assert.Throws<NotSupportedException>(() => new Gated().Forward(x)).Message;
        Assert.StartsWith(
            "Gated.Forward: expected two inputs, got one of shape (2, 3).", one, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_modules_that_take_two_inputs_can_be_called_with_two()
    {
        Assert.Equal(
            ["BatchNormalization", "Identity", "SyncBatchNorm", "TwoInputModule"],
            typeof(Module).Assembly.GetTypes()
                .Where(static type => type.IsAssignableTo(typeof(Module))
                    && type.GetMethod("Forward", Declared, [typeof(Tensor), typeof(Tensor)]) is not null)
                .Select(static type => type.Name)
                .Order());
        foreach (string name in new[] { "Forward", "Predict", "Summary" })
            Assert.Single(typeof(Module).GetMethods(), method => method.Name == name);
    }

    [Fact]
    public void A_second_input_may_be_left_out_if_the_module_says_what_it_does_with_one()
    {
        var model = new Optional();
        int calls = 0;
        using IDisposable hook = model.AddForwardHook((_, _, _) => calls++);
        Tensor x = Tensor.RandomNormal([4, 3], new Philox(1)), second = Tensor.Full([4, 3], 2);
        Assert.Equal(x.ToArray<float>(), new Sequential(model).Forward(x).ToArray<float>());
        Assert.Equal((x + second).ToArray<float>(), model.Forward(x, second).ToArray<float>());
        Assert.Equal(2, calls);
        Assert.Equal(x.ToArray<float>(), model.Predict(x).ToArray<float>());
        Assert.Equal((x + second).ToArray<float>(), model.Predict(x, second).ToArray<float>());
    }

    [Fact]
    public void In_the_place_of_a_module_of_two_inputs_an_identity_returns_the_first()
    {
        Tensor x = Tensor.Ones([2, 3]);
        var identity = new Identity();
        int calls = 0;
        using IDisposable hook = identity.AddForwardHook((_, _, _) => calls++);
        Assert.Same(x, identity.Forward(x, Tensor.Zeros([2, 3])));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_masked_batch_norm_is_one_and_its_hooks_see_the_pass()
    {
        var norm = new BatchNormalization(3, NormConvention.Flax);
        int calls = 0;
        using IDisposable hook = norm.AddForwardHook((_, _, _) => calls++);
        Tensor x = Tensor.RandomNormal([4, 5, 3], new Philox(1));
        norm.Forward(new Tape(Mode.Train).Input(x), Tensor.Ones([4, 5]));
        Assert.Equal(1, calls);
    }

    internal sealed class Gated : TwoInputModule
    {
        protected override Tensor ForwardCore(Tensor x, Tensor second) => x * second.Sigmoid();
    }

    /// <summary>Each input has a layer and a norm of its own; the second one is the first one's gate.</summary>
    internal sealed class TwoTowers : TwoInputModule
    {
        private readonly Sequential _left, _right;
        private readonly Gated _gated;

        public TwoTowers()
        {
            var random = new Philox(5);
            _left = Register("left", new Sequential(new Linear(4, 5, random: random), new BatchNorm1d(5)));
            _right = Register("right", new Sequential(new Linear(3, 5, random: random), new BatchNorm1d(5)));
            _gated = Register("gated", new Gated());
        }

        protected override Tensor ForwardCore(Tensor x, Tensor second) =>
            _gated.Forward(_left.Forward(x), _right.Forward(second));
    }

    private sealed class Optional : TwoInputModule
    {
        protected override Tensor ForwardCore(Tensor x) => x + 0;

        protected override Tensor ForwardCore(Tensor x, Tensor second) => x + second;
    }

    private sealed class Mixing : TwoInputModule
    {
        protected override Tensor ForwardCore(Tensor x, Tensor second) => x - second.Mean([0], keepDims: true);
    }
}
