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
    public void All_that_a_users_module_holds_is_copied()
    {
        var model = new User();
        var copy = (User)model.Clone();
        Module[] children = [.. copy.Children.Values];
        Assert.Equal(model.Children.Keys, copy.Children.Keys);
        Assert.All(copy.Layers, (layer, i) => Assert.Same(children[i], layer));
        Assert.All(copy.ByList, (layer, i) => Assert.Same(children[i], layer));
        Assert.Same(children[0], copy.ByName["first"]);
        Assert.Equal("first", copy.Names[(Linear)children[0]]);
        Assert.Same(children[0], copy.Pairs[0].Layer);
        Assert.Same(children[1], copy.Grid[0, 1]);
        Assert.Same(children[0], copy.Helper.Layer);
        Assert.Same(copy, copy.Helper.Owner);
        Assert.Same(children[0], copy.Layer());
        Assert.Same(copy, copy.Bound.Target);
        Assert.Same(copy.Running!.Mean, copy.OwnBuffers["mean"]);
        Assert.NotSame(model.Running!.Mean, copy.Running.Mean);
        Assert.NotSame(model.Scratch, copy.Scratch);
        Assert.NotSame(model.Constant, copy.Constant);
        Assert.Equal(model.Constant.ToArray<float>(), copy.Constant.ToArray<float>());

        // What leads to nothing of the network is shared.
        Assert.Same(model.Options, copy.Options);
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
        string text = Assert.Throws<InvalidOperationException>(() => new Tied(new Linear(4, 4)).Clone(module => module is Linear ? new Identity() : null)).Message;
        Assert.Equal("Module.Clone: Tied.First admits a Linear only; the substitute Identity cannot stand there. Declare it with a type that admits both, for example Module, or replace the module that contains it.", text);
        text = Assert.Throws<InvalidOperationException>(() => new User().Clone(module => module is Linear ? new Identity() : null)).Message;
        Assert.StartsWith("Module.Clone: User.Layers admits a Linear only", text, StringComparison.Ordinal);
        foreach (Func<Module, object> set in new Func<Module, object>[]
        {
            static layer => new HashSet<Module> { layer }, static layer => System.Collections.Immutable.ImmutableHashSet.Create(layer),
            static layer => System.Collections.Immutable.ImmutableDictionary<Module, int>.Empty.Add(layer, 1),
        })
        {
            text = Assert.Throws<InvalidOperationException>(() => new WithSet(set).Clone()).Message;
            Assert.Matches("^Module.Clone: WithSet.Set of type (HashSet|ImmutableHashSet|ImmutableDictionary) is a set or cannot be changed", text);
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

    [Fact]
    public void Structs_behind_interfaces_and_functions_that_hold_themselves_are_copied_and_the_original_keeps_its_own()
    {
        var model = new Boxing();
        Module layer = model.Children["layer"];
        var copy = (Boxing)model.Clone();
        Module other = copy.Children["layer"];
        Assert.NotSame(layer, other);
        foreach ((Boxing holder, Module held) in new[] { (model, layer), (copy, other) })
        {
            Assert.Same(held, holder.Layers[0]);
            Assert.Same(held, ((ValueTuple<Module, int>)holder.Pair).Item1);
            Assert.Same(held, ((ValueTuple<Module, int>)holder.Things[0]).Item1);
            Assert.Equal(2, holder.Things[1]);
            Assert.Same(held, holder.Bound());
            Assert.Same(held, holder.Repeated(3));
            Assert.Same(held, holder.Later.Value);
            Assert.Same(held, holder.Made.Value);
            Assert.Same(held, holder.Segment[0]);
            Assert.Same(held, holder.Memory.Span[0]);
        }
    }

    private static (Module Model, Tensor X) Create(string name)
    {
        var random = new Philox(7);
        return name switch
        {
            "LeNet" => (LeNet.Color(norm: NormKind.BatchNorm, random: random), Tensor.RandomNormal([4, 3, 32, 32], random)),
            "DeepMLP" => (new DeepMLP(8, 5, NormKind.BatchNorm, random), Tensor.RandomNormal([6, 8], random)),
            "FullyConnected" => (new FullyConnected(8, [7, 6], 3, NormKind.LayerNorm), Tensor.RandomNormal([6, 8], random)),
            "Sequential" => (new Sequential(new Conv1d(2, 3, 3, random: random), new BatchNorm1d(3), new ReLU(), new Flatten()), Tensor.RandomNormal([5, 2, 9], random)),
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

    private sealed class User : Module
    {
        public User()
        {
            Layers = [new Linear(3, 3, random: new Philox(1)), new Linear(3, 3, random: new Philox(2))];
            for (int i = 0; i < Layers.Length; i++) Register($"layer{i}", Layers[i]);
            ByList = [.. Layers];
            ByName = new Dictionary<string, Module> { ["first"] = Layers[0] };
            Names = new Dictionary<Linear, string> { [Layers[0]] = "first", [Layers[1]] = "second" };
            Pairs = [(Layers[0], 1), (Layers[1], 2)];
            Grid = new Module?[,] { { null, Layers[1] } };
            Helper = new Helper(Layers[0], this);
            Linear first = Layers[0];
            Layer = () => first;
            Bound = Relu;
            Running = new RunningStatistics(3, RunningAverage.Torch());
            RegisterBuffer("mean", Running.Mean);
        }

        public Linear[] Layers { get; }
        public List<Module> ByList { get; }
        public Dictionary<string, Module> ByName { get; }
        public Dictionary<Linear, string> Names { get; }
        public (Linear Layer, int Number)[] Pairs { get; }
        public Module?[,] Grid { get; }
        public Helper Helper { get; }
        public Func<Module> Layer { get; }
        public Func<Tensor, Tensor> Bound { get; }
        public RunningStatistics? Running { get; }
        public double[] Scratch { get; } = [1, 2];
        public Tensor Constant { get; } = Tensor.Full([1], 0.5);
        public Settings Options { get; } = new(0.1, "shared");
        public int Size { get; } = 3;
        public Philox Stream { get; } = new(9);

        protected override Tensor ForwardCore(Tensor x)
        {
            foreach (Module layer in ByList) x = Bound(layer.Forward(x));
            return x * Constant;
        }

        private Tensor Relu(Tensor x) => x.Tanh();
    }

    private readonly record struct Holder(Module Layer)
    {
        public Module Get() => Layer;
    }

    private sealed class Boxing : Module
    {
        public Boxing()
        {
            Module layer = Register("layer", new Linear(2, 2));
            Layers = System.Collections.Immutable.ImmutableArray.Create(layer);
            Pair = (layer, 1);
            Things = [(layer, 1), 2];
            Bound = new Holder(layer).Get;
            Func<int, Module> repeated = null!;
            repeated = times => times == 0 ? layer : repeated(times - 1);
            Repeated = repeated;
            Later = new Lazy<Module>(() => layer);
            Made = new Lazy<Module>(() => layer);
            _ = Made.Value;
            Segment = new ArraySegment<Module>([layer]);
            Memory = new[] { layer };
        }

        public IReadOnlyList<Module> Layers { get; }
        public object Pair { get; }
        public object[] Things { get; }
        public Func<Module> Bound { get; }
        public Func<int, Module> Repeated { get; }
        public Lazy<Module> Later { get; }
        public Lazy<Module> Made { get; }
        public ArraySegment<Module> Segment { get; }
        public Memory<Module> Memory { get; }

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    private sealed class WithSet : Module
    {
        public WithSet(Func<Module, object> set) => Set = set(Register("layer", new Linear(2, 2)));

        public object Set { get; }

        protected override Tensor ForwardCore(Tensor x) => x;
    }
}
