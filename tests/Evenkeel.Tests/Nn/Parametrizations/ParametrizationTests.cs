using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Nn.Parametrizations;

/// <summary>Weight norm and spectral norm: what is computed, trained, saved, copied and baked in.</summary>
public sealed class ParametrizationTests
{
    private static readonly Dictionary<string, (Func<IRandomStream, Module> Make, int[] Shape)> s_layers =
        new(StringComparer.Ordinal)
        {
            ["Linear"] = (static random => new Linear(6, 4, random: random), [5, 6]),
            ["Conv1d"] = (static random => new Conv1d(3, 4, 2, random: random), [2, 3, 7]),
            ["Conv2d"] = (static random => new Conv2d(3, 4, (2, 3), padding: 1, bias: false, random: random),
                [2, 3, 5, 6]),
            ["Conv2d grouped"] = (static random => new Conv2d(4, 6, 3, groups: 2, random: random), [2, 4, 5, 5]),
            ["one's own"] = (static random => new Own(random), [5, 6]),
        };

    private static readonly Dictionary<string, Action<Module>> s_forms = new(StringComparer.Ordinal)
    {
        ["WeightNorm"] = static layer => layer.AddWeightNorm(),
        ["WeightNorm, dim 1"] = static layer => layer.AddWeightNorm(dim: 1),
        ["WeightNorm, whole"] = static layer => layer.AddWeightNorm(dim: null),
        ["SpectralNorm"] = static layer => layer.AddSpectralNorm(random: new Philox(7)),
        ["SpectralNorm, dim 1"] = static layer => layer.AddSpectralNorm(3, 1e-6, dim: 1, new Philox(7)),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string layer in s_layers.Keys)
                foreach (string form in s_forms.Keys) data.Add(layer, form);
            return data;
        }
    }

    public static TheoryData<string> Forms => [.. s_forms.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_output_is_that_of_the_computed_weight(string name, string form)
    {
        (Module layer, Tensor x) = Create(name, form);
        // Away from the start values, where the computed weight is the given one.
        foreach (Parameter parameter in layer.Parameters().Where(static p => p.Name is "original0" or "original1"))
            parameter.Value.CopyFrom((parameter.Value.Detach() * 1.5) + 0.25);
        Module plain = s_layers[name].Make(new Philox(1));
        plain.To(DType.Float64);
        StateDict state = layer.StateDict();
        double[] weight = Naive(layer, form, plain.OwnParameters["weight"].Shape);
        plain.OwnParameters["weight"].Value.CopyFrom(Tensor.From(weight, plain.OwnParameters["weight"].Shape));
        if (state.ContainsKey("bias")) plain.OwnParameters["bias"].Value.CopyFrom(state["bias"]);
        double[] expected = NaiveOps.Doubles(plain.Forward(x));
        Close.To(expected, layer.Forward(x), Tolerances.Float64Sums);
        Close.To(expected, layer.Forward(new Tape(Mode.Eval).Input(x)), Tolerances.Float64Sums);
        Close.To(weight, layer.OwnWeight!.Value, Tolerances.Float64Sums);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_differences_in_double(string name, string form)
    {
        (Module layer, Tensor x) = Create(name, form);
        // In Train the singular vectors turn with each pass.
        GradientCheckResult result = GradientCheck.Parameters(tape => layer.Forward(tape.Input(x)), layer.Parameters(),
            new GradientCheckOptions { Mode = Mode.Eval });
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Baked_in_it_gives_the_same_bits_and_PyTorchs_plain_keys(string name, string form)
    {
        (Module layer, Tensor x) = Create(name, form);
        layer.To(DType.Float32);
        x = x.To(DType.Float32);
        Parameter weight = layer.OwnWeight!;
        string[] plain = [.. s_layers[name].Make(new Philox(1)).StateDict().Keys];
        Module copy = layer.Clone();
        float[] before = layer.Predict(x).ToArray<float>();
        Assert.Equal(before, copy.Predict(x).ToArray<float>());
        Assert.NotSame(weight, copy.OwnWeight);
        Assert.Same(layer, layer.RemoveParametrizations());
        Assert.Equal(plain, layer.StateDict().Keys);
        Assert.Same(weight, layer.OwnParameters["weight"]);
        Assert.Equal(before, layer.Predict(x).ToArray<float>());
        Assert.Equal(before, layer.Forward(x).ToArray<float>());
        Assert.Equal(before, copy.Predict(x).ToArray<float>());
        Assert.Same(weight.Value, weight.Value);
        layer.RemoveParametrizations();
    }

    [Fact]
    public void The_keys_are_PyTorchs_in_its_order()
    {
        Assert.Equal(["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"],
            new Linear(3, 2).AddWeightNorm().StateDict().Keys);
        Assert.Equal(["0.bias", "0.parametrizations.weight.original", "0.parametrizations.weight.0._u",
            "0.parametrizations.weight.0._v"], new Sequential(new Conv2d(3, 2, 3).AddSpectralNorm()).StateDict().Keys);
        StateDict state = new Conv2d(3, 2, 3, bias: false).AddWeightNorm().StateDict();
        Assert.Equal([[2, 1, 1, 1], [2, 3, 3, 3]], state.Select(static entry => entry.Value.Shape));
        Assert.Equal(0, new Linear(3, 2).AddWeightNorm(dim: null).StateDict()["parametrizations.weight.original0"]
            .Shape.Rank);
        state = new Conv2d(3, 2, (4, 5), bias: false).AddSpectralNorm(dim: 1).StateDict();
        Assert.Equal([[2, 3, 4, 5], [3], [40]], state.Select(static entry => entry.Value.Shape));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_keys_of_PyTorchs_older_functions_are_read(string form)
    {
        (Module layer, Tensor x) = Create("Conv1d", form);
        var network = new Sequential(new ReLU(), layer);
        var old = new StateDict();
        foreach ((string key, Tensor value) in network.StateDict())
        {
            old.Add(key.Replace("parametrizations.weight.", "weight_", StringComparison.Ordinal)
                .Replace("0._", "", StringComparison.Ordinal)
                .Replace("original0", "g", StringComparison.Ordinal)
                .Replace("original1", "v", StringComparison.Ordinal)
                .Replace("original", "orig", StringComparison.Ordinal), value);
        }

        Assert.All(old.Keys, static key => Assert.Matches("^1\\.(bias|weight_(g|v|u|orig))$", key));
        (Module other, _) = Create("Conv1d", form);
        other.Initialize(Init.KaimingNormal, seed: 3);
        var loaded = new Sequential(new ReLU(), other);
        LoadReport report = loaded.LoadStateDict(old);
        Assert.True(report.IsComplete);
        Assert.Equal(NaiveOps.Doubles(layer.Forward(x)), NaiveOps.Doubles(other.Forward(x)));
    }

    [Fact]
    public void Weight_norm_splits_the_weight_into_lengths_and_directions()
    {
        var layer = new Linear(2, 2, bias: false);
        layer.Weight.Value.CopyFrom(Tensor.From(3f, 4f, 0f, 0f).Reshape(2, 2));
        layer.AddWeightNorm();
        Assert.Equal([5f, 0f], layer.StateDict()["parametrizations.weight.original0"].ToArray<float>());
        Assert.Equal([3f, 4f, 0f, 0f], layer.Weight.Value.ToArray<float>());
        // A direction of length 0 has no gradient either; PyTorch has NaN.
        layer.Forward(new Tape().Input(Tensor.Ones([1, 2]))).Backward(Tensor.From(1f, 1f).Reshape(1, 2));
        Close.To([1.4, 0], layer.Parameters()[0].Gradient!);
        Assert.All(layer.Parameters()[1].Gradient!.ToArray<float>(), static dv => Assert.True(float.IsFinite(dv)));
    }

    [Fact]
    public void Spectral_norm_finds_the_largest_singular_value()
    {
        var layer = new Linear(3, 3, bias: false);
        layer.To(DType.Float64);
        // Singular values 5, 2 and 1 along the axes.
        layer.Weight.Value.CopyFrom(Tensor.From([0.0, 5, 0, 2, 0, 0, 0, 0, -1], [3, 3]));
        layer.AddSpectralNorm(random: new Philox(3));
        var tape = new Tape();
        for (int i = 0; i < 30; i++)
        {
            tape.Reset();
            layer.Forward(tape.Input(Tensor.Ones([1, 3], DType.Float64)));
        }

        Close.To([0, 1, 0, 0.4, 0, 0, 0, 0, -0.2], layer.Weight.Value, Tolerances.Float64Steps);
        var zero = new Linear(3, 2, bias: false);
        zero.Weight.Value.Fill(0);
        zero.AddSpectralNorm();
        zero.Forward(new Tape().Input(Tensor.Ones([1, 3]))).Backward(Tensor.Ones([1, 2]));
        Assert.All(zero.Parameters()[0].Gradient!.ToArray<float>(), static value => Assert.Equal(0, value));
    }

    [Fact]
    public void Only_passes_in_Train_turn_the_singular_vectors_once_each_and_a_rejected_pass_turns_them_back()
    {
        var layer = new Linear(5, 4).AddSpectralNorm(random: new Philox(3));
        layer.Initialize(Init.KaimingNormal, seed: 2);
        Tensor x = Tensor.RandomNormal([3, 5], new Philox(1));
        byte[] U() => layer.StateDict()["parametrizations.weight.0._u"].Bytes().ToArray();
        byte[] start = U();
        layer.Forward(x);
        layer.Predict(x);
        Assert.Equal(start, U());
        var tape = new Tape();
        layer.Forward(tape.Input(x));
        tape.Reject();
        Assert.Equal(start, U());
        tape.Reset();
        Tensor input = tape.Input(x);
        layer.Forward(input);
        byte[] once = U();
        Assert.NotEqual(start, once);
        layer.Forward(input);
        Assert.Equal(once, U());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void It_trains_with_everything_that_trains(string form)
    {
        Sequential Net()
        {
            var random = new Philox(5);
            var conv = new Conv2d(1, 4, 3, padding: 1, bias: false, random: random);
            var linear = new Linear(4 * 36, 3, random: random);
            s_forms[form](conv);
            s_forms[form](linear);
            return new Sequential(conv, new BatchNorm2d(4), new ReLU(), new Flatten(), linear);
        }

        Sequential net = Net(), parts = Net();
        Tensor x = Tensor.RandomNormal([12, 1, 6, 6], new Philox(1)), labels = Tensor.Labels(0, 1, 2, 0, 1, 2, 0, 1, 2,
            0, 1, 2);
        var loss = new CrossEntropyLoss();
        double first = 0, last = 0, cut = 0;
        using var replicas = new Replicas(parts, 2);
        var optimizer = new Adam(net.Parameters(), 0.02);
        var other = new Adam(parts.Parameters(), 0.02);
        var tape = new Tape();
        for (int step = 0; step < 40; step++)
        {
            tape.Reset();
            Tensor value = loss.Forward(net.Forward(tape.Input(x)), labels);
            last = value.Item();
            if (step == 0) first = last;
            optimizer.ZeroGrad();
            value.Backward();
            optimizer.Step();
            other.ZeroGrad();
            cut = replicas.Accumulate(x, labels, loss);
            other.Step();
        }

        Assert.True(last < 0.5 * first, $"{first} to {last}");
        Assert.True(cut < 0.5 * first, $"{first} to {cut}");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_steady_step_allocates_next_to_nothing(string form)
    {
        (Module layer, Tensor x) = Create("Conv2d", form);
        Tensor cotangent = Tensor.Ones(layer.Forward(x).Shape, DType.Float64);
        var tape = new Tape();
        for (int i = 0; i < 5; i++) Step();
        long before = GC.GetAllocatedBytesForCurrentThread(), capacity = tape.CapacityInBytes;
        for (int i = 0; i < 10; i++) Step();
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 10, 0, 4096);
        Assert.Equal(capacity, tape.CapacityInBytes);

        void Step()
        {
            tape.Reset();
            layer.Forward(tape.Input(x)).Backward(cotangent);
            layer.ZeroGrad();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_file_and_a_description_give_the_network_back(string name, string form)
    {
        (Module layer, Tensor x) = Create(name, form);
        if (layer is Own) return;
        var network = new Sequential(layer, new ReLU());
        network.To(DType.Float32);
        x = x.To(DType.Float32);
        network.Initialize(Init.XavierNormal, seed: 4);
        Module made = ModuleDescription.FromJson(network.ToJson());
        Assert.Equal(network.ToJson(), made.ToJson());
        Assert.Equal(network.ToString(), made.ToString());
        Assert.Contains(layer.Parametrization!.ToString()!, made.ToString(), StringComparison.Ordinal);
        made.LoadStateDict(network.StateDict());
        Assert.Equal(network.Predict(x).ToArray<float>(), made.Predict(x).ToArray<float>());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Start_values_are_drawn_anew(string form)
    {
        (Module layer, _) = Create("Linear", form);
        layer.Initialize(Init.Default, seed: 9);
        double[] weight = NaiveOps.Doubles(layer.OwnWeight!.Value);
        double bound = 1 / Math.Sqrt(6);
        if (form.StartsWith("WeightNorm", StringComparison.Ordinal))
            Assert.All(weight, value => Assert.InRange(Math.Abs(value), 0, bound * 1.0001));
        // The bias is drawn by the fan-in of the weight, which is no parameter of the layer.
        Assert.Contains(NaiveOps.Doubles(layer.StateDict()["bias"]), static value => value != 0);
        (Module second, _) = Create("Linear", form);
        second.Initialize(Init.Default, seed: 9);
        Assert.Equal(weight, NaiveOps.Doubles(second.OwnWeight!.Value));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_norm_is_folded_into_the_computed_weight(string form)
    {
        var random = new Philox(5);
        var conv = new Conv2d(3, 4, 3, random: random);
        s_forms[form](conv);
        var net = new Sequential(conv, new BatchNorm2d(4), new ReLU());
        Tensor x = Tensor.RandomNormal([4, 3, 6, 6], random);
        net.Forward(new Tape().Input(x));
        FoldResult folded = net.Fold(x);
        Assert.Equal(FoldStatus.IntoLayerBefore, Assert.Single(folded.Layers).Status);
        Close.Within(Tolerances.Float32Sums, "y", NaiveOps.Doubles(net.Predict(x)),
            NaiveOps.Doubles(folded.Model.Predict(x)));
        Assert.Equal(["0.weight", "0.bias"], folded.Model.StateDict().Keys);
    }

    [Fact]
    public void Freezing_the_weight_freezes_what_is_trained()
    {
        var layer = new Linear(3, 2).AddWeightNorm();
        layer.Weight.RequiresGradient = false;
        layer.Forward(new Tape().Input(Tensor.Ones([1, 3]))).Backward(Tensor.Ones([1, 2]));
        Assert.All(layer.NamedParameters(), static entry =>
            Assert.Equal(entry.Name == "bias", entry.Parameter.Gradient is not null));
        Assert.False(layer.Weight.RequiresGradient);
        layer.RemoveParametrizations();
        Assert.False(layer.Weight.RequiresGradient);
    }

    [Fact]
    public void Standardization_works_on_the_computed_weight()
    {
        var layer = new Conv2d(3, 2, 3, random: new Philox(1)) { WeightStandardization = new(0) };
        Tensor x = Tensor.RandomNormal([2, 3, 5, 5], new Philox(2));
        double[] before = NaiveOps.Doubles(layer.Forward(x));
        layer.AddWeightNorm();
        layer.Parameters()[1].Value.CopyFrom(layer.Parameters()[1].Value.Detach() * 3);
        Close.Within(Tolerances.Float32Steps, "y", before, NaiveOps.Doubles(layer.Forward(new Tape().Input(x))));
    }

    [Fact]
    public void Errors_say_what_was_expected_what_came_and_what_to_do()
    {
        Says(() => new ReLU().AddWeightNorm(), "AddWeightNorm: expected a layer with a weight", "got a ReLU",
            "Choose a layer");
        Says(() => new LayerNorm([3, 4]).AddSpectralNorm(), "AddSpectralNorm: expected a layer with a weight",
            "got a LayerNorm");
        Says(() => new Linear(3, 2).AddWeightNorm().AddSpectralNorm(), "expected an ordinary weight",
            "computed by WeightNorm(dim=0)", "RemoveParametrizations()");
        Says(() => new Linear(3, 2).AddWeightNorm(dim: 2), "expected a dimension from 0 to 1", "(2, 3)", "got 2");
        Says(() => new Linear(3, 2).AddSpectralNorm(dim: -1), "expected a dimension from 0 to 1", "got -1");
        Says(() => new Linear(3, 2).AddSpectralNorm(0), "expected 1 or more power iterations, got 0");
        Says(() => new Linear(3, 2).AddSpectralNorm(eps: double.NaN), "expected a finite eps of 0 or more, got NaN");
        string message = Assert.Throws<InvalidDataException>(() => ModuleDescription.FromJson(
            """{"type": "Linear", "inFeatures": 3, "outFeatures": 2, "parametrization": {"type": "Orthogonal"}}"""))
            .Message;
        Assert.Contains("parametrization", message, StringComparison.Ordinal);
        Assert.Contains("expected WeightNorm or SpectralNorm, got Orthogonal", message, StringComparison.Ordinal);

        static void Says(Func<object> act, params string[] parts)
        {
            string message = Assert.ThrowsAny<ArgumentException>(act).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    private static (Module Layer, Tensor X) Create(string name, string form)
    {
        (Func<IRandomStream, Module> make, int[] shape) = s_layers[name];
        Module layer = make(new Philox(1));
        layer.To(DType.Float64);
        s_forms[form](layer);
        return (layer, Tensor.RandomNormal(new Shape(shape), new Philox(2), DType.Float64));
    }

    /// <summary>The computed weight, value by value in double.</summary>
    private static double[] Naive(Module layer, string form, Shape shape)
    {
        StateDict state = layer.StateDict();
        int[] sizes = shape.ToArray();
        int? dim = form.EndsWith("whole", StringComparison.Ordinal) ? null
            : form.EndsWith('1') ? 1 : 0;
        if (form.StartsWith("WeightNorm", StringComparison.Ordinal))
        {
            double[] g = NaiveOps.Doubles(state["parametrizations.weight.original0"]),
                v = NaiveOps.Doubles(state["parametrizations.weight.original1"]), squares = new double[g.Length];
            int Slice(int i) => dim is { } axis ? NaiveOps.Unravel(i, sizes)[axis] : 0;
            for (int i = 0; i < v.Length; i++) squares[Slice(i)] += v[i] * v[i];
            return [.. v.Select((value, i) => g[Slice(i)] * value / Math.Sqrt(squares[Slice(i)]))];
        }

        double[] w = NaiveOps.Doubles(state["parametrizations.weight.original"]),
            left = NaiveOps.Doubles(state["parametrizations.weight.0._u"]),
            right = NaiveOps.Doubles(state["parametrizations.weight.0._v"]);
        double sigma = 0;
        for (int i = 0; i < w.Length; i++)
        {
            int[] index = NaiveOps.Unravel(i, sizes);
            int column = 0;
            for (int d = 0; d < sizes.Length; d++)
                if (d != dim) column = (column * sizes[d]) + index[d];
            sigma += left[index[dim!.Value]] * w[i] * right[column];
        }

        return [.. w.Select(value => value / sigma)];
    }

    /// <summary>A layer of a program's own, which knows nothing of parametrizations.</summary>
    private sealed class Own : Module
    {
        private readonly Parameter _shift;
        private readonly Parameter _weight;

        public Own(IRandomStream random)
        {
            _shift = Register("shift", Tensor.Zeros([4]));
            _weight = Register("weight", Init.Default.Create([6, 4], random));
        }

        protected override Tensor ForwardCore(Tensor x) => x.MatMul(_weight) + _shift;
    }
}
