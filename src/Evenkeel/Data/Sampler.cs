using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// Chooses the samples of an epoch and their order, like PyTorch's <c>Sampler</c>. A <see cref="DataLoader"/> asks it
/// once at the beginning of each epoch.
/// </summary>
public abstract class Sampler
{
    /// <summary>The samples in the order of their indices.</summary>
    public static Sampler Sequential { get; } = new SequentialSampler();

    /// <summary>A random order of all samples. That of epoch e is drawn from the stream (seed, e).</summary>
    /// <param name="seed">Seed of the orders. Default: 0.</param>
    public static Sampler Shuffled(ulong seed = 0) => new ShuffledSampler(seed);

    /// <summary>
    /// A random order of all samples: the <see cref="IRandomStream.Permutation"/> that each epoch draws from a stream,
    /// as PyTorch does with its generator.
    /// </summary>
    /// <param name="stream">The stream. Nobody else should draw from it while an epoch runs.</param>
    public static Sampler Shuffled(IRandomStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new PermutationSampler(stream);
    }

    /// <summary>
    /// Each batch is drawn with replacement, as <c>np.random.choice(N, batch)</c> does. An epoch draws its batches at
    /// its beginning.
    /// </summary>
    /// <param name="stream">The stream. Nobody else should draw from it while an epoch runs.</param>
    public static Sampler WithReplacement(IRandomStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new ReplacementSampler(stream);
    }

    /// <summary>
    /// Samples drawn with replacement, each with a probability proportional to its weight, like PyTorch's
    /// <c>WeightedRandomSampler</c>. Use it if some classes are rare.
    /// </summary>
    /// <param name="weights">One weight per sample: 0 or more and finite, not all 0.</param>
    /// <param name="seed">Seed of the draws. Those of epoch e come from the stream (seed, e). Default: 0.</param>
    /// <exception cref="ArgumentException">A weight is negative or not finite, or all are 0.</exception>
    public static Sampler Weighted(IReadOnlyList<double> weights, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return new WeightedSampler(weights, seed);
    }

    /// <summary>
    /// The state of the stream from which orders are drawn. Null if the order is a function of the epoch's number.
    /// </summary>
    public virtual RandomStreamState? State
    {
        get => null;
        set => throw new NotSupportedException(
            $"{GetType().Name}: expected no state to restore, because its orders depend on the epoch alone. The "
            + "position comes from a loader with another sampler.");
    }

    /// <summary>The samples of an epoch, batch after batch.</summary>
    /// <param name="plan">How the epoch is cut.</param>
    /// <param name="epoch">The number of the epoch, from 0 on.</param>
    /// <returns><see cref="BatchPlan.Used"/> indices or more, each from 0 to the number of samples - 1.</returns>
    public abstract int[] Draw(BatchPlan plan, int epoch);

    private static int[] InOrder(int count)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        return order;
    }

    private sealed class SequentialSampler : Sampler
    {
        public override string ToString() => "in order";

        public override int[] Draw(BatchPlan plan, int epoch) => InOrder(plan.Samples);
    }

    private sealed class ShuffledSampler(ulong seed) : Sampler
    {
        private readonly Philox _orders = new(seed, "loader");

        public override string ToString() => $"shuffled with seed {seed}";

        public override int[] Draw(BatchPlan plan, int epoch)
        {
            int[] order = InOrder(plan.Samples);
            _orders.Split((ulong)epoch).Shuffle(order);
            return order;
        }
    }

    private sealed class PermutationSampler(IRandomStream stream) : StreamSampler(stream)
    {
        public override string ToString() => $"shuffled by {Stream.State.Kind}";

        public override int[] Draw(BatchPlan plan, int epoch) => Stream.Permutation(plan.Samples);
    }

    private sealed class ReplacementSampler(IRandomStream stream) : StreamSampler(stream)
    {
        public override string ToString() => $"drawn with replacement by {Stream.State.Kind}";

        public override int[] Draw(BatchPlan plan, int epoch)
        {
            int[] order = new int[plan.Used];
            for (int batch = 0; batch < plan.Batches; batch++)
                Stream.Choice(plan.Samples, order.AsSpan(batch * plan.BatchSize, plan.SizeOf(batch)));
            return order;
        }
    }

    private abstract class StreamSampler(IRandomStream stream) : Sampler
    {
        protected IRandomStream Stream { get; } = stream;

        public override RandomStreamState? State
        {
            get => Stream.State;
            set
            {
                if (value is not null) Stream.State = value;
            }
        }
    }

    private sealed class WeightedSampler : Sampler
    {
        private readonly double[] _upTo;
        private readonly ulong _seed;
        private readonly Philox _draws;

        public override string ToString() => $"drawn by weight with seed {_seed}";

        public WeightedSampler(IReadOnlyList<double> weights, ulong seed)
        {
            (_seed, _draws) = (seed, new Philox(seed, "loader"));
            _upTo = new double[weights.Count];
            double sum = 0;
            for (int i = 0; i < weights.Count; i++)
            {
                if (weights[i] is not (>= 0 and < double.PositiveInfinity))
                {
                    throw new ArgumentException(
                        $"Sampler.Weighted: expected weights of 0 or more and finite, got {weights[i]} for sample {i}.",
                        nameof(weights));
                }

                _upTo[i] = sum += weights[i];
            }

            if (sum <= 0 || !double.IsFinite(sum))
            {
                throw new ArgumentException(
                    $"Sampler.Weighted: expected weights with a positive, finite sum, got {sum}.", nameof(weights));
            }
        }

        public override int[] Draw(BatchPlan plan, int epoch)
        {
            if (_upTo.Length != plan.Samples)
            {
                throw new InvalidOperationException($"Sampler.Weighted: expected a weight for each of {plan.Samples} "
                    + $"samples, got {_upTo.Length}. Make the sampler for the loader's data set.");
            }

            Philox draws = _draws.Split((ulong)epoch);
            int[] order = new int[plan.Used];
            foreach (ref int index in order.AsSpan()) index = IndexOf(draws.NextDouble() * _upTo[^1]);
            return order;
        }

        /// <summary>The first sample whose weights up to and with it exceed a number; it has a weight itself.</summary>
        private int IndexOf(double drawn)
        {
            int low = 0, high = _upTo.Length - 1;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (_upTo[middle] > drawn) high = middle;
                else low = middle + 1;
            }

            // Rounding may draw the whole sum: samples without a weight at the end are not meant.
            while (low > 0 && _upTo[low] <= _upTo[low - 1]) low--;
            return low;
        }
    }
}
