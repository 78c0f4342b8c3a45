using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using TorchSharp;
using static TorchSharp.torch;
using Module = Evenkeel.Nn.Module;
using Net = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;
using Ours = Evenkeel.Tensor;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests;

/// <summary>A network of the library and the same one of TorchSharp, with equal keys.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Sample">The shape of one input.</param>
/// <param name="Create">Makes the library's, with weights from the stream.</param>
/// <param name="CreateTwin">Makes TorchSharp's, with weights from its generator.</param>
/// <param name="Uncounted">The key of a counter that PyTorch's layer leaves at 0, and ours does not.</param>
internal sealed record Network(
    string Name, int[] Sample, Func<IRandomStream, Module> Create, Func<Net> CreateTwin, string? Uncounted = null)
{
    private const int Batch = 6;

    private const double LearningRate = 0.1, Tolerance = 1e-5;

    /// <summary>
    /// Takes the state through TorchSharp's file in both directions. The side that saves has made a training step
    /// before, so that its statistics are no start values. The other one loads the file, and both have the same outputs
    /// in eval. Then both make the same training step, and have the same outputs, parameters and statistics again.
    /// </summary>
    public IEnumerable<(bool Fits, string Text)> Check(string folder)
    {
        foreach (bool isOurs in new[] { false, true })
        {
            Distances far = Run(Path.Combine(folder, "net.dat"), isOurs);
            yield return (far.Largest <= Tolerance,
                $"{Name}, {(isOurs ? "ours -> TorchSharp" : "TorchSharp -> ours")}: {far.Tensors} tensors, outputs "
                + $"{far.Outputs:g2}, after a training step outputs {far.Trained:g2}, state {far.State:g2}");
        }
    }

    private Distances Run(string path, bool isOurs)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(isOurs ? 2 : 1);
        Net theirs = CreateTwin();
        Module ours = Create(new Philox(isOurs ? 3UL : 4UL));
        Ours x = Ours.RandomNormal([Batch, .. Sample], new Philox(5)), y = Ours.RandomNormal([Batch, .. Sample],
            new Philox(6));
        if (isOurs)
        {
            Train(ours, x);
            var archive = new TensorArchive();
            archive.Add("", ours.StateDict());
            TorchSharpFile.Write(path, archive);
            theirs.load(path);
        }
        else
        {
            Train(theirs, Convert(x));
            theirs.save(path);
            ours.LoadStateDict(TorchSharpFile.Read(path).StateDict());
        }

        double outputs = Outputs();
        Train(ours, y);
        Train(theirs, Convert(y));
        StateDict state = ours.StateDict();
        Dictionary<string, Torch> expected = theirs.state_dict();
        if (!state.Keys.Order(StringComparer.Ordinal).SequenceEqual(expected.Keys.Order(StringComparer.Ordinal)))
            throw new InvalidOperationException($"{Name}: expected equal keys on both sides.");
        return new Distances(state.Count, outputs, Outputs(),
            Largest(state.Where(one => one.Key != Uncounted).Select(one => Distance(one.Value, expected[one.Key]))));

        double Outputs()
        {
            theirs.eval();
            using (no_grad()) return Distance(ours.Predict(y), theirs.call(Convert(y)));
        }
    }

    private static void Train(Module model, Ours x)
    {
        Ours y = model.Forward(new Tape().Input(x));
        y.Square().Mean().Backward();
        new SGD(model.Parameters(), LearningRate).Step();
        model.ZeroGrad();
    }

    private static void Train(Net model, Torch x)
    {
        model.train();
        model.call(x).square().mean().backward();
        optim.SGD(model.parameters(), LearningRate).step();
        model.zero_grad();
    }

    private static Torch Convert(Ours x) =>
        tensor(x.ToArray<float>(), [.. x.Shape.Select(static size => (long)size)]);

    private static double Distance(Ours ours, Torch theirs)
    {
        double[] a = ours.To(DType.Float64).ToArray<double>(),
            b = theirs.detach().to(float64).contiguous().data<double>().ToArray();
        return a.Length == b.Length && ours.Shape.Select(static size => (long)size).SequenceEqual(theirs.shape)
            ? Largest(a.Zip(b, static (one, other) => Math.Abs(one - other) / Math.Max(1, Math.Abs(other))))
            : double.PositiveInfinity;
    }

    /// <summary>Not a number if one of them is none, which Enumerable.Max passes over.</summary>
    private static double Largest(IEnumerable<double> distances) => distances.Aggregate(0.0, Math.Max);

    private readonly record struct Distances(int Tensors, double Outputs, double Trained, double State)
    {
        public double Largest => Math.Max(Math.Max(Outputs, Trained), State);
    }
}

/// <summary>Twelve networks that both sides have.</summary>
internal static class Networks
{
    private static readonly Network[] s_all =
    [
        new("MLP with BatchNorm1d", [7],
            static random => new Sequential(new Linear(7, 16, random: random), new BatchNorm1d(16), new ReLU(),
                new Linear(16, 8, bias: false, random: random), new BatchNorm1d(8, eps: 1e-3, momentum: 0.3),
                new Tanh(), new Linear(8, 3, random: random)),
            static () => nn.Sequential(nn.Linear(7, 16), nn.BatchNorm1d(16), nn.ReLU(),
                nn.Linear(16, 8, hasBias: false), nn.BatchNorm1d(8, eps: 1e-3, momentum: 0.3), nn.Tanh(),
                nn.Linear(8, 3))),
        new("LeNet", [1, 28, 28],
            static random => new Sequential(new Conv2d(1, 6, 5, padding: 2, random: random), new ReLU(),
                new MaxPool2d(2), new Conv2d(6, 16, 5, random: random), new ReLU(), new MaxPool2d(2), new Flatten(),
                new Linear(400, 120, random: random), new ReLU(), new Linear(120, 84, random: random), new ReLU(),
                new Linear(84, 10, random: random)),
            static () => nn.Sequential(nn.Conv2d(1, 6, 5, padding: 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5),
                nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
                nn.ReLU(), nn.Linear(84, 10))),
        new("convolutions with BatchNorm2d", [3, 16, 16],
            static random => new Sequential(new Conv2d(3, 8, 3, padding: 1, bias: false, random: random),
                new BatchNorm2d(8), new LeakyReLU(0.1), new AvgPool2d(2),
                new Conv2d(8, 16, 3, stride: 2, bias: false, random: random), new BatchNorm2d(16, affine: false),
                new ReLU(), new AdaptiveAvgPool2d(1), new Flatten(), new Linear(16, 10, random: random)),
            static () => nn.Sequential(nn.Conv2d(3, 8, 3, padding: 1, bias: false), nn.BatchNorm2d(8),
                nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, stride: 2, bias: false),
                nn.BatchNorm2d(16, affine: false), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(16, 10))),
        new("residual blocks", [4, 8, 8],
            static random => new Sequential(new BasicBlock(4, 4, 8, norm: NormKind.BatchNorm, random: random),
                new BasicBlock(4, 8, 8, stride: 2, norm: NormKind.BatchNorm, random: random),
                new AdaptiveAvgPool2d(1), new Flatten(), new Linear(8, 5, random: random)),
            static () => nn.Sequential(new Block(4, 4, 1), new Block(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(8, 5))),
        new("GroupNorm", [3, 12, 12],
            static random => new Sequential(new Conv2d(3, 8, 3, random: random), new GroupNorm(4, 8), new GELU(),
                new Conv2d(8, 6, (1, 3), dilation: (1, 2), random: random), new GroupNorm(1, 6, affine: false),
                new ReLU(), new MaxPool2d(3, 2, 1), new Flatten(), new Linear(90, 4, random: random)),
            static () => nn.Sequential(nn.Conv2d(3, 8, 3), GroupNorm(4, 8), nn.GELU(),
                nn.Conv2d(8, 6, (1, 3), dilation: (1, 2)), nn.GroupNorm(1, 6, affine: false), nn.ReLU(),
                nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(90, 4))),
        new("MLP with LayerNorm", [5, 9],
            static random => new Sequential(new Linear(9, 12, random: random), new LayerNorm(12), new Sigmoid(),
                new LayerNorm([5, 12], bias: false), new Flatten(), new Linear(60, 3, random: random),
                new LogSoftmax(-1)),
            static () => nn.Sequential(nn.Linear(9, 12), nn.LayerNorm(12), nn.Sigmoid(),
                nn.LayerNorm([5, 12], bias: false), nn.Flatten(), nn.Linear(60, 3), nn.LogSoftmax(-1))),
        new("InstanceNorm2d with statistics", [3, 10, 10],
            static random => new Sequential(new Conv2d(3, 6, 3, random: random),
                new InstanceNorm2d(6, affine: true, trackRunningStats: true), new ReLU(),
                new Conv2d(6, 4, 3, random: random), new InstanceNorm2d(4), new Tanh(), new Flatten(),
                new Linear(144, 3, random: random)),
            static () => nn.Sequential(nn.Conv2d(3, 6, 3),
                nn.InstanceNorm2d(6, affine: true, track_running_stats: true), nn.ReLU(), nn.Conv2d(6, 4, 3),
                nn.InstanceNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(144, 3)),
            Uncounted: "1.num_batches_tracked"),
        new("depthwise convolutions", [8, 9, 9],
            static random => new Sequential(new Conv2d(8, 8, 3, padding: 1, groups: 8, bias: false, random: random),
                new BatchNorm2d(8), new ReLU(), new Conv2d(8, 12, 1, bias: false, random: random),
                new BatchNorm2d(12, momentum: 0.01), new ReLU(), new Conv2d(12, 6, 3, stride: 2, groups: 3,
                random: random), new AdaptiveAvgPool2d((2, 2)), new Flatten(), new Linear(24, 4, random: random)),
            static () => nn.Sequential(nn.Conv2d(8, 8, 3, padding: 1, groups: 8, bias: false), nn.BatchNorm2d(8),
                nn.ReLU(), nn.Conv2d(8, 12, 1, bias: false), nn.BatchNorm2d(12, momentum: 0.01), nn.ReLU(),
                nn.Conv2d(12, 6, 3, stride: 2, groups: 3), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(),
                nn.Linear(24, 4))),
        new("Conv1d with BatchNorm1d", [4, 30],
            static random => new Sequential(new Conv1d(4, 8, 5, stride: 2, padding: 2, random: random),
                new BatchNorm1d(8), new ReLU(), new MaxPool1d(2), new Conv1d(8, 6, 3, groups: 2, random: random),
                new InstanceNorm1d(6, affine: true), new ReLU(), new AvgPool1d(2), new Flatten(),
                new Linear(12, 3, random: random)),
            static () => nn.Sequential(nn.Conv1d(4, 8, 5, stride: 2, padding: 2), nn.BatchNorm1d(8), nn.ReLU(),
                nn.MaxPool1d(2), nn.Conv1d(8, 6, 3, groups: 2), nn.InstanceNorm1d(6, affine: true), nn.ReLU(),
                nn.AvgPool1d(2), nn.Flatten(), nn.Linear(12, 3))),
        new("BatchNorm3d", [3, 2, 4, 4],
            static random => new Sequential(new BatchNorm3d(3), new Tanh(), new Flatten(),
                new Linear(96, 24, random: random), new Unflatten(1, 2, 3, 4), new BatchNorm2d(2), new Flatten(),
                new Linear(24, 2, random: random)),
            static () => nn.Sequential(nn.BatchNorm3d(3), nn.Tanh(), nn.Flatten(), nn.Linear(96, 24),
                nn.Unflatten(1, [2, 3, 4]), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(24, 2))),
        // Dropout draws other numbers on each side: with p = 0 it is passed in training as well.
        new("local response norm and dropout", [6, 8, 8],
            static random => new Sequential(new Conv2d(6, 10, 3, random: random), new ReLU(),
                new LocalResponseNorm(5), new MaxPool2d(2), new Dropout2d(0), new Flatten(), new Dropout(0),
                new Linear(90, 5, random: random), new Softmax(-1)),
            static () => nn.Sequential(nn.Conv2d(6, 10, 3), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(2),
                nn.Dropout2d(0), nn.Flatten(), nn.Dropout(0), nn.Linear(90, 5), nn.Softmax(-1))),
        new("nested modules", [6],
            static random => new Sequential(new Sequential(new Linear(6, 8, random: random), new Sequential(
                new BatchNorm1d(8), new Identity(), new ReLU())), new Sequential(new Linear(8, 2, random: random))),
            static () => nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.Sequential(nn.BatchNorm1d(8), nn.Identity(),
                nn.ReLU())), nn.Sequential(nn.Linear(8, 2)))),
    ];

    public static IEnumerable<(bool Fits, string Text)> Check()
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-").FullName;
        try
        {
            foreach (Network one in s_all)
            {
                foreach ((bool Fits, string Text) line in one.Check(folder)) yield return line;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>TorchSharp 0.107 leaves the weights of this layer as the memory had them.</summary>
    private static TorchSharp.Modules.GroupNorm GroupNorm(int groups, int channels)
    {
        TorchSharp.Modules.GroupNorm norm = nn.GroupNorm(groups, channels);
        nn.init.ones_(norm.weight!);
        nn.init.zeros_(norm.bias!);
        return norm;
    }

    /// <summary>TorchSharp's twin of <see cref="BasicBlock"/>, under torchvision's keys.</summary>
    private sealed class Block : Net
    {
        private readonly Net _conv1, _bn1, _conv2, _bn2;
        private readonly Net? _downsample;

        public Block(int channels, int outChannels, int stride) : base(nameof(Block))
        {
            _conv1 = Add("conv1", nn.Conv2d(channels, outChannels, 3, stride, padding: 1, bias: false));
            _bn1 = Add("bn1", nn.BatchNorm2d(outChannels));
            _conv2 = Add("conv2", nn.Conv2d(outChannels, outChannels, 3, padding: 1, bias: false));
            _bn2 = Add("bn2", nn.BatchNorm2d(outChannels));
            if (channels == outChannels && stride == 1) return;
            _downsample = Add("downsample", nn.Sequential(nn.Conv2d(channels, outChannels, 1, stride, bias: false),
                nn.BatchNorm2d(outChannels)));
        }

        public override Torch forward(Torch x)
        {
            Torch y = _bn2.call(_conv2.call(_bn1.call(_conv1.call(x)).relu()));
            return (y + (_downsample is null ? x : _downsample.call(x))).relu();
        }

        private Net Add(string name, Net module)
        {
            register_module(name, module);
            return module;
        }
    }
}
