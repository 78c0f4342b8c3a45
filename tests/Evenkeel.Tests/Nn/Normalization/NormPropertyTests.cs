using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// What must hold for any shape and any input: invariances, agreement of the walks, and what the
/// gradients are orthogonal to.
/// </summary>
/// <remarks>
/// Where nothing but the place of a value changes, the bits are the same. Where the order of a sum changes, two results
/// differ by the roundings of one: a few of them in float64, two or three of 2⁻²⁴ in float32.
/// </remarks>
public sealed class NormPropertyTests
{
    private const double Float64Tolerance = NormResult.Float64Tolerance;

    /// <summary>
    /// A norm without layer: how it is applied, which elements share statistics, and which share gamma and beta.
    /// </summary>
    private sealed record Norm(
        string Name, Func<Tensor, Tensor?, Tensor?, double, Tensor> Apply, Func<NormSample, int, int> GroupOf,
        Func<NormSample, int, int> ParameterOf, bool Centers = true)
    {
        public static readonly Norm Batch = new("batch", (x, gamma, beta, eps) => x.BatchNorm(gamma, beta, null, eps),
            (s, i) => s.Channel(i), (s, i) => s.Channel(i));

        public static readonly Norm Layer = new(
            "layer", (x, gamma, beta, eps) => x.LayerNorm(Trailing(x), gamma, beta, eps), (s, i) => s.Sample(i),
            (s, i) => i % (s.Channels * s.Pixels));

        public static readonly Norm RootMeanSquare = new(
            "RMS", (x, gamma, beta, eps) => x.RMSNorm(Trailing(x), gamma, eps), Layer.GroupOf, Layer.ParameterOf,
            Centers: false);

        public static readonly Norm Instance = new(
            "instance", (x, gamma, beta, eps) => x.InstanceNorm(gamma, beta, null, eps), (s, i) => i / s.Pixels,
            (s, i) => s.Channel(i));

        public static Norm Group(int groups) =>
            new($"group({groups})", (x, gamma, beta, eps) => x.GroupNorm(groups, gamma, beta, eps),
                (s, i) => s.Sample(i) * groups + s.Channel(i) / (s.Channels / groups), (s, i) => s.Channel(i));

        /// <summary>All norms that take the sample; each has at least two values in a group.</summary>
        public static IEnumerable<Norm> Of(NormSample sample)
        {
            yield return Batch;
            if (sample.Channels * sample.Pixels > 1) yield return Layer;
            yield return RootMeanSquare;
            if (sample.Pixels > 1) yield return Instance;
            int[] divisors = [.. Enumerable.Range(1, sample.Channels)
                .Where(g => sample.Channels % g == 0 && sample.Channels / g * sample.Pixels > 1)];
            if (divisors.Length > 0) yield return Group(divisors[sample.Pick("groups", divisors.Length)]);
        }

        public Shape ParameterShape(NormSample sample) =>
            ParameterOf == Layer.ParameterOf ? new Shape([sample.Channels, .. sample.Spatial]) : [sample.Channels];

        private static Shape Trailing(Tensor x) => new(x.Shape.ToArray()[1..]);
    }

    [Fact]
    public void Shifting_the_input_by_an_exact_amount_changes_nothing_however_large_it_is()
    {
        // x is a multiple of 1/64 below 4, so that x + shift is exact: any difference would be our own.
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values();
            foreach (Norm norm in Norm.Of(sample).Where(norm => norm.Centers))
            {
                foreach ((DType type, double shift) in new[] { (DType.Float64, 1.0), (DType.Float64, -1e6),
                    (DType.Float64, 1e12), (DType.Float32, 3.0), (DType.Float32, -1e4), (DType.Float32, 2.5e5 - 7), })
                {
                    NormResult expected = Run(norm, sample, x, type),
                        actual = Run(norm, sample, Array.ConvertAll(x, v => v + shift), type);
                    expected.IsNear(actual, $"{norm.Name} {type} shifted by {shift}", type);
                }
            }
        });
    }

    [Fact]
    public void Scaling_the_input_by_a_power_of_two_and_eps_with_it_changes_no_bit()
    {
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values();
            foreach (Norm norm in Norm.Of(sample))
            {
                foreach (DType type in new[] { DType.Float64, DType.Float32 })
                {
                    NormResult expected = Run(norm, sample, x, type);
                    foreach (double scale in new[] { 0.5, 64, -1, -0.125 })
                    {
                        NormResult actual = Run(norm, sample with { Eps = sample.Eps * scale * scale },
                            Array.ConvertAll(x, v => scale * v), type, gammaSign: Math.Sign(scale));
                        // y of the same x̂ (its sign is taken back by gamma); dx is by the scale smaller,
                        // and dgamma has gamma's sign.
                        actual = actual with
                        {
                            Dx = Array.ConvertAll(actual.Dx, v => v * scale),
                            Dgamma = Array.ConvertAll(actual.Dgamma, v => v * Math.Sign(scale)),
                        };
                        expected.IsSame(actual, $"{norm.Name} {type} scaled by {scale}");
                    }
                }
            }
        });
    }

    [Fact]
    public void Any_scale_and_shift_give_plus_or_minus_the_output_up_to_the_rounding_of_the_scaled_input()
    {
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values();
            foreach (Norm norm in Norm.Of(sample))
            {
                double a = 0.1 + 3 * (sample.Pick("scale", 1000) - 500) / 500.0,
                    b = norm.Centers ? 1.0 / 3 * (sample.Pick("shift", 100) - 50) : 0;
                // Without eps a group of equal values has no scale of its own, and a·x + b would only be its rounding.
                NormSample scaled = sample with { Eps = Math.Max(sample.Eps, 1e-5) };
                double[] expected = Plain(norm, scaled, x),
                    actual = Plain(norm, scaled with { Eps = scaled.Eps * a * a }, Array.ConvertAll(x, v => a * v + b));
                // a·x + b is rounded once, to 2⁻⁵³·(4|a| + |b|), which 1/(|a|·sqrt(eps)) can magnify.
                double rounding =
                    Math.ScaleB(1, -52) * (4 * Math.Abs(a) + Math.Abs(b)) / (Math.Abs(a) * Math.Sqrt(scaled.Eps));
                for (int i = 0; i < x.Length; i++)
                {
                    Close.Within((Float64Tolerance + 4 * rounding) * Math.Max(1, Math.Abs(expected[i])),
                        $"{norm.Name} {a}·x + {b} [{i}]", Math.Sign(a) * expected[i], actual[i]);
                }
            }
        });
    }

    [Fact]
    public void Samples_in_another_order_give_their_outputs_in_that_order()
    {
        NormSample.ForAll(sample =>
        {
            int[] order = sample.Order("samples", sample.Samples);
            int size = sample.Channels * sample.Pixels;
            int[] place = [.. Enumerable.Range(0, sample.Shape.Count).Select(i => order[i / size] * size + i % size)];
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                foreach (Norm norm in Norm.Of(sample))
                {
                    NormResult expected = Run(norm, sample, sample.Values(), type),
                        actual = Run(norm, sample, sample.Values(), type, place);
                    // Only a batch norm's sums run over the samples; for the others a sample's results are its own.
                    if (norm != Norm.Batch)
                    {
                        Close.Same($"{norm.Name} {type} y", Moved(expected.Y, place), actual.Y);
                        Close.Same($"{norm.Name} {type} dx", Moved(expected.Dx, place), actual.Dx);
                    }

                    Moved(expected, place).IsNear(actual, $"{norm.Name} {type}", type);
                }
            }
        });
    }

    [Fact]
    public void Pixels_in_another_order_give_their_outputs_in_that_order()
    {
        NormSample.ForAll(sample =>
        {
            int[] order = sample.Order("pixels", sample.Pixels);
            int[] place = [.. Enumerable.Range(0, sample.Shape.Count)
                .Select(i => i - i % sample.Pixels + order[i % sample.Pixels])];
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                // A layer norm has a gamma a pixel: it is left out where it has one.
                foreach (Norm norm in Norm.Of(sample).Where(norm => norm.ParameterShape(sample).Rank == 1))
                {
                    Moved(Run(norm, sample, sample.Values(), type), place)
                        .IsNear(Run(norm, sample, sample.Values(), type, place), $"{norm.Name} {type}", type);
                }
            }
        });
    }

    [Fact]
    public void A_batch_norms_channel_has_the_same_bits_wherever_it_stands_and_whatever_stands_beside_it()
    {
        NormSample.ForAll(sample =>
        {
            int[] order = sample.Order("channels", sample.Channels)[..(1 + sample.Pick("kept", sample.Channels))];
            NormSample part = sample with { Channels = order.Length };
            int[] place = [.. Enumerable.Range(0, part.Shape.Count).Select(
                i => (part.Sample(i) * sample.Channels + order[part.Channel(i)]) * sample.Pixels + i % sample.Pixels)];
            (double[] gamma, double[] beta) = sample.Parameters(sample.Channels);
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                NormResult all = Run(Norm.Batch, sample.Shape,
                    sample.Values(), sample.Cotangent(), gamma, beta, [sample.Channels], sample.Eps, type);
                NormResult some = Run(
                    Norm.Batch, part.Shape, Moved(sample.Values(), place), Moved(sample.Cotangent(), place),
                    Moved(gamma, order), Moved(beta, order), [part.Channels], sample.Eps, type);
                (Moved(all, place) with { Dgamma = Moved(all.Dgamma, order), Dbeta = Moved(all.Dbeta, order) })
                    .IsSame(some, $"{type}, channels {string.Join(", ", order)}");
            }
        });
    }

    [Fact]
    public void Columns_planes_and_rows_agree_on_transposed_data()
    {
        NormSample.ForAll(sample =>
        {
            // The same groups as planes (N, C, S), columns (N·S, C), planes of one sample (1,
            // C, N·S) and rows (C, N·S).
            int n = sample.Samples, c = sample.Channels, s = sample.Pixels;
            int[] toColumns = [.. Enumerable.Range(0, n * c * s).Select(i => (i / c / s * c + i % c) * s + i / c % s)];
            int[] toRows = [.. Enumerable.Range(0, n * c * s)
                .Select(i => (i % (n * s) / s * c + i / (n * s)) * s + i % s)];
            double[] x = sample.Values(), dy = sample.Cotangent();
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                NormResult planes = Run(Norm.Batch, [n, c, s], x, dy, null, null, [c], sample.Eps, type);
                NormResult columns = Run(Norm.Batch,
                    [n * s, c], Moved(x, toColumns), Moved(dy, toColumns), null, null, [c], sample.Eps, type);
                NormResult plane = Run(
                    Norm.Batch, [1, c, n * s], Moved(x, toRows), Moved(dy, toRows), null, null, [c], sample.Eps, type);
                NormResult rows = Run(
                    Norm.Layer, [c, n * s], Moved(x, toRows), Moved(dy, toRows), null, null, [n * s], sample.Eps, type);
                Moved(planes, toColumns).IsNear(columns, $"{type} columns", type);
                Moved(planes, toRows).IsNear(plane, $"{type} one plane", type);
                Moved(planes, toRows).IsNear(rows, $"{type} rows", type);
            }
        });
    }

    [Fact]
    public void One_group_is_a_layer_norm_and_a_group_a_channel_an_instance_norm()
    {
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values(), dy = sample.Cotangent();
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                // Without gamma and beta: theirs have other shapes.
                NormResult Plain(Norm norm) =>
                    Run(norm, sample.Shape, x, dy, null, null, norm.ParameterShape(sample), sample.Eps, type);
                if (sample.Channels * sample.Pixels > 1)
                    Plain(Norm.Layer).IsNear(Plain(Norm.Group(1)), $"{type} one group", type);
                if (sample.Pixels > 1)
                {
                    Run(Norm.Instance, sample, x, type)
                        .IsSame(Run(Norm.Group(sample.Channels), sample, x, type), $"{type} {sample.Channels} groups");
                }
            }
        });
    }

    [Fact]
    public void The_input_gradient_is_orthogonal_to_ones_and_to_xhat_up_to_eps()
    {
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values(), dy = sample.Cotangent();
            foreach (Norm norm in Norm.Of(sample))
            {
                (double[] gamma, double[] beta) = sample.Parameters(norm.ParameterShape(sample).Count);
                NormResult result = Run(
                    norm, sample.Shape, x, dy, gamma, beta, norm.ParameterShape(sample), sample.Eps, DType.Float64);
                double[] xhat = Plain(norm, sample, x);
                int groups = 1 + Enumerable.Range(0, x.Length).Max(i => norm.GroupOf(sample, i));
                double[] sum = new double[groups], along = new double[groups], cotangent = new double[groups],
                    squares = new double[groups], size = new double[groups], count = new double[groups];
                for (int i = 0; i < x.Length; i++)
                {
                    int g = norm.GroupOf(sample, i);
                    double own = gamma[norm.ParameterOf(sample, i)] * dy[i];
                    count[g]++;
                    sum[g] += result.Dx[i];
                    along[g] += result.Dx[i] * xhat[i];
                    cotangent[g] += own * xhat[i];
                    squares[g] += xhat[i] * xhat[i];
                    size[g] += Math.Abs(own) + Math.Abs(own * xhat[i]);
                }

                double[] rstd = Rstd(norm, sample, x);
                for (int g = 0; g < groups; g++)
                {
                    if (norm.Centers)
                        Close.Within(Float64Tolerance * rstd[g] * size[g], $"{norm.Name} Σdx [{g}]", 0, sum[g]);
                    // Σdx·x̂ = rstd·Σg·x̂·(1 - Σx̂²/m): what eps leaves, as Σx̂²/m = var/(var + eps).
                    Close.Within(Float64Tolerance * rstd[g] * size[g] * Math.Sqrt(count[g]),
                        $"{norm.Name} Σdx·x̂ [{g}]", rstd[g] * cotangent[g] * (1 - squares[g] / count[g]), along[g]);
                }
            }
        });
    }

    [Fact]
    public void Outputs_have_mean_beta_and_the_variance_that_eps_leaves()
    {
        NormSample.ForAll(sample =>
        {
            double[] x = sample.Values();
            foreach (Norm norm in Norm.Of(sample))
            {
                double[] xhat = Plain(norm, sample, x), rstd = Rstd(norm, sample, x);
                foreach (IGrouping<int, int> group in
                    Enumerable.Range(0, x.Length).GroupBy(i => norm.GroupOf(sample, i)))
                {
                    double mean = group.Average(i => xhat[i]), square = group.Average(i => xhat[i] * xhat[i]);
                    if (norm.Centers) Close.Within(Float64Tolerance, $"{norm.Name} mean", 0, mean);
                    double r = rstd[group.Key];
                    Close.Within(
                        Float64Tolerance, $"{norm.Name} variance", r == 0 ? 0 : 1 - sample.Eps * r * r, square);
                }
            }
        });
    }

    [Fact]
    public void With_the_statistics_of_the_batch_alone_eval_gives_the_output_of_training()
    {
        NormSample.ForAll(sample =>
        {
            double[] rstd = Rstd(Norm.Batch, sample, sample.Values());
            foreach (DType type in new[] { DType.Float64, DType.Float32 })
            {
                var running = new RunningStatistics(
                    sample.Channels, RunningAverage.Torch(1) with { Estimator = VarianceEstimator.Biased });
                running.Mean.To(type);
                running.Variance.To(type);
                Tensor x = Tensor.From(sample.Values(), sample.Shape).To(type);
                double[] training = NaiveOps.Doubles(
                    new Tape(Mode.Train).Input(x).BatchNorm(null, null, running, sample.Eps)),
                    evaluation = NaiveOps.Doubles(x.BatchNorm(null, null, running, sample.Eps));
                // The statistics are numbers of the type: rounded once, and |mean| is at most some ten standard
                // deviations here, if there is any deviation.
                for (int i = 0; i < training.Length; i++)
                {
                    double allowed = NormResult.Tolerance(type) * Math.Max(1, Math.Abs(training[i])) * Math.Max(
                        1, 4 * rstd[sample.Channel(i)]);
                    Close.Within(allowed, $"{type} [{i}]", training[i], evaluation[i]);
                }
            }
        });
    }

    [Fact]
    public void Equal_batches_in_any_order_give_the_cumulative_statistics_of_their_mean()
    {
        NormSample.ForAll(sample =>
        {
            var forwards = new RunningStatistics(sample.Channels, RunningAverage.Cumulative);
            var backwards = new RunningStatistics(sample.Channels, RunningAverage.Cumulative);
            foreach (RunningStatistics running in new[] { forwards, backwards })
            {
                running.Mean.To(DType.Float64);
                running.Variance.To(DType.Float64);
            }

            Tensor[] batches = [.. Enumerable.Range(0, 4)
                .Select(k => Tensor.From((sample with { Seed = sample.Seed ^ k }).Values(), sample.Shape))];
            var tape = new Tape(Mode.Train);
            double[] mean = new double[sample.Channels];
            for (int k = 0; k < batches.Length; k++)
            {
                tape.Reset();
                tape.Input(batches[k]).BatchNorm(null, null, forwards, sample.Eps);
                tape.Input(batches[^(k + 1)]).BatchNorm(null, null, backwards, sample.Eps);
                double[] values = batches[k].ToArray<double>();
                for (int i = 0; i < values.Length; i++)
                    mean[sample.Channel(i)] += values[i] / (sample.Samples * sample.Pixels) / batches.Length;
            }

            Close.Within(Float64Tolerance, "mean", mean, forwards.Mean.Value.ToArray<double>());
            Close.Within(Float64Tolerance, "mean in the other order", mean, backwards.Mean.Value.ToArray<double>());
            double[] variance = forwards.Variance.Value.ToArray<double>();
            Close.Within(Float64Tolerance * NormResult.Scale(variance),
                "variance", variance, backwards.Variance.Value.ToArray<double>());
        });
    }

    /// <summary>
    /// Runs a norm with the sample's own parameters and cotangent; with <paramref name="place"/>, on
    /// the elements in that order.
    /// </summary>
    private static NormResult Run(
        Norm norm, NormSample sample, double[] x, DType type, int[]? place = null, int gammaSign = 1)
    {
        Shape parameters = norm.ParameterShape(sample);
        (double[] gamma, double[] beta) = sample.Parameters(parameters.Count);
        double[] dy = sample.Cotangent();
        return Run(norm, sample.Shape, place is null ? x : Moved(x, place), place is null ? dy : Moved(dy, place),
            Array.ConvertAll(gamma, v => v * gammaSign), beta, parameters, sample.Eps, type);
    }

    private static NormResult Run(
        Norm norm, Shape shape, double[] x, double[] dy, double[]? gamma, double[]? beta, Shape parameters, double eps,
        DType type)
    {
        var tape = new Tape(Mode.Train);
        Tensor input = tape.Input(Tensor.From(x, shape).To(type), requiresGradient: true);
        Parameter? gammas = gamma is null ? null : new Parameter(Tensor.From(gamma, parameters).To(type));
        Parameter? betas = beta is null ? null : new Parameter(Tensor.From(beta, parameters).To(type));
        Tensor y = norm.Apply(input, gammas, betas, eps);
        y.Backward(Tensor.From(dy, shape).To(type));
        return new NormResult(
            NaiveOps.Doubles(y), NaiveOps.Doubles(input.Gradient!), Gradient(gammas), Gradient(betas), [], []);
    }

    /// <summary>x̂ in float64.</summary>
    private static double[] Plain(Norm norm, NormSample sample, double[] x) =>
        norm.Apply(new Tape(Mode.Train).Input(Tensor.From(x, sample.Shape)), null, null, sample.Eps).ToArray<double>();

    /// <summary>An RMS norm has no beta: its gradient is then none.</summary>
    private static double[] Gradient(Parameter? parameter) =>
        parameter?.Gradient is null ? [] : NaiveOps.Doubles(parameter.Gradient!);

    /// <summary>1/sqrt(var + eps) of every group, by the definition; for an RMS norm var is the mean square.</summary>
    private static double[] Rstd(Norm norm, NormSample sample, double[] x)
    {
        var groups =
            Enumerable.Range(0, x.Length).GroupBy(i => norm.GroupOf(sample, i), i => x[i]).OrderBy(group => group.Key);
        return [.. groups.Select(group =>
        {
            double mean = norm.Centers ? group.Average() : 0, variance = group.Average(v => (v - mean) * (v - mean));
            return variance + sample.Eps == 0 ? 0 : 1 / Math.Sqrt(variance + sample.Eps);
        })];
    }

    private static double[] Moved(double[] values, int[] place) => Array.ConvertAll(place, i => values[i]);

    private static NormResult Moved(NormResult result, int[] place) =>
        result with { Y = Moved(result.Y, place), Dx = Moved(result.Dx, place) };
}
