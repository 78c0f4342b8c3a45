using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Data;
using Evenkeel.Kernels;
using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Training;

/// <summary>
/// Keeps an exponential moving average of the weights in a model of its own: a ← decay·a + (1 - decay)·w after each
/// step. The first step copies. PyTorch's <c>AveragedModel</c> with <c>get_ema_multi_avg_fn</c>.
/// </summary>
/// <remarks>
/// Averaged weights make other activations than any weights that were trained, so the running statistics of the trained
/// model do not fit them. <see cref="Averaged"/> averages the statistics as well. <see cref="Recalibrated"/> measures
/// them on data at the end of Fit (<see cref="Recalibrator"/>), which is exact and takes a pass per norm. The trainer's
/// own model is not touched.
/// </remarks>
public sealed unsafe class WeightAveraging : Callback
{
    private const string ModelPrefix = "model.", UpdatesKey = "updates";

    private readonly IDataset? _data;
    private readonly List<(Module.StateEntry From, Module.StateEntry To)> _pairs = [];
    private Module? _followed;

    private WeightAveraging(Module model, double decay, IDataset? data)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (decay is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(decay), $"WeightAveraging: expected a decay of 0 or more and below 1, got {decay}.");
        }

        (Model, Decay, _data) = (model.Clone(), decay, data);
    }

    /// <summary>The model with the averaged weights. It has the same layers as the trained one.</summary>
    public Module Model { get; }

    /// <summary>The weight of the old average.</summary>
    public double Decay { get; }

    /// <summary>Steps averaged so far.</summary>
    public long Updates { get; private set; }

    /// <summary>Averages the running statistics like the weights.</summary>
    /// <param name="model">The model that will be trained.</param>
    /// <param name="decay">The weight of the old average, 0 or more and below 1. Default: 0.999.</param>
    public static WeightAveraging Averaged(Module model, double decay = 0.999) => new(model, decay, data: null);

    /// <summary>
    /// Measures the running statistics of the averaged model on data at the end of Fit, if it is not cancelled.
    /// </summary>
    /// <param name="model">The model that will be trained.</param>
    /// <param name="data">The training set.</param>
    /// <param name="decay">The weight of the old average, 0 or more and below 1. Default: 0.999.</param>
    public static WeightAveraging Recalibrated(Module model, IDataset data, double decay = 0.999)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new WeightAveraging(model, decay, data);
    }

    /// <inheritdoc/>
    public override void OnFitBegin(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        Follow(trainer.Model);
    }

    /// <inheritdoc/>
    public override void OnStepEnd(Trainer trainer)
    {
        foreach ((Module.StateEntry from, Module.StateEntry to) in _pairs)
        {
            if (Updates == 0 || !to.Live.DType.IsFloatingPoint()) to.Live.CopyFrom(from.Live);
            else if (to.Live.DType == DType.Float64) Move<double>(from.Live, to.Live);
            else Move<float>(from.Live, to.Live);
        }

        Updates++;
    }

    /// <inheritdoc/>
    public override void OnFitEnd(Trainer trainer, FitEnd end)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (_data is null || Updates == 0 || end is not (FitEnd.Completed or FitEnd.Stopped)) return;
        Model.Recalibrate(_data, cancellationToken: trainer.CancellationToken);
    }

    /// <inheritdoc/>
    public override StateDict? StateDict()
    {
        var state = new StateDict { { UpdatesKey, Tensor.From([Updates], [1]) } };
        foreach (Module.StateEntry entry in Model.StateEntries())
            state.Add(ModelPrefix + entry.Key, entry.Live.Clone());
        return state;
    }

    /// <inheritdoc/>
    public override void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.TryGetValue(UpdatesKey, out Tensor? updates) || updates.DType != DType.Int64 || updates.Count != 1)
        {
            throw new ArgumentException(
                $"WeightAveraging: expected the key '{UpdatesKey}' with one integer, got none. The state belongs to "
                + "another callback.", nameof(state));
        }

        var saved = new ModelSnapshot();
        saved.Read(Model, ModelPrefix, state, checkValues: true);
        saved.PutBack(Model);
        Updates = updates.AsSpan<long>()[0];
    }

    private void Follow(Module trained)
    {
        if (ReferenceEquals(trained, _followed)) return;
        List<Module.StateEntry> from = trained.StateEntries(), to = Model.StateEntries();
        if (!from.Select(static entry => (entry.Key, entry.Live.Shape, entry.Live.DType))
            .SequenceEqual(to.Select(static entry => (entry.Key, entry.Live.Shape, entry.Live.DType))))
        {
            throw new InvalidOperationException(
                $"WeightAveraging: expected the model that it was made for ({to.Count} tensors), got another one "
                + $"({from.Count} tensors, or of other names, shapes or types). Make it with the trainer's model.");
        }

        _pairs.Clear();
        _pairs.AddRange(from.Zip(to));
        _followed = trained;
    }

    private void Move<T>(Tensor from, Tensor to) where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (T* weights = from.AsSpan<T>(), average = to.AsSpan<T>())
        {
            var formula = new Toward<T>(T.CreateTruncating(1 - Decay));
            Map.Run(average, weights, weights, average, to.Count, formula);
        }
    }

    private readonly struct Toward<T>(T share) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _share = Simd.Broadcast(share);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a + ((b - a) * _share);
    }
}
