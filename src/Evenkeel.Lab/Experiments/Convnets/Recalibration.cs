using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Replaces the moving averages of all batch norms by the exact mean and variance of their inputs over given images,
/// layer by layer in the order in which they run: each layer sees
/// the images through layers that already use their final statistics, as it will in use.
/// </summary>
/// <remarks>
/// Pooled over batches b of n_b values, after Chan, Golub and LeVeque: mean = Σ n_b·mean_b/Σ n_b and Σ(x - mean)² = Σ
/// [n_b·var_b + n_b·(mean_b - mean)²], accumulated in double one batch
/// after the other. As many passes over the images as there are layers. Weights, gamma and beta stay.
/// </remarks>
internal static class Recalibration
{
    /// <summary>Sets the statistics of every batch norm of the model from the samples of the batches.</summary>
    public static void Run(Module model, DataLoader batches)
    {
        var tape = new Tape(Mode.Eval);
        foreach ((Module layer, StateBuffer mean, StateBuffer variance, bool isUnbiased) in LayersInOrder(model,
            batches, tape))
        {
            var pool = new PooledMoments(mean.Value.Count);
            using (layer.AddForwardHook((_, x, _) => pool.Add(x)))
            {
                foreach (Batch batch in batches)
                {
                    tape.Reset();
                    model.Forward(tape.Input(batch.Inputs));
                }
            }

            pool.Write(mean.Value, variance.Value, isUnbiased);
        }
    }

    private static List<(Module Layer, StateBuffer Mean, StateBuffer Variance, bool IsUnbiased)> LayersInOrder(
        Module model, DataLoader batches, Tape tape)
    {
        var order = new List<(Module, StateBuffer, StateBuffer, bool)>();
        var hooks = new List<IDisposable>();
        foreach ((_, Module module) in model.NamedModules())
        {
            (StateBuffer Mean, StateBuffer Variance, bool IsUnbiased)? statistics = module switch
            {
                BatchNorm { Running: { } running } =>
                    (running.Mean, running.Variance, running.Average.Estimator == VarianceEstimator.Unbiased),
                ScratchBatchNorm scratch => (scratch.MovingMean, scratch.MovingVariance, false),
                _ => null,
            };
            if (statistics is { } found) hooks.Add(module.AddForwardHook((layer, _, _) =>
                order.Add((layer, found.Mean, found.Variance, found.IsUnbiased))));
        }

        foreach (Batch batch in batches)
        {
            tape.Reset();
            model.Forward(tape.Input(batch.Inputs));
            break;
        }

        foreach (IDisposable hook in hooks) hook.Dispose();
        return order;
    }

    /// <summary>Count, mean and squared deviations per channel, over batches.</summary>
    private sealed class PooledMoments(int channels)
    {
        private readonly double[] _mean = new double[channels];
        private readonly double[] _squares = new double[channels];
        private double _count;

        public void Add(Tensor x)
        {
            double m = (double)x.Count / channels;
            Tensor mean = x.Shape.Rank == 2 ? x.Mean([0]) : x.Mean([0, 2, 3]);
            Tensor variance = x.Shape.Rank == 2 ? x.Variance([0], correction: 0) : x.Variance([0, 2, 3], correction: 0);
            double total = _count + m;
            for (int c = 0; c < channels; c++)
            {
                double delta = Value(mean, c) - _mean[c];
                _squares[c] += (m * Value(variance, c)) + (delta * delta * (_count * m / total));
                _mean[c] += delta * (m / total);
            }

            _count = total;
        }

        public void Write(Tensor mean, Tensor variance, bool isUnbiased)
        {
            for (int c = 0; c < channels; c++)
            {
                Set(mean, c, _mean[c]);
                Set(variance, c, _squares[c] / (isUnbiased ? _count - 1 : _count));
            }
        }

        private static double Value(Tensor tensor, int i) => tensor.DType == DType.Float64 ? tensor.AsSpan<double>()[i]
            : tensor.AsSpan<float>()[i];

        private static void Set(Tensor tensor, int i, double value)
        {
            if (tensor.DType == DType.Float64) tensor.AsSpan<double>()[i] = value;
            else tensor.AsSpan<float>()[i] = (float)value;
        }
    }
}
