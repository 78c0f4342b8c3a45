using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// Sends one small batch through a network, forward and back, and reads every layer. The pass belongs to a replica: it
/// shares the weights of the network, and has gradients, running statistics and random draws of its own. So nothing of
/// the network changes.
/// </summary>
internal sealed class LayerProbe
{
    private readonly Module _model;
    private readonly Module _replica;
    private readonly Loss _loss;
    private readonly Tensor _inputs;
    private readonly Tensor _targets;
    private readonly Tape _tape = new(Mode.Train) { Seed = 1 };

    /// <summary>Takes the first samples of a set.</summary>
    /// <param name="model">The network.</param>
    /// <param name="loss">The loss of the training.</param>
    /// <param name="data">The set.</param>
    /// <param name="samples">Number of samples, if there are so many.</param>
    public LayerProbe(Module model, Loss loss, IDataset data, int samples)
    {
        (_model, _loss) = (model, loss);
        _replica = model.CloneSharingWeights();
        // Spread over the set, because a set may be sorted by class. Not by a loader, which would begin an epoch.
        int[] indices = Evenly.Spread(samples, data.Count);
        int count = indices.Length;
        DType dtype = model.Parameters()[0].DType;
        _inputs = Tensor.Zeros([count, .. data.SampleShape], dtype);
        DType targets = data.TargetType == DType.Int64 ? DType.Int64 : dtype;
        _targets = Tensor.Zeros([count, .. data.TargetShape], targets);
        data.CopyTo(indices, _inputs);
        data.CopyTargetsTo(indices, _targets);
    }

    /// <summary>Runs the pass.</summary>
    public (IReadOnlyList<LayerReading> Layers, IReadOnlyList<NormReading> Norms) Read()
    {
        using var activations = new ActivationProbe(_replica);
        using var gradients = new GradientProbe(_replica);
        var norms = new List<NormReading>();
        var hooks = new List<IDisposable>();
        Dictionary<string, Module> originals = _model.NamedModules().ToDictionary(
            static entry => entry.Name, static entry => entry.Module, StringComparer.Ordinal);
        try
        {
            foreach ((string name, Module module) in _replica.NamedModules())
            {
                if (originals[name] is not ITrackingNorm { Running: { } running } norm) continue;
                hooks.Add(module.AddForwardHook((layer, x, _) => norms.Add(
                    Compare(name, layer.GetType().Name, x, running, norm.Eps))));
            }

            _tape.Reset();
            _tape.RandomStep = 0;
            Tensor loss = _loss.Forward(_replica.Forward(_tape.Input(_inputs)), _targets);
            loss.Backward();
            return (Join(activations.Records, gradients.Records), norms);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
            foreach (Parameter parameter in _replica.Parameters()) parameter.ZeroGrad();
            _tape.Reject();
        }
    }

    private List<LayerReading> Join(IReadOnlyList<LayerStatistics> forward, IReadOnlyList<LayerStatistics> backward)
    {
        // A layer that is used twice is read in its last place.
        var slopes = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (LayerStatistics record in backward) slopes[record.Name] = record.Values.Std;
        Dictionary<string, double> norms = GradientNorms();
        var layers = new List<LayerReading>();
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (LayerStatistics record in forward)
        {
            var reading = new LayerReading(
                record.Name, record.Type, record.Values.Mean, record.Values.Std, record.Values.ZeroShare,
                slopes.TryGetValue(record.Name, out double slope) ? slope : null,
                norms.TryGetValue(record.Name, out double norm) ? norm : null);
            if (places.TryGetValue(record.Name, out int place)) layers[place] = reading;
            else
            {
                places[record.Name] = layers.Count;
                layers.Add(reading);
            }
        }

        return layers;
    }

    /// <summary>√Σg² over the parameters of each layer, by the layer's name.</summary>
    private Dictionary<string, double> GradientNorms()
    {
        var squares = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach ((string key, Parameter parameter) in _replica.NamedParameters())
        {
            if (parameter.Gradient is not { } gradient) continue;
            string layer = key[..Math.Max(0, key.LastIndexOf('.'))];
            double sum = 0;
            foreach (double g in Values(gradient)) sum += g * g;
            squares[layer] = squares.GetValueOrDefault(layer) + sum;
        }

        return squares.ToDictionary(
            static entry => entry.Key, static entry => Math.Sqrt(entry.Value), StringComparer.Ordinal);
    }

    private static double[] Values(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    /// <summary>The statistics of x per channel, dimension 1, against the running ones.</summary>
    private static NormReading Compare(string name, string type, Tensor x, RunningStatistics running, double eps)
    {
        int channels = running.Mean.Value.Count, inner = 1;
        for (int d = 2; d < x.Shape.Rank; d++) inner *= x.Shape[d];
        double[] values = Values(x), sums = new double[channels], squares = new double[channels];
        for (int i = 0; i < values.Length; i++) sums[i / inner % channels] += values[i];
        double count = (double)values.Length / channels, shift = 0, ratio = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int channel = i / inner % channels;
            double d = values[i] - sums[channel] / count;
            squares[channel] += d * d;
        }

        double[] means = Values(running.Mean.Value), variances = Values(running.Variance.Value);
        for (int channel = 0; channel < channels; channel++)
        {
            double variance = variances[channel] + eps;
            shift += Math.Abs(sums[channel] / count - means[channel]) / Math.Sqrt(variance);
            ratio += Math.Log((squares[channel] / Math.Max(1, count - 1) + eps) / variance);
        }

        return new NormReading(name, type, channels, shift / channels, Math.Exp(ratio / channels));
    }
}
