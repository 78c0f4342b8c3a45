using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>Looks at the outputs of the activations of a network over the batches of a pass.</summary>
/// <remarks>A module that runs several times in a pass is looked at as several activations.</remarks>
internal sealed class ActivationWatch(DataExamination examination)
{
    private readonly List<Seen> _seen = [];
    private readonly List<(Tensor Y, string Name)> _norms = [];
    private readonly Dictionary<Module, int> _calls = new(ReferenceEqualityComparer.Instance);

    /// <summary>What looks at which module.</summary>
    public IEnumerable<(Module, Action<Module, Tensor, Tensor>)> Hooks()
    {
        foreach ((string name, Module module) in examination.Model.NamedModules())
        {
            if (module is INormalization) yield return (module, (_, _, y) => _norms.Add((y, name)));
            if (module is ReLU or ReLU6 or Tanh or Sigmoid) yield return (module, Look);
        }
    }

    /// <summary>Ends a batch, whose output is given.</summary>
    public void EndOfBatch(Tensor output)
    {
        foreach (Seen seen in _seen) seen.IsOutput |= ReferenceEquals(seen.Last, output);
        _norms.Clear();
        _calls.Clear();
    }

    /// <summary>What was seen.</summary>
    public IReadOnlyList<MeasuredActivation> Results() => [.. _seen.Select(static seen => seen.Result())];

    private void Look(Module module, Tensor x, Tensor y)
    {
        int call = _calls.GetValueOrDefault(module);
        _calls[module] = call + 1;
        Seen? seen = _seen.Find(known => ReferenceEquals(known.Module, module) && known.Call == call);
        if (seen is null)
        {
            string name = examination.NameOf(module);
            string layer = _norms.FirstOrDefault(norm => ReferenceEquals(norm.Y, x)).Name ?? name;
            _seen.Add(seen = new Seen(module, call, name, layer, y.Shape.Rank > 1 ? y.Shape[1] : 1));
        }

        seen.Add(y);
    }

    /// <summary>One activation.</summary>
    private sealed class Seen(Module module, int call, string name, string layer, int channels)
    {
        /// <summary>Beyond these the slope is below 6 % of the largest for tanh, 12 % for sigmoid.</summary>
        private const double TanhEnd = 0.97, SigmoidEnd = 0.97;

        private readonly bool[] _lives = new bool[channels];
        private long _saturated, _count;

        public Module Module => module;

        public int Call => call;

        public bool IsOutput { get; set; }

        public Tensor? Last { get; private set; }

        public void Add(Tensor y)
        {
            Last = y;
            if (y.Count == 0 || (y.Shape.Rank > 1 ? y.Shape[1] : 1) != channels) return;
            _count += y.Count;
            if (y.DType == DType.Float64) Add<double>(y);
            else Add<float>(y);
        }

        private void Add<T>(Tensor y) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        {
            ReadOnlySpan<T> values = y.AsSpan<T>();
            if (module is Tanh or Sigmoid)
            {
                (T low, T high) = module is Tanh
                    ? (T.CreateTruncating(-TanhEnd), T.CreateTruncating(TanhEnd))
                    : (T.CreateTruncating(1 - SigmoidEnd), T.CreateTruncating(SigmoidEnd));
                foreach (T value in values)
                {
                    if (value < low || value > high) _saturated++;
                }

                return;
            }

            int points = y.Count / (y.Shape[0] * channels);
            for (int start = 0, c = 0; start < values.Length; start += points, c = c + 1 == channels ? 0 : c + 1)
            {
                if (!_lives[c]) _lives[c] = values.Slice(start, points).ContainsAnyExcept(T.Zero);
            }
        }

        public MeasuredActivation Result() => new(name, module.TypeName, layer)
        {
            IsReLU = module is ReLU or ReLU6,
            Channels = channels,
            Dead = module is ReLU or ReLU6
                ? [.. Enumerable.Range(0, channels).Where(c => !_lives[c])]
                : [],
            SaturatedShare = _count == 0 ? 0 : (double)_saturated / _count,
            IsOutput = IsOutput,
        };
    }
}
