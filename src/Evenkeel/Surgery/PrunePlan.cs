using Evenkeel.Examination;
using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Decides which channels go: the neighbours of each norm from one traced pass, and what the next layer gets of each
/// channel from all inputs.
/// </summary>
internal sealed class PrunePlan
{
    /// <summary>Samples of the traced pass, whose activations are all kept, and of the proof.</summary>
    private const int Traced = 8, Proved = 256;

    /// <summary>A channel that is active in less than this share of samples, by its gamma and beta.</summary>
    private const double SeldomActive = 0.01;

    /// <summary>A gamma below this share of the median counts as small.</summary>
    private const double SmallGamma = 0.01;

    /// <summary>Operations besides activations that treat each channel by itself and make a constant of a constant.
    /// </summary>
    private static readonly HashSet<string> s_perChannel =
        new(StringComparer.Ordinal) { "MaxPool", "AvgPool", "Upsample", "Dropout", "Dropout2d" };

    private readonly TracedNetwork _network;
    private readonly Dictionary<Module, Cut> _cuts = new(ReferenceEqualityComparer.Instance);

    /// <summary>Runs the passes and decides.</summary>
    public PrunePlan(Module model, Tensor inputs, PruneOptions options, CancellationToken cancellation)
    {
        int samples = inputs.Shape[0];
        _network = new TracedNetwork(model, new FoldInputs(inputs.Rows(0, Math.Min(samples, Traced)), null));
        Compared = new FoldInputs(inputs.Rows(0, Math.Min(samples, Proved)), null);
        var layers = new Dictionary<Module, PrunedLayer>(ReferenceEqualityComparer.Instance);
        var chains = new List<Chain>();
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is not ITrackingNorm { Running: not null } norm) continue;
            layers[module] = new PrunedLayer(name, module.TypeName, norm.NumFeatures, [], null);
            if (ChainOf(module, norm, out string reason) is { } chain) chains.Add(chain);
            else if (IsSuspect(norm).Any(static suspect => suspect))
                layers[module] = layers[module] with { Reason = reason };
        }

        Look(model, inputs, chains, options, cancellation);
        LookInDouble(model, chains);
        foreach (Chain chain in chains)
        {
            (int[] removed, string? reason) = chain.Decide(
                IsSuspect(chain.Norm, chain.IsBehindReLU), options.Tolerance);
            layers[chain.Module] = layers[chain.Module] with { Removed = removed, Reason = reason };
            Cuts(chain, removed);
        }

        Layers = [.. from entry in model.NamedModules()
                     where layers.ContainsKey(entry.Module)
                     select layers[entry.Module]];
        foreach (TracedCall call in _network.Calls)
        {
            if (call.Module is not (Linear or ConvNd)) continue;
            Shape shape = FoldableWeights.WeightOf(call.Module).Shape;
            long places = call.Y.Count / (call.Y.Shape[0] * (long)shape[0]);
            OperationsBefore += places * shape.Count;
            OperationsAfter += places * (_cuts.TryGetValue(call.Module, out Cut? cut) ? cut.WeightsLeft : shape.Count);
        }
    }

    /// <summary>The inputs of the proof.</summary>
    public FoldInputs Compared { get; }

    /// <summary>All norms and what becomes of them.</summary>
    public IReadOnlyList<PrunedLayer> Layers { get; }

    /// <summary>Channels that go.</summary>
    public int Removed => Layers.Sum(static layer => layer.Removed.Count);

    /// <summary>Multiplications for one sample.</summary>
    public long OperationsBefore { get; }

    /// <summary>The same afterwards.</summary>
    public long OperationsAfter { get; }

    /// <summary>What stands in the pruned network in place of a module; null takes the copy of the module.</summary>
    public Module? Substitute(Module module, DType dtype) =>
        _cuts.TryGetValue(module, out Cut? cut) ? cut.Apply(dtype) : null;

    /// <summary>The channels that gamma, beta or the running variance say are constant.</summary>
    private static bool[] IsSuspect(ITrackingNorm norm, bool isBehindReLU = true)
    {
        int channels = norm.NumFeatures;
        var result = new bool[channels];
        double[] gamma = new double[channels];
        for (int c = 0; c < channels; c++) gamma[c] = Math.Abs(norm.Weight?.Value.ValueAt(c) ?? 1);
        double median = gamma.Order().ElementAt(channels / 2);
        for (int c = 0; c < channels; c++)
        {
            double beta = norm.Bias?.Value.ValueAt(c) ?? 0, variance = norm.Running!.Variance.Value.ValueAt(c);
            result[c] = gamma[c] <= SmallGamma * median || variance <= norm.Eps
                || (isBehindReLU && Ratios.ActiveShare(gamma[c], beta) < SeldomActive);
        }

        return result;
    }

    /// <summary>The layer before a norm and the layer after it; otherwise the reason why there are none.</summary>
    private Chain? ChainOf(Module module, ITrackingNorm norm, out string reason)
    {
        if (module is not (BatchNorm1d or BatchNorm2d or BatchNorm3d))
            return No($"a {module.TypeName} is not made smaller", out reason);
        if (_network.IsHooked(module)) return No("a hook looks at it; dispose the hook first", out reason);
        IReadOnlyList<TracedCall> calls = _network.CallsOf(module);
        if (calls.Count != 1) return No($"it runs {calls.Count} times in a pass", out reason);
        Tensor x = calls[0].X;
        if (ReferenceEquals(x, _network.Output) || _network.Trace.Consumers(x).Count != 1)
            return No("its input is used elsewhere too", out reason);
        if (_network.MadeByLinear(x) is not { } before)
            return No($"what comes before it is not a linear layer but {_network.MakerOf(x)}", out reason);
        if (norm.AxisOf(x.Shape) != 1 || TracedNetwork.AxisOf(before.Module, x.Shape) != 1)
            return No("its channels are not dimension 1", out reason);
        if (Obstacle(before.Module) is { } obstacle) return No(obstacle, out reason);

        Tensor y = calls[0].Y;
        bool isBehindReLU = false;
        while (true)
        {
            if (ReferenceEquals(y, _network.Output)) return No("its output is the network's", out reason);
            IReadOnlyList<TracedOp> consumers = _network.Trace.Consumers(y);
            if (consumers.Count != 1) return No("its output goes several ways", out reason);
            if (_network.TakenByLinear(y) is { } after)
            {
                if (Obstacle(after.Module) is { } refused) return No(refused, out reason);
                if (y.Shape.Rank > 1 && TracedNetwork.AxisOf(after.Module, y.Shape) == 1)
                {
                    reason = "";
                    return new Chain(module, norm, before.Module, after.Module, isBehindReLU);
                }

                return No($"its channels are not the inputs of {_network.Label(after.Module)}", out reason);
            }

            TracedOp op = consumers[0];
            bool isFlattening = op is { IsAlias: true, Output.Shape.Rank: 2 } && op.Output.Shape[0] == y.Shape[0];
            bool isPerChannel = (s_perChannel.Contains(op.Name) || KnownActivations.IsPerChannel(op.Name))
                && op.Output.Shape.Rank == y.Shape.Rank && op.Output.Shape[1] == y.Shape[1];
            if (!isFlattening && !isPerChannel)
                return No($"what comes after it is not a linear layer but {op.Name}", out reason);
            isBehindReLU |= op.Name == "ReLU";
            y = op.Output;
        }
    }

    private string? Obstacle(Module layer)
    {
        if (_network.Refusal(layer) is { } refusal) return refusal;
        if (layer is ConvTransposeNd) return $"{_network.Label(layer)} is not made smaller";
        if (LinearLayers.SizesOf(layer).Groups != 1) return $"{_network.Label(layer)} has groups";
        return layer.Parametrization is not null
            || layer is ConvNd { WeightStandardization: not null } or Linear { WeightStandardization: not null }
            ? $"the weights of {_network.Label(layer)} are computed from others"
            : null;
    }

    /// <summary>Measures what the next layer gets of each channel.</summary>
    private static void Look(
        Module model, Tensor inputs, List<Chain> chains, PruneOptions options, CancellationToken cancellation)
    {
        if (chains.Count == 0) return;
        var hooks = new List<IDisposable>();
        try
        {
            foreach (Chain chain in chains) hooks.Add(chain.After.AddForwardHook((_, x, _) => chain.Add(x)));
            var tape = new Tape(Mode.Eval);
            for (int start = 0; start < inputs.Shape[0]; start += options.BatchSize)
            {
                cancellation.ThrowIfCancellationRequested();
                tape.Reset();
                int count = Math.Min(options.BatchSize, inputs.Shape[0] - start);
                model.Forward(tape.Input(inputs.Rows(start, count)));
            }
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    /// <summary>
    /// The same of a few samples in Float64, for constants that are not rounded to the network's type. A network that
    /// does not compute in Float64 has its own values.
    /// </summary>
    private void LookInDouble(Module model, List<Chain> chains)
    {
        Module wide = model.Clone();
        wide.To(DType.Float64);
        Dictionary<string, Module> modules = TracedNetwork.ByName(wide);
        var hooks = new List<IDisposable>();
        foreach (Chain chain in chains)
        {
            hooks.Add(modules[_network.NameOf(chain.After)].AddForwardHook((_, x, _) =>
            {
                if (x.DType == DType.Float64) chain.Exact = x.Detach().Clone();
            }));
        }

        try
        {
            new FoldInputs(Compared.First.Rows(0, 1), null).InDouble().Run(wide);
        }
        catch (Exception mixed) when (mixed is ArgumentException or InvalidOperationException)
        {
            // The proof says what is wrong.
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    private void Cuts(Chain chain, int[] removed)
    {
        if (removed.Length == 0) return;
        int[] kept = [.. Enumerable.Range(0, chain.Norm.NumFeatures).Except(removed)];
        CutOf(chain.Before).Outputs = kept;
        CutOf(chain.Module).Outputs = kept;
        Cut after = CutOf(chain.After);
        after.Inputs = [.. kept.SelectMany(c => Enumerable.Range(c * chain.PointsOfInput, chain.PointsOfInput))];
        after.Constants = chain.Constants(removed);
    }

    private Cut CutOf(Module module)
    {
        if (!_cuts.TryGetValue(module, out Cut? cut)) _cuts.Add(module, cut = new Cut(module));
        return cut;
    }

    private static Chain? No(string why, out string reason)
    {
        reason = why;
        return null;
    }

    /// <summary>A layer, its norm, and the layer that alone takes the norm's outputs.</summary>
    /// <param name="module">The norm.</param>
    /// <param name="norm">The norm.</param>
    /// <param name="before">The layer before it.</param>
    /// <param name="after">The layer after it.</param>
    /// <param name="isBehindReLU">Whether a ReLU is between.</param>
    private sealed class Chain(
        Module module, ITrackingNorm norm, Module before, Module after, bool isBehindReLU)
    {
        private readonly double[] _low = Filled(norm.NumFeatures, double.PositiveInfinity);
        private readonly double[] _high = Filled(norm.NumFeatures, double.NegativeInfinity);

        public Module Module => module;

        public ITrackingNorm Norm => norm;

        public Module Before => before;

        public Module After => after;

        public bool IsBehindReLU => isBehindReLU;

        /// <summary>Inputs of the next layer that belong to one channel: more than 1 after a flattening.</summary>
        public int PointsOfInput => after is Linear linear ? linear.InFeatures / norm.NumFeatures : 1;

        /// <summary>The inputs of the next layer of one sample in Float64; null if they are not known.</summary>
        public Tensor? Exact { get; set; }

        /// <summary>Takes the inputs of the next layer.</summary>
        public void Add(Tensor x)
        {
            if (x.DType == DType.Float64) Add<double>(x);
            else Add<float>(x);
        }

        /// <summary>The channels that go; otherwise the reason why suspects stay.</summary>
        public (int[] Removed, string? Reason) Decide(bool[] suspects, double tolerance)
        {
            int channels = norm.NumFeatures;
            double[] spread = [.. _high.Zip(_low, static (high, low) => high - low)];
            double typical = spread.Order().ElementAt(channels / 2);
            var constant = new List<int>();
            for (int c = 0; c < channels; c++)
            {
                if (suspects[c] && spread[c] <= tolerance * typical) constant.Add(c);
            }

            if (constant.Count == 0) return ([], null);
            string? reason = null;
            if (TracedNetwork.PadsWithZeros(after))
            {
                if (constant.RemoveAll(c => Middle(c) != 0) > 0)
                    reason = "the next layer pads with zeros, which the constant of a channel is not";
            }

            // A layer without channels is none.
            if (constant.Count == channels) constant.RemoveAt(0);
            return ([.. constant], constant.Count == 0 ? reason : null);
        }

        /// <summary>The constant of each input of the next layer that goes.</summary>
        public Dictionary<int, double> Constants(int[] removed)
        {
            var result = new Dictionary<int, double>();
            foreach (int c in removed)
            {
                for (int i = 0; i < PointsOfInput; i++) result.Add((c * PointsOfInput) + i, Middle(c));
            }

            return result;
        }

        private double Middle(int channel)
        {
            double middle = (_low[channel] + _high[channel]) / 2;
            return middle == 0 || Exact is null
                ? middle
                : Exact.ValueAt(Exact.Count / norm.NumFeatures * channel);
        }

        private void Add<T>(Tensor x) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        {
            ReadOnlySpan<T> values = x.AsSpan<T>();
            int channels = norm.NumFeatures, size = values.Length / (x.Shape[0] * channels);
            for (int start = 0, c = 0; start < values.Length; start += size, c = c + 1 == channels ? 0 : c + 1)
            {
                foreach (T value in values.Slice(start, size))
                {
                    double v = double.CreateTruncating(value);
                    // A NaN is neither, and no constant.
                    if (double.IsNaN(v)) _high[c] = double.PositiveInfinity;
                    _low[c] = Math.Min(_low[c], v);
                    _high[c] = Math.Max(_high[c], v);
                }
            }
        }

        private static double[] Filled(int count, double value)
        {
            var values = new double[count];
            Array.Fill(values, value);
            return values;
        }
    }

    /// <summary>What stays of a module.</summary>
    private sealed class Cut(Module module)
    {
        /// <summary>The outputs that stay; null for all.</summary>
        public int[]? Outputs { get; set; }

        /// <summary>The inputs that stay; null for all.</summary>
        public int[]? Inputs { get; set; }

        /// <summary>The constants of the inputs that go.</summary>
        public Dictionary<int, double> Constants { get; set; } = [];

        /// <summary>Weights of the layer afterwards.</summary>
        public long WeightsLeft
        {
            get
            {
                Shape shape = FoldableWeights.WeightOf(module).Shape;
                return shape.Count / ((long)shape[0] * shape[1]) * (Outputs?.Length ?? shape[0])
                    * (Inputs?.Length ?? shape[1]);
            }
        }

        /// <summary>The module with what stays.</summary>
        public Module Apply(DType dtype) => module is BatchNorm norm ? Narrow(norm, dtype) : NarrowLayer(dtype);

        private Module NarrowLayer(DType dtype)
        {
            Parameter weight = FoldableWeights.WeightOf(module);
            bool hasBias = module.OwnParameters.TryGetValue("bias", out Parameter? bias);
            Shape shape = weight.Shape;
            int inputs = shape[1], points = shape.Count / (shape[0] * inputs);
            int[] outputs = Outputs ?? [.. Enumerable.Range(0, shape[0])];
            int[] kept = Inputs ?? [.. Enumerable.Range(0, inputs)];
            var added = new double[outputs.Length];
            for (int o = 0; o < outputs.Length; o++)
            {
                foreach ((int i, double k) in Constants)
                {
                    for (int p = 0; p < points; p++)
                        added[o] += weight.Value.ValueAt((((outputs[o] * inputs) + i) * points) + p) * k;
                }
            }

            bool needsBias = hasBias || Array.Exists(added, static value => value != 0);
            Module layer = LinearLayers.Like(module, kept.Length, outputs.Length, needsBias);
            layer.To(dtype);
            Parameter narrow = FoldableWeights.WeightOf(layer);
            int at = 0;
            foreach (int o in outputs)
            {
                foreach (int i in kept)
                {
                    for (int p = 0; p < points; p++)
                        narrow.Value.SetValueAt(at++, weight.Value.ValueAt((((o * inputs) + i) * points) + p));
                }
            }

            narrow.RequiresGradient = weight.RequiresGradient;
            if (!needsBias) return layer;
            Parameter narrowBias = layer.OwnParameters["bias"];
            for (int o = 0; o < outputs.Length; o++)
                narrowBias.Value.SetValueAt(o, (bias?.Value.ValueAt(outputs[o]) ?? 0) + added[o]);
            narrowBias.RequiresGradient = bias?.RequiresGradient ?? weight.RequiresGradient;
            return layer;
        }

        private BatchNorm Narrow(BatchNorm norm, DType dtype)
        {
            int[] kept = Outputs!;
            (bool scale, bool bias) = (norm.Weight is not null, norm.Bias is not null);
            BatchNorm result = norm switch
            {
                BatchNorm1d => new BatchNorm1d(kept.Length, norm.Convention, scale, bias),
                BatchNorm2d => new BatchNorm2d(kept.Length, norm.Convention, scale, bias),
                _ => new BatchNorm3d(kept.Length, norm.Convention, scale, bias),
            };
            result.To(dtype);
            PickParameter(norm.Weight, result.Weight);
            PickParameter(norm.Bias, result.Bias);
            (RunningStatistics from, RunningStatistics to) = (norm.Running!, result.Running!);
            Pick(from.Mean.Value, to.Mean.Value);
            Pick(from.Variance.Value, to.Variance.Value);
            to.NumBatchesTracked.Value.CopyFrom(from.NumBatchesTracked.Value);
            to.SkippedBatches = from.SkippedBatches;
            to.BeginAs(from.Origin);
            result.Set(norm.State, nameof(Pruning));
            return result;

            void PickParameter(Parameter? source, Parameter? target)
            {
                if (source is null || target is null) return;
                Pick(source.Value, target.Value);
                target.RequiresGradient = source.RequiresGradient;
            }
        }

        private void Pick(Tensor source, Tensor target)
        {
            int[] kept = Outputs!;
            for (int i = 0; i < kept.Length; i++) target.SetValueAt(i, source.ValueAt(kept[i]));
        }
    }
}
