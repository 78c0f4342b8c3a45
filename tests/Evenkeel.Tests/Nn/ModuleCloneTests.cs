using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ModuleCloneTests
{
    public static TheoryData<string> Networks => ["LeNet", "DeepMLP", "FullyConnected", "Sequential", "User"];

    [Theory]
    [MemberData(nameof(Networks))]
    public void The_copy_computes_the_same_bits_and_its_training_does_not_move_the_original(string name)
    {
        (Module model, Tensor x) = Create(name);
        Train(model, x);
        string before = WeightsHash.Of(model);

        Module copy = model.Clone();
        Assert.IsType(model.GetType(), copy);
        Assert.Equal(before, WeightsHash.Of(copy));
        Assert.Equal(model.Predict(x).ToArray<float>(), copy.Predict(x).ToArray<float>());
        Assert.Equal(model.ToString(), copy.ToString());
        Assert.Empty(model.Parameters().Intersect(copy.Parameters()));
        Assert.Empty(model.NamedModules().Select(m => m.Module).Intersect(copy.NamedModules().Select(m => m.Module)));

        Train(copy, x);
        Assert.Equal(before, WeightsHash.Of(model));
        Assert.NotEqual(before, WeightsHash.Of(copy));

        // The same step on the original gives the copy's bits: nothing of the pass differs.
        Train(model, x);
        Assert.Equal(WeightsHash.Of(copy), WeightsHash.Of(model));
    }

    [Fact]
    public void What_is_one_object_stays_one()
    {
        var shared = new Linear(4, 4);
        var model = new Tied(shared);
        var copy = (Tied)model.Clone();
        Assert.Same(copy.First, copy.Second);
        Assert.Same(copy.First.Weight, copy.Again);
        Assert.Same(copy.First.Weight, copy.Children["head"].OwnParameters["weight"]);
        Assert.Same(copy.Again.Value, copy.Values);
        Assert.NotSame(model.First, copy.First);
        Assert.Equal(model.Parameters().Count, copy.Parameters().Count);
        Assert.Equal(model.StateDict().Keys, copy.StateDict().Keys);
    }

    [Fact]
    public void What_a_users_module_holds_in_fields_arrays_and_lists_is_copied()
    {
        var model = new User();
        var copy = (User)model.Clone();
        Module[] children = [.. copy.Children.Values];
        Assert.Equal(model.Children.Keys, copy.Children.Keys);
        Assert.All(copy.Layers, (layer, i) => Assert.Same(children[i], layer));
        Assert.All(copy.ByList, (layer, i) => Assert.Same(children[i], layer));
        Assert.All(copy.Nested[0], (layer, i) => Assert.Same(children[i], layer));
        Assert.Same(copy.Nested, copy.Again);
        Assert.NotSame(model.Unregistered, copy.Unregistered);
        Assert.Same(copy.Running!.Mean, copy.OwnBuffers["mean"]);
        Assert.NotSame(model.Running!.Mean, copy.Running.Mean);
        Assert.NotSame(model.Scratch, copy.Scratch);
        Assert.NotSame(model.Constant, copy.Constant);
        Assert.Equal(model.Constant.ToArray<float>(), copy.Constant.ToArray<float>());

        // What leads to nothing of the network is shared.
        Assert.Same(model.Options, copy.Options);
        Assert.Same(model.Function, copy.Function);
        Assert.Equal(3, copy.Size);
        // A stream is copied where it stands.
        Assert.NotSame(model.Stream, copy.Stream);
        Assert.Equal(model.Stream.NextUInt32(), copy.Stream.NextUInt32());
    }

    [Fact]
    public void Types_and_wishes_for_gradients_are_kept_and_hooks_and_gradients_are_not()
    {
        var model = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        model.To(DType.Float64);
        model.Parameters()[0].RequiresGradient = false;
        int seen = 0;
        using IDisposable hook = model[0].AddForwardHook((_, _, _) => seen++);
        var tape = new Tape(Mode.Train);
        model.Forward(tape.Input(Tensor.RandomNormal([4, 3], new Philox(1), DType.Float64))).Sum().Backward();
        Assert.Equal(1, seen);

        Module copy = model.Clone();
        copy.Forward(Tensor.Zeros([4, 3], DType.Float64));
        Assert.Equal(1, seen);
        Assert.All(copy.Parameters(), parameter => Assert.Equal(DType.Float64, parameter.DType));
        Assert.All(copy.Parameters(), parameter => Assert.Null(parameter.Gradient));
        Assert.False(copy.Parameters()[0].RequiresGradient);
        Assert.True(copy.Parameters()[1].RequiresGradient);
        Assert.Equal("weight", copy.Parameters()[0].Name);
    }

    [Fact]
    public void A_substitute_stands_wherever_the_module_stood()
    {
        LeNet model = LeNet.Color(norm: NormKind.BatchNorm, random: new Philox(3));
        var asked = new List<Module>();
        var copy = (LeNet)model.Clone(module =>
        {
            asked.Add(module);
            return module is BatchNorm ? new Identity() : null;
        });
        Assert.Equal(asked.Distinct().Count(), asked.Count);
        Assert.Same(model, asked[0]);
        Assert.DoesNotContain(copy.NamedModules(), m => m.Module is BatchNorm);
        Assert.Same(copy.Children["bn1"], copy.Layers[1]);
        Assert.Equal(["conv1", "bn1", "act1"], copy.Children.Keys.Take(3));
        LeNet plain = LeNet.Color();
        plain.LoadStateDict(copy.StateDict());
        Tensor x = Tensor.RandomNormal([2, 3, 32, 32], new Philox(4));
        Assert.Equal(plain.Predict(x).ToArray<float>(), copy.Predict(x).ToArray<float>());

        var other = new Identity();
        Assert.Same(other, model.Clone(_ => other));
    }

    [Fact]
    public void A_substitute_that_a_field_does_not_admit_is_an_error_that_names_it()
    {
        string text = Assert.Throws<InvalidOperationException>(
            () => new Tied(new Linear(4, 4)).Clone(module => module is Linear ? new Identity() : null)).Message;
        Assert.Equal(
            "Module.Clone: Tied.First admits a Linear only; the substitute Identity cannot stand there. "
            + "Declare it with a type that admits both, for example Module, or replace the module that contains it.",
            text);
        text = Assert.Throws<InvalidOperationException>(
            () => new User().Clone(module => module is Linear ? new Identity() : null)).Message;
        Assert.StartsWith("Module.Clone: User.Layers admits a Linear only", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_module_copies_state_of_its_own_by_overriding_one_method()
    {
        var model = new OwnState();
        foreach (OwnState copy in new[] { (OwnState)model.Clone(), (OwnState)model.CloneSharingWeights() })
        {
            Module layer = copy.Children["layer"];
            Assert.NotSame(model.Children["layer"], layer);
            Assert.Same(layer, copy.ByName["first"]);
            Assert.Same(layer, copy.Pair.Layer);
            Assert.Same(layer, copy.Helper.Layer);
            Assert.Same(copy, copy.Helper.Owner);
            Assert.Same(layer, copy.Function());
            Assert.Same(copy.Children["layer"].OwnParameters["weight"].Value, copy.Values["weight"]);
        }

        Assert.Same(model.Children["layer"], model.ByName["first"]);
        Assert.Same(model, model.Helper.Owner);
    }

    public static TheoryData<string, Func<Module, object>> Unknown => new()
    {
        { "HashSet", static layer => new HashSet<Module> { layer } },
        { "Dictionary", static layer => new Dictionary<string, Module> { ["layer"] = layer } },
        { "ImmutableArray", static layer => System.Collections.Immutable.ImmutableArray.Create(layer) },
        { "ValueTuple", static layer => (layer, 1) },
        { "ValueTuple", static layer => new[] { (layer, 1) } },
        { "Module[,]", static layer => new Module[,] { { layer } } },
        { "Object[]", static layer => new object[] { 1, (layer, 1) } },
        { "Func", static layer => () => layer },
        { "Func", static layer => new Func<Module>(new Holder(layer).Get) },
        { "Func", static layer => new Func<Module>[] { () => layer } },
        { "Lazy", static layer => new Lazy<Module>(() => layer) },
        { "ReadOnlyCollection", static layer => new List<Module> { layer }.AsReadOnly() },
        { "Helper", static layer => new Helper((Linear)layer, layer) },
        { "Helper[]", static layer => new[] { new Helper((Linear)layer, layer) } },
        { "List", static layer => new List<Func<Module>> { () => layer } },
        { "Derived", static layer => new Derived(layer) },
        { "Dictionary", static layer => new Dictionary<string, (Module, int)[]>() },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public void What_holds_modules_in_another_way_is_refused_by_name(string type, Func<Module, object> hold)
    {
        string text = Assert.Throws<InvalidOperationException>(() => new Sequential(new With(hold)).Clone()).Message;
        Assert.StartsWith(
            "Module.Clone: expected modules, parameters and tensors in fields, arrays and lists, "
            + $"got With.Held of type {type},",
            text, StringComparison.Ordinal);
        Assert.Contains("Override CopyState", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_holds_no_modules_is_shared()
    {
        foreach (Func<Module, object> hold in new Func<Module, object>[]
        {
            static _ => new Func<Tensor, Tensor>(static x => x.ReLU()), static _ => new Dictionary<string, int>(),
            static _ => (1, "two"), static _ => new float[2, 2],
            static _ => LeNet.Color(norm: NormKind.BatchNorm).Options,
        })
        {
            var model = new With(hold);
            Assert.Same(model.Held, ((With)model.Clone()).Held);
        }
    }

    [Fact]
    public void A_copy_that_shares_weights_has_its_own_gradients_and_statistics()
    {
        (Module model, Tensor x) = Create("LeNet");
        Module replica = model.CloneSharingWeights();
        string mean = WeightsHash.Of(model);
        var tape = new Tape(Mode.Train);
        Tensor y = replica.Forward(tape.Input(x));
        y.Backward(Tensor.RandomNormal(y.Shape, new Philox(5)));
        Assert.All(replica.Parameters(), parameter => Assert.NotNull(parameter.Gradient));
        Assert.All(model.Parameters(), parameter => Assert.Null(parameter.Gradient));
        Assert.Equal(mean, WeightsHash.Of(model));

        model.Parameters()[0].Value.Fill(0.5);
        Assert.Equal(model.Parameters()[0].Value.ToArray<float>(), replica.Parameters()[0].Value.ToArray<float>());
        Assert.NotEqual(WeightsHash.Of(model), WeightsHash.Of(replica));
    }

    private static (Module Model, Tensor X) Create(string name)
    {
        var random = new Philox(7);
        return name switch
        {
            "LeNet" =>
                (LeNet.Color(norm: NormKind.BatchNorm, random: random), Tensor.RandomNormal([4, 3, 32, 32], random)),
            "DeepMLP" => (new DeepMLP(8, 5, NormKind.BatchNorm, random), Tensor.RandomNormal([6, 8], random)),
            "FullyConnected" =>
                (new FullyConnected(8, [7, 6], 3, NormKind.LayerNorm), Tensor.RandomNormal([6, 8], random)),
            "Sequential" => (
                new Sequential(new Conv1d(2, 3, 3, random: random), new BatchNorm1d(3), new ReLU(), new Flatten()),
                Tensor.RandomNormal([5, 2, 9], random)),
            _ => (new User(), Tensor.RandomNormal([5, 3], random)),
        };
    }

    private static void Train(Module model, Tensor x)
    {
        var optimizer = new SGD(model.Parameters(), learningRate: 0.1);
        var tape = new Tape(Mode.Train);
        Tensor y = model.Forward(tape.Input(x));
        y.Backward(Tensor.RandomNormal(y.Shape, new Philox(8)));
        optimizer.Step();
        optimizer.ZeroGrad();
    }

    private sealed class Tied : Module
    {
        public Tied(Linear shared)
        {
            First = Register("first", shared);
            Second = Register("second", shared);
            Again = shared.Weight;
            Values = shared.Weight.Value;
            Register("head", new Head(shared.Weight));
        }

        public Tensor Values { get; }
        public Linear First { get; }
        public Linear Second { get; }
        public Parameter Again { get; }

        protected override Tensor ForwardCore(Tensor x) => Second.Forward(First.Forward(x));

        private sealed class Head : Module
        {
            public Head(Parameter tied) => Register("weight", tied);

            protected override Tensor ForwardCore(Tensor x) => x;
        }
    }

    private sealed record Settings(double Rate, string Name);

    private sealed class Helper(Linear layer, Module owner)
    {
        public Linear Layer { get; } = layer;
        public Module Owner { get; } = owner;
    }

    private abstract class Base(Module layer)
    {
        private readonly Module _layer = layer;

        public override string ToString() => _layer.ToString();
    }

    private sealed class Derived(Module layer) : Base(layer);

    private sealed class User : Module
    {
        public User()
        {
            Layers = [new Linear(3, 3, random: new Philox(1)), new Linear(3, 3, random: new Philox(2))];
            for (int i = 0; i < Layers.Length; i++) Register($"layer{i}", Layers[i]);
            ByList = [.. Layers];
            Nested = [Layers, []];
            Again = Nested;
            Running = new RunningStatistics(3, RunningAverage.Torch());
            RegisterBuffer("mean", Running.Mean);
        }

        public Linear[] Layers { get; }
        public List<Module> ByList { get; }
        public List<Linear[]> Nested { get; }
        public IReadOnlyList<Linear[]> Again { get; }
        public Linear Unregistered { get; } = new(2, 2);
        public RunningStatistics? Running { get; }
        public double[] Scratch { get; } = [1, 2];
        public Tensor Constant { get; } = Tensor.Full([1], 0.5);
        public Settings Options { get; } = new(0.1, "shared");
        public Func<Tensor, Tensor> Function { get; } = static x => x.Tanh();
        public int Size { get; } = 3;
        public Philox Stream { get; } = new(9);

        protected override Tensor ForwardCore(Tensor x)
        {
            foreach (Module layer in ByList) x = Function(layer.Forward(x));
            return x * Constant;
        }
    }

    private readonly record struct Holder(Module Layer)
    {
        public Module Get() => Layer;
    }

    /// <summary>Holds its layer in every way that is not copied by itself.</summary>
    private sealed class OwnState : Module
    {
        public OwnState() => Hold(Register("layer", new Linear(2, 2)));

        public Dictionary<string, Module> ByName { get; private set; } = [];
        public (Module Layer, int Number) Pair { get; private set; }
        public Helper Helper { get; private set; } = null!;
        public Func<Module> Function { get; private set; } = null!;
        public Dictionary<string, Tensor> Values { get; private set; } = [];

        protected override Tensor ForwardCore(Tensor x) => ByName["first"].Forward(x);

        protected override void CopyState(ModuleCopier copier) => Hold(copier.Copy(Helper.Layer));

        private void Hold(Linear layer)
        {
            ByName = new Dictionary<string, Module> { ["first"] = layer };
            Pair = (layer, 1);
            Helper = new Helper(layer, this);
            Function = () => layer;
            Values = new Dictionary<string, Tensor> { ["weight"] = layer.Weight.Value };
        }
    }

    private sealed class With : Module
    {
        public With(Func<Module, object> hold) => Held = hold(Register("layer", new Linear(2, 2)));

        public object Held { get; }

        protected override Tensor ForwardCore(Tensor x) => x;
    }
}
