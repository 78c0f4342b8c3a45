using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Theory;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// Lesson K's experiments against its own numbers, closed forms and NumPy with the same draws
/// (RandomState(1), NumPy 1.24).
/// </summary>
public sealed class TheoryTests
{
    /// <summary>float64 against NumPy: other orders of summation, small against any change of a formula.</summary>
    private const double Peer = 1e-9;

    /// <summary>Relative: the smallest eigenvalue carries the rounding of the largest, 2.5e7 times it.</summary>
    private const double SmallestEigenvalue = 1e-8;

    /// <summary>An average over drawn values against the integral over N(0, 1).</summary>
    private const double Sampled = 3e-3;

    [Theory]
    [InlineData(DType.Float64, Tolerances.Float64Roundoff)]
    [InlineData(DType.Float32, Tolerances.Float32Roundoff)]
    public void The_worked_example_has_all_eight_values(DType dtype, double tolerance)
    {
        ExperimentResult result = Run("worked-example", dtype);
        double[] z = [1.0, 1.5, 1.2, 0.9, 1.7, 3.1, 1.7, 2.1];
        for (int i = 0; i < z.Length; i++)
            Assert.Equal((z[i] - 1.65) / Math.Sqrt(0.44 + 1e-8), result.Figures[$"layer.value{i + 1}"], tolerance);
        string[] decimals = [.. Enumerable.Range(1, 8).Select(
            i => result.Figures[$"layer.value{i}"].ToString("F2", System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(["-0.98", "-0.23", "-0.68", "-1.13", "0.08", "2.19", "0.08", "0.68"], decimals);
        Assert.Equal(0.44 * 8 / 7, result.Figures["layer.runningVariance"], Tolerances.Float32Roundoff);
        Assert.All(result.Checks, claim => Assert.Equal(Verdict.Holds, claim.Verdict));
        Assert.Equal("7 of 7 printed; the missing one is 0.68",
            ExperimentCatalog.Find("worked-example")!.Headline(result.Figures));
    }

    [Fact]
    public void The_identity_needs_eps_in_gamma()
    {
        ExperimentResult result = Run("identity-recovery");
        Assert.True(result.Figures["exact.largestChange"] <= 1e-6);
        Assert.InRange(result.Figures["lesson.largestChange"], 7e-6, 3e-5);
        Assert.Equal(
            1.6916701964179823e-05, Run("identity-recovery", DType.Float64).Figures["lesson.largestChange"], Peer);
        Assert.True(result.Figures["learned.gammaError"] <= 1e-5);
        Assert.Equal(Verdict.Holds, Of(result, "K6.identity"));
        Assert.Equal(Verdict.Fails, Of(result, "K6.lesson-gamma"));
        Assert.Equal(Verdict.Fails, Of(result, "K6.straight-tanh"));
        // Squared correlations of N(0, 1) with its sigmoid and its tanh, by numerical integration.
        Assert.Equal(0.984, result.Figures["sigmoid.straightness"], Sampled);
        Assert.Equal(0.930, result.Figures["tanh.straightness"], 3 * Sampled);
    }

    [Fact]
    public void A_bias_before_the_norm_has_no_gradient_and_Adam_moves_it_all_the_same()
    {
        ExperimentResult result = Run("redundant-bias");
        Assert.True(result.Figures["bias.gradient"] <= 5e-7);
        Assert.True(result.Figures["unnormalized.gradient"] > 1e-3);
        Assert.True(result.Figures["bias.largestChange"] <= 2e-6);
        Assert.True(result.Figures["bias.sgdMoved"] <= 1e-6);
        Assert.True(result.Figures["bias.adamMoved"] > 1e-3);
        Assert.Equal(Verdict.Holds, Of(result, "K7.training"));
        Assert.Equal(Verdict.Fails, Of(result, "K7.unmoved"));
    }

    [Fact]
    public void Eps_ends_the_scale_invariance_where_numpy_says()
    {
        ExperimentResult exact = Run("scale-invariance", DType.Float64);
        Assert.Equal(2.554797801268549e-05, exact.Figures["eps1e-5.changeAt10"], Peer);
        Assert.Equal(0.00255177588026978, exact.Figures["eps1e-5.changeAt0.1"], Peer);
        Assert.Equal(0.23100580962890405, exact.Figures["eps1e-5.changeAt0.01"], Peer);
        Assert.Equal(2.4704771108802204, exact.Figures["eps1e-5.changeAt0.001"], Peer);
        Assert.Equal(3.348097240533399, exact.Figures["eps1e-5.changeAt0.0001"], Peer);
        Assert.Equal(0.00032262772601594075, exact.Figures["eps1e-5.radialGradient"], Peer);
        Assert.Equal(0.00032262772601594075, exact.Figures["eps1e-5.radialGradientTheory"], Peer);
        Assert.Equal(359.77331943834685, exact.Figures["eps1e-5.gradientNorm"], 359.77331943834685 * Peer);

        ExperimentResult single = Run("scale-invariance");
        Assert.InRange(single.Figures["eps1e-5.changeAt10"], 2e-5, 4e-5);
        Assert.True(single.Figures["eps1e-12.changeAt0.01"] <= 1e-5);
        Assert.True(single.Figures["eps1e-5.radialGradient"] <= 1e-5 * single.Figures["eps1e-5.gradientNorm"]);
        Assert.Equal(Verdict.Holds, Of(single, "K9.invariant"));
        Assert.Equal(Verdict.Fails, Of(single, "K9.any-scale"));
        Assert.Equal(Verdict.Holds, Of(single, "K9.eps"));
        Assert.Equal(Verdict.Holds, Of(single, "K9.longer"));
    }

    [Fact]
    public void Twenty_sigmoid_layers_lose_the_gradient_and_batch_norm_keeps_it()
    {
        ExperimentResult result = Run("vanishing-gradients");
        // PyTorch on other draws: 7.4e-15 and 337.
        Assert.InRange(result.Figures["sigmoid-none.firstGradient"], 1e-15, 1e-13);
        Assert.InRange(result.Figures["sigmoid-batchnorm.firstGradient"], 200, 600);
        // sqrt(1/3)/4 a layer, the slope of a sigmoid at 0 times the gain of PyTorch's start values: 0.144^19 = 1e-16.
        Assert.InRange(result.Figures["sigmoid-none.ratio"], 1e-17, 1e-15);
        Assert.InRange(result.Figures["sigmoid-batchnorm.ratio"], 0.5, 5);
        Assert.InRange(result.Figures["tanh-none.ratio"], 1e-5, 1e-3);
        Assert.InRange(result.Figures["tanh-batchnorm.ratio"], 2, 20);
        Assert.Equal(Verdict.Fails, Of(result, "K9.reason-default"));
        Assert.Equal(Verdict.Holds, Of(result, "K9.reason-large"));
        // The mean of s(z)·(1 - s(z)) over N(0, 1), by numerical integration.
        Assert.Equal(0.2066, result.Figures["sigmoid-batchnorm.defaultSlope"], Sampled);
    }

    [Fact]
    public void Scaling_rounds_the_loss_as_numpys_singular_values_say()
    {
        ExperimentResult result = Run("feature-scaling", DType.Float64);
        Assert.Equal(25472013.80790663, result.Figures["raw.condition"], 25472013.80790663 * SmallestEigenvalue);
        Assert.Equal(6.735118253928213e-06, result.Figures["raw.largestRate"], 6.735118253928213e-06 * Peer);
        Assert.Equal(3.588423626960524, result.Figures["scaled.condition"], Peer);
        Assert.Equal(0.5955502963223367, result.Figures["scaled.largestRate"], Peer);
        Assert.All((string[])["raw", "scaled"], variant =>
        {
            Assert.True(result.Figures[$"{variant}.below"] < 1);
            Assert.True(result.Figures[$"{variant}.above"] > 1e6);
        });
        Assert.All(result.Checks, claim => Assert.Equal(Verdict.Holds, claim.Verdict));
    }

    [Fact]
    public void A_contour_has_the_same_loss_everywhere()
    {
        ExperimentResult result = Run("feature-scaling", DType.Float64);
        Series contour = result.Series.Single(series => series.Name == "raw/contour-2"),
            outer = result.Series.Single(series => series.Name == "raw/contour-4");
        Assert.Equal(65, contour.X.Count);
        // The contours are one ellipse about (1, 1) at several sizes, and each closes.
        Assert.Equal(contour.X[0], contour.X[^1], Peer);
        for (int i = 0; i < contour.X.Count; i++)
        {
            Assert.Equal(2 * (contour.X[i] - 1), outer.X[i] - 1, Peer);
            Assert.Equal(2 * (contour.Y[i] - 1), outer.Y[i] - 1, Peer);
        }
    }

    [Theory]
    [InlineData("feature-scaling")]
    [InlineData("scale-invariance")]
    public void Another_seed_draws_other_numbers_and_keeps_the_verdicts(string name)
    {
        ExperimentResult one = Run(name), other = Run(name, seed: 5);
        Assert.NotEqual(one.WeightsHash, other.WeightsHash);
        Assert.Equal(one.Checks.Select(claim => (claim.Id, claim.Verdict)),
            other.Checks.Select(claim => (claim.Id, claim.Verdict)));
    }

    [Fact]
    public void Batch_norm_stills_the_inputs_of_the_layers()
    {
        ExperimentResult result = Run("covariate-shift", epochs: 2);
        Assert.Equal(Verdict.Holds, Of(result, "K2.less-drift"));
        Assert.True(result.Figures["batchnorm.drift"] < 0.3 * result.Figures["none.drift"]);
        // Two draws of U(±0.5) for a mean differ by sqrt(2/12) = 0.41, root mean square; a unit's deviation behind
        // noise and ReLU is near that of N(0, 1).
        Assert.InRange(result.Figures["noisy.drift"], 0.2, 0.8);
        Assert.Equal(4, result.Series.Single(series => series.Name == "noisy/drift-layer-6").Y.Count);
        Assert.Equal(5, result.Series.Single(series => series.Name == "none-small/shift-layer-2").Y.Count);
        Assert.Equal(0, result.Series.Single(series => series.Name == "none-small/shift-layer-2").Y[0]);
    }

    [Fact]
    public void Sigmoids_without_beta_can_not_tell_inside_from_outside()
    {
        ExperimentResult result = Run("affine-capacity", epochs: 1);
        Assert.Equal(Verdict.Holds, Of(result, "K6.circle"));
        // The loss of a guess is ln 2: an odd function has nothing to say about an even one.
        Assert.InRange(result.Figures["circle-sigmoid-plain.loss"], 0.67, 0.7);
        Assert.True(result.Figures["circle-relu-plain.accuracy"] >= 0.9);
        // A ReLU's best line is far from it: what a net with ReLU has learned is gone with lines.
        Assert.True(result.Figures["relu-plain.straightness"] < 0.9);
        Assert.Equal(0.984, result.Figures["sigmoid-plain.straightness"], 0.02);
        Assert.Equal(2, result.Series.Single(series => series.Name == "relu-plain/train-accuracy").Y.Count);
    }

    [Theory]
    [InlineData("batch-statistics")]
    [InlineData("preprocessing")]
    [InlineData("batchnorm-test-time")]
    public void Every_check_holds_for_any_seed_and_the_headline_is_short(string name)
    {
        foreach (long seed in (long[])[231, 5])
        {
            ExperimentResult result = Run(name, seed: seed);
            Assert.All(result.Checks, check => Assert.NotEqual(Verdict.Fails, check.Verdict));
            Assert.InRange(ExperimentCatalog.Find(name)!.Headline(result.Figures).Length, 1, 45);
        }
    }

    [Fact]
    public void Batch_statistics_have_the_errors_of_independent_draws()
    {
        Dictionary<string, double> figures = Run("batch-statistics").Figures;
        foreach (int size in (int[])[5, 50, 500])
        {
            Assert.Equal(1, figures[$"mean.errorAt{size}"] * Math.Sqrt(size), 0.1);
            Assert.Equal(1, figures[$"mean-shuffled.errorAt{size}"] * Math.Sqrt(size * 999.0 / (1000 - size)), 0.1);
        }
    }

    [Fact]
    public void Preprocessing_is_told_by_what_its_outputs_depend_on()
    {
        Dictionary<string, double> figures = Run("preprocessing").Figures;
        // Other images, other rows, own row; scale and shift of an image, of a place over the set: 1
        // where the output changes.
        (string Variant, string Changes)[] expected =
        [
            ("rgb-row", "0010111"), ("image", "0110111"), ("mean-image", "1001110"), ("threshold", "0001111"),
            ("batchnorm", "1001100"), ("layernorm", "0110011"),
        ];
        string[] looks =
        [
            "dependsOnOthers", "dependsOnOtherRows", "dependsOnOwnRow", "changesWithSampleScale",
            "changesWithSampleShift", "changesWithFeatureScale", "changesWithFeatureShift",
        ];
        foreach ((string variant, string changes) in expected)
            Assert.Equal(changes, string.Concat(looks.Select(look => figures[$"{variant}.{look}"] > 1e-9 ? '1' : '0')));
    }

    [Fact]
    public void Batch_norm_permits_a_larger_learning_rate()
    {
        ExperimentResult result = Run("learning-rate", epochs: 3);
        Assert.Equal(Verdict.Holds, Of(result, "D8.larger-rate"));
        Assert.True(result.Figures["ratio"] >= 4);
        IReadOnlyList<double> none = result.Series.Single(series => series.Name == "none/train-accuracy").Y;
        // The grid reaches past both limits: without norm the largest rate diverges, with it
        // nothing is learned any more.
        Assert.True(double.IsNaN(none[^1]));
        Assert.False(result.Series.Single(series => series.Name == "batchnorm/train-accuracy").Y[^1] >= 0.3);
    }

    [Fact]
    public void Every_theory_experiment_has_seed_1_a_short_headline_and_figures_named_by_variant()
    {
        foreach (Experiment experiment in ExperimentCatalog.All.OfType<TheoryExperiment>())
        {
            Assert.Equal(1, experiment.LessonSeed);
            Assert.Equal($"docs/lessons/k-theory.md#{experiment.Name}", experiment.Page);
            if (experiment.Images is not null) continue;
            ExperimentResult result = Run(experiment.Name);
            Assert.InRange(experiment.Headline(result.Figures).Length, 1, 45);
            Assert.NotNull(result.WeightsHash);
            Assert.Equal(result.WeightsHash, Run(experiment.Name).WeightsHash);
        }
    }

    [Fact]
    public void A_cancelled_experiment_stops()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        foreach (Experiment experiment in ExperimentCatalog.All.OfType<TheoryExperiment>())
        {
            var settings = new ExperimentSettings(1, 1, experiment.LessonDType, experiment.Epochs?.Quick, Quick: true);
            Assert.Throws<OperationCanceledException>(
                () => experiment.Run(new ExperimentContext(settings, LabData.Embedded, new Silence(), cancel.Token)));
        }
    }

    private static Verdict Of(ExperimentResult result, string claim) =>
        result.Checks.Single(c => c.Id == claim).Verdict;

    private static ExperimentResult Run(string name, DType? dtype = null, long seed = 1, int? epochs = null)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        var settings = new ExperimentSettings(
            seed, 1, experiment.OnlyDType ?? dtype ?? DType.Float32, epochs ?? experiment.Epochs?.Quick, Quick: true);
        return experiment.Run(
            new ExperimentContext(settings, LabData.Embedded, new Silence(), TestContext.Current.CancellationToken));
    }

}

/// <summary>Jacobi's rotations and Cholesky's solution on matrices whose answers are known.</summary>
public sealed class SymmetricMatrixTests
{
    [Fact]
    public void Eigenvalues_of_a_known_matrix()
    {
        // [[2, 1], [1, 2]] and, apart from it, 5: eigenvalues 1, 3, 5.
        double[] values = SymmetricMatrix.Eigenvalues([2, 0, 1, 0, 5, 0, 1, 0, 2], 3);
        Assert.Equal(1, values[0], Tolerances.Float64Steps);
        Assert.Equal(3, values[1], Tolerances.Float64Steps);
        Assert.Equal(5, values[2], Tolerances.Float64Steps);
    }

    [Fact]
    public void Eigenvalues_of_a_string_of_springs()
    {
        // Second differences: 2 on the diagonal, -1 beside it; eigenvalues 2 - 2·cos(k·pi/(n + 1)).
        const int n = 12;
        double[] matrix = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            matrix[(i * n) + i] = 2;
            if (i > 0) matrix[(i * n) + i - 1] = matrix[((i - 1) * n) + i] = -1;
        }

        double[] values = SymmetricMatrix.Eigenvalues(matrix, n);
        for (int k = 1; k <= n; k++)
            Assert.Equal(2 - (2 * Math.Cos(k * Math.PI / (n + 1))), values[k - 1], Tolerances.Float64Sums);
    }

    [Fact]
    public void A_small_eigenvalue_keeps_its_digits_beside_a_large_one()
    {
        // diag(1e12, 1) with 1e-1·sqrt of both beside it: the product of the eigenvalues is the determinant, 0.99e12.
        double[] values = SymmetricMatrix.Eigenvalues([1e12, 1e5, 1e5, 1], 2);
        Assert.Equal(0.99, values[0], 0.99 * Tolerances.Float64Roundoff);
    }

    [Fact]
    public void A_solution_solves()
    {
        double[] w = SymmetricMatrix.Solve([4, 2, 2, 3], [2, 5]);
        Assert.Equal(-0.5, w[0], Tolerances.Float64Steps);
        Assert.Equal(2, w[1], Tolerances.Float64Steps);
    }
}
