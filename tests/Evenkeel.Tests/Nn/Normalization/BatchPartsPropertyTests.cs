using Evenkeel.Nn;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// What must hold however a batch is split or merged: ghost, synchronized, pooled and recalibrated batch norm on random
/// shapes, parts and inputs.
/// </summary>
public sealed class BatchPartsPropertyTests
{
    private const int MaxParts = 4;

    private static readonly DType[] _types = [DType.Float64, DType.Float32];

    private static readonly double[] _shifts = [0, 0, -1e4];

    [Fact]
    public void A_ghost_of_at_least_the_batch_has_the_bits_of_batch_norm()
    {
        NormSample.ForAll(sample =>
        {
            foreach (DType type in _types)
            {
                NormResult plain = Whole(
                    sample, type, (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running, sample.Eps));
                int size = sample.Samples + sample.Pick("size", 3);
                plain.IsSame(
                    Whole(sample,
                        type, (x, gamma, beta, running) => x.GhostBatchNorm(size, gamma, beta, running, sample.Eps)),
                    $"{type}, virtual batches of {size}");
            }
        });
    }

    [Fact]
    public void Ghosts_have_the_bits_of_batch_norm_on_each_run_of_samples()
    {
        NormSample.ForAll(sample =>
        {
            int size = 1 + sample.Pick("size", sample.Samples);
            int[] parts = Runs(sample.Samples, size);
            if (parts.Any(part => part * sample.Pixels == 1)) return;
            foreach (DType type in _types)
            {
                NormResult ghosts = Whole(sample,
                    type, (x, gamma, beta, running) => x.GhostBatchNorm(size, gamma, beta, running, sample.Eps));
                RunningStatistics running = Running(sample, type);
                NormResult[] own = [.. Ranges(parts)
                    .Select(range => Part(sample, type, range, running, new Tape(Mode.Train),
                        (x, gamma, beta, statistics) => x.BatchNorm(gamma, beta, statistics, sample.Eps)))];
                NormResult joined = Joined(own);
                // The sums over the virtual batches are added up in double; here they are numbers of the type.
                (ghosts with { Dgamma = joined.Dgamma, Dbeta = joined.Dbeta })
                    .IsSame(joined, $"{type}, virtual batches of {size}");
                ghosts.IsNear(joined, $"{type}, virtual batches of {size}", type);
            }
        });
    }

    [Fact]
    public void Members_of_a_group_have_the_bits_of_one_batch_in_parts_and_the_statistics_of_the_batch_as_a_whole()
    {
        using var group = new InProcessCollective(MaxParts);
        NormSample.ForAll(sample =>
        {
            int[] parts = RandomParts(sample);
            Range[] ranges = [.. Ranges(parts)];
            foreach (DType type in _types)
            {
                NormResult plain = Whole(
                    sample, type, (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running, sample.Eps));
                NormResult inParts = Whole(sample,
                    type, (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running, sample.Eps, parts: parts));
                var synchronized = new NormResult[parts.Length];
                var pooled = new NormResult[parts.Length];
                group.Run(
                    member =>
                    {
                        synchronized[member.Rank] = Part(
                            sample, type, ranges[member.Rank], Running(sample, type),
                            new Tape(Mode.Train) { Collective = member },
                            (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running, sample.Eps));
                        pooled[member.Rank] = Part(
                            sample, type, ranges[member.Rank], Running(sample, type),
                            new Tape(Mode.Train) { Collective = member, PoolsBatchStatistics = true },
                            (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running, sample.Eps));
                    },
                    parts.Length);
                string what = $"{type} in parts of {string.Join(", ", parts)}";
                foreach (NormResult[] members in new[] { synchronized, pooled })
                {
                    NormResult joined = Joined(members);
                    (inParts with { Dgamma = joined.Dgamma, Dbeta = joined.Dbeta }).IsSame(joined, what);
                    inParts.IsNear(joined, what, type);
                    foreach (NormResult member in members)
                        (member with { Mean = joined.Mean, Variance = joined.Variance }).IsSame(member, what);
                }

                plain.IsNear(inParts, what, type);
            }
        });
    }

    [Fact]
    public void Renormalization_without_room_is_batch_norm_bit_for_bit_and_with_all_room_it_is_eval()
    {
        NormSample.ForAll(sample =>
        {
            foreach (DType type in _types)
            {
                NormResult plain = Whole(
                    sample, type, (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running, sample.Eps));
                plain.IsSame(
                    Whole(sample, type, (x, gamma, beta, running) => x.BatchRenorm(
                        gamma, beta, running, RenormLimits.Constant(1, 0), sample.Eps)),
                    $"{type}, r = 1 and d = 0");
                // y = (x - mean)/std·r + d with r = std/std_running and d = (mean - mean_running)/std_running; without
                // any spread there is no r.
                if (sample.Eps == 0) continue;
                double[] expected = NaiveOps.Doubles(Tensor.From(sample.Values(), sample.Shape).To(type).BatchNorm(
                    null, null, Running(sample, type), sample.Eps));
                double[] actual = NaiveOps.Doubles(new Tape(Mode.Train)
                    .Input(Tensor.From(sample.Values(), sample.Shape).To(type))
                    .BatchRenorm(null, null, Running(sample, type), RenormLimits.Constant(1e9, 1e9), sample.Eps));
                Close.Within(
                    NormResult.Tolerance(type) * NormResult.Scale(expected), $"{type}, all room", expected, actual);
            }
        });
    }

    [Fact]
    public void Eval_after_recalibration_is_training_on_the_whole_set()
    {
        NormSample.ForAll(sample =>
        {
            // The normalization itself uses the biased variance, so the running one is asked to be that.
            var average = RunningAverage.Torch() with { Estimator = VarianceEstimator.Biased };
            double eps = Math.Max(sample.Eps, 1e-3);
            BatchNorm Layer() => sample.Spatial.Length switch
            {
                0 or 1 => new BatchNorm1d(sample.Channels, average, eps),
                2 => new BatchNorm2d(sample.Channels, average, eps),
                _ => new BatchNorm3d(sample.Channels, average, eps),
            };

            var model = new Sequential(Layer(), new LeakyReLU(0.1), Layer(), new Tanh(), Layer());
            model.To(DType.Float64);
            foreach ((string name, Parameter parameter) in model.NamedParameters())
            {
                (double[] gamma, double[] beta) = (sample with { Seed = sample.Seed ^ name.Length })
                    .Parameters(sample.Channels);
                parameter.Value.CopyFrom(
                    Tensor.From(name.EndsWith("weight", StringComparison.Ordinal) ? gamma : beta, [sample.Channels]));
            }

            Tensor x = Tensor.From(sample.Values(), sample.Shape);
            model.Recalibrate(
                x, new RecalibrationOptions { BatchSize = 1 + sample.Pick("batch size", sample.Samples) });
            double[] evaluation = model.Forward(x).ToArray<double>();
            double[] training = model.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>();
            // A batch norm can magnify a rounding of its input by 1/sqrt(eps) = 32, and there are two behind the first.
            Close.Within(NormResult.Float64Tolerance * 32 * 32, "y", training, evaluation);
        });
    }

    /// <summary>A training pass over the whole sample.</summary>
    private static NormResult Whole(
        NormSample sample, DType type, Func<Tensor, Tensor, Tensor, RunningStatistics, Tensor> norm) =>
        Part(sample, type, ..sample.Samples, Running(sample, type), new Tape(Mode.Train), norm);

    /// <summary>A training pass over some samples, whose statistics go into <paramref name="running"/>.</summary>
    private static NormResult Part(
        NormSample sample, DType type, Range samples, RunningStatistics running, Tape tape,
        Func<Tensor, Tensor, Tensor, RunningStatistics, Tensor> norm)
    {
        int size = sample.Channels * sample.Pixels;
        (int start, int count) = samples.GetOffsetAndLength(sample.Samples);
        (double[] gamma, double[] beta) = sample.Parameters(sample.Channels);
        var shape = new Shape([count, sample.Channels, .. sample.Spatial]);
        Tensor Of(double[] values) => Tensor.From(values[(start * size)..((start + count) * size)], shape).To(type);
        // A third of the samples are far from 0, by exact amounts: parts are pooled without a loss there too.
        double shift = _shifts[sample.Pick("shift", _shifts.Length)];
        Tensor x = tape.Input(Of(Array.ConvertAll(sample.Values(), v => v + shift)), requiresGradient: true);
        var gammas = new Parameter(Tensor.From(gamma).To(type));
        var betas = new Parameter(Tensor.From(beta).To(type));
        Tensor y = norm(x, gammas, betas, running);
        y.Backward(Of(sample.Cotangent()));
        return new NormResult(
            NaiveOps.Doubles(y), NaiveOps.Doubles(x.Gradient!), NaiveOps.Doubles(gammas.Gradient!),
            NaiveOps.Doubles(betas.Gradient!), NaiveOps.Doubles(running.Mean.Value),
            NaiveOps.Doubles(running.Variance.Value));
    }

    /// <summary>
    /// Statistics that are not at their start values, as after some batches: mean beta, variance gamma + 2.
    /// </summary>
    private static RunningStatistics Running(NormSample sample, DType type)
    {
        var running = new RunningStatistics(sample.Channels, RunningAverage.Torch(0.25));
        (double[] gamma, double[] beta) = (sample with { Seed = sample.Seed ^ 1 }).Parameters(sample.Channels);
        running.Mean.Value.CopyFrom(Tensor.From(beta).To(DType.Float32));
        running.Variance.Value.CopyFrom(Tensor.From(Array.ConvertAll(gamma, v => v + 2)).To(DType.Float32));
        running.Mean.To(type);
        running.Variance.To(type);
        return running;
    }

    private static int[] Runs(int samples, int size) =>
        [.. Enumerable.Range(0, (samples + size - 1) / size).Select(k => Math.Min(size, samples - k * size))];

    /// <summary>One to four parts of any sizes, empty ones among them.</summary>
    private static int[] RandomParts(NormSample sample)
    {
        int count = 1 + sample.Pick("parts", MaxParts);
        int[] cuts =
        [
            0, .. Enumerable.Range(1, count - 1).Select(k => sample.Pick($"cut {k}", sample.Samples + 1)).Order(),
            sample.Samples,
        ];
        return [.. Enumerable.Range(0, count).Select(k => cuts[k + 1] - cuts[k])];
    }

    private static IEnumerable<Range> Ranges(int[] parts)
    {
        int start = 0;
        foreach (int part in parts) yield return start..(start += part);
    }

    /// <summary>
    /// What the parts give together: their samples one after another, their parameters' gradients added up,
    /// the statistics of the last.
    /// </summary>
    private static NormResult Joined(NormResult[] parts) => parts[^1] with
    {
        Y = [.. parts.SelectMany(part => part.Y)],
        Dx = [.. parts.SelectMany(part => part.Dx)],
        Dgamma = Sum(parts.Select(part => part.Dgamma)),
        Dbeta = Sum(parts.Select(part => part.Dbeta)),
    };

    private static double[] Sum(IEnumerable<double[]> terms) =>
        terms.Aggregate((left, right) => [.. left.Zip(right, (a, b) => a + b)]);
}
