using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// Small data sets made from a formula and a seed, similar to scikit-learn's <c>make_moons</c>. They are for examples,
/// tests and first tries.
/// </summary>
/// <remarks>
/// <para>Each set is Float32. Sample i belongs to class i modulo the number of classes, so any part of a set is
/// balanced. Positions and noise come from <see cref="Philox"/>. A longer set of the same seed begins with the shorter
/// one. Another seed gives other samples of the same distribution: take one seed for training and another for
/// validation.</para>
/// <para>The bits depend only on the arguments, not on the machine.</para>
/// </remarks>
public static class Synthetic
{
    /// <summary>The radius at which the arms of <see cref="Spirals"/> begin. At the origin they would meet.</summary>
    private const double InnerRadius = 0.1;

    /// <summary>The centres of <see cref="Blobs"/> lie within plus and minus this.</summary>
    private const double Box = 10;

    /// <summary>
    /// Two interleaving half circles of radius 1: (cos t, sin t) for class 0 and (1 - cos t, 1/2 - sin t) for class 1,
    /// t uniform in [0, π].
    /// </summary>
    /// <param name="samples">Number of samples N, 1 or more.</param>
    /// <param name="noise">Standard deviation of the normal noise that is added to both coordinates, 0 or more.</param>
    /// <param name="seed">Any number.</param>
    /// <returns>Inputs of shape (N, 2), labels 0 and 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static TensorDataset Moons(int samples, double noise = 0.1, ulong seed = 0)
    {
        Philox random = Begin(samples, noise, "moons", seed);
        return InPlane(samples, classes: 2, noise, random, label =>
        {
            (double sin, double cos) = ScalarMath.SinCosTurns(0.5 * random.NextDouble());
            return label == 0 ? (cos, sin) : (1 - cos, 0.5 - sin);
        });
    }

    /// <summary>
    /// Two circles about the origin: radius 1 for class 0, radius <paramref name="factor"/> for class 1; the angle is
    /// uniform.
    /// </summary>
    /// <param name="samples">Number of samples N, 1 or more.</param>
    /// <param name="noise">Standard deviation of the normal noise that is added to both coordinates, 0 or more.</param>
    /// <param name="factor">Radius of the inner circle, above 0 and below 1.</param>
    /// <param name="seed">Any number.</param>
    /// <returns>Inputs of shape (N, 2), labels 0 (outer) and 1 (inner).</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static TensorDataset Circles(int samples, double noise = 0.1, double factor = 0.5, ulong seed = 0)
    {
        Philox random = Begin(samples, noise, "circles", seed);
        if (factor is not (> 0 and < 1))
            throw new ArgumentOutOfRangeException(
                nameof(factor), $"Synthetic.Circles: expected a factor above 0 and below 1, got {factor}.");
        return InPlane(samples, classes: 2, noise, random, label =>
        {
            (double sin, double cos) = ScalarMath.SinCosTurns(random.NextDouble());
            double radius = label == 0 ? 1 : factor;
            return (radius * cos, radius * sin);
        });
    }

    /// <summary>
    /// Spirals that begin near the origin and end at radius 1: for class k, radius r uniform in [0.1, 1], at an angle
    /// of r + k/arms turns.
    /// </summary>
    /// <param name="samples">Number of samples N, 1 or more.</param>
    /// <param name="arms">Number of spirals, one per class, 2 or more.</param>
    /// <param name="noise">Standard deviation of the normal noise that is added to both coordinates, 0 or more.</param>
    /// <param name="seed">Any number.</param>
    /// <returns>Inputs of shape (N, 2), labels 0 to arms - 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static TensorDataset Spirals(int samples, int arms = 3, double noise = 0.03, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(arms, 2);
        Philox random = Begin(samples, noise, "spirals", seed);
        return InPlane(samples, arms, noise, random, label =>
        {
            double radius = InnerRadius + ((1 - InnerRadius) * random.NextDouble());
            double turns = radius + (label / (double)arms);
            (double sin, double cos) = ScalarMath.SinCosTurns(turns - Math.Floor(turns));
            return (radius * cos, radius * sin);
        });
    }

    /// <summary>Normal clouds, one per class, about centres that are uniform in [-10, 10] per feature.</summary>
    /// <param name="samples">Number of samples N, 1 or more.</param>
    /// <param name="classes">Number of clouds, 2 or more.</param>
    /// <param name="features">Number of features F, 1 or more.</param>
    /// <param name="spread">Standard deviation of a cloud in each feature, 0 or more.</param>
    /// <param name="seed">Any number; it also decides the centres.</param>
    /// <returns>Inputs of shape (N, F), labels 0 to classes - 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    /// <remarks>
    /// Another seed has other centres. For a validation part, make one set and divide it with <see cref="Split"/>.
    /// </remarks>
    public static TensorDataset Blobs(int samples, int classes = 3, int features = 2, double spread = 1, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        Philox random = Begin(samples, spread, "blobs", seed), centres = random.Split("centres");
        double[] centre = new double[classes * features];
        for (int i = 0; i < centre.Length; i++) centre[i] = Box * ((2 * centres.NextDouble()) - 1);
        float[] values = new float[samples * features];
        int[] labels = new int[samples];
        for (int i = 0; i < samples; i++)
        {
            labels[i] = i % classes;
            for (int j = 0; j < features; j++)
            {
                double middle = centre[(labels[i] * features) + j];
                values[(i * features) + j] = (float)(middle + (spread * random.NextNormal()));
            }
        }

        return new TensorDataset(Tensor.From(values, [samples, features]), Tensor.Labels(labels));
    }

    /// <summary>
    /// A linear relation with noise: y = x·w + noise, with x and w normal (mean 0, standard deviation 1).
    /// </summary>
    /// <param name="samples">Number of samples N, 1 or more.</param>
    /// <param name="features">Number of features F, 1 or more.</param>
    /// <param name="noise">Standard deviation of the normal noise that is added to y, 0 or more.</param>
    /// <param name="seed">Any number; it also decides w.</param>
    /// <returns>Inputs of shape (N, F), targets of shape (N, 1), and the weights w of shape (F, 1) that a fit should
    /// find.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static (Tensor Inputs, Tensor Targets, Tensor Weights) Regression(
        int samples, int features = 1, double noise = 0.1, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        Philox random = Begin(samples, noise, "regression", seed), weights = random.Split("weights");
        float[] x = new float[samples * features], y = new float[samples], w = new float[features];
        weights.FillNormal(w);
        for (int i = 0; i < samples; i++)
        {
            Span<float> row = x.AsSpan(i * features, features);
            double sum = 0;
            for (int j = 0; j < features; j++)
            {
                row[j] = (float)random.NextNormal();
                sum += (double)row[j] * w[j];
            }

            y[i] = (float)(sum + (noise * random.NextNormal()));
        }

        return (Tensor.From(x, [samples, features]), Tensor.From(y, [samples, 1]), Tensor.From(w, [features, 1]));
    }

    private static Philox Begin(int samples, double noise, string name, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        if (noise is not (>= 0 and < double.PositiveInfinity))
            throw new ArgumentOutOfRangeException(
                nameof(noise), $"Synthetic: expected a standard deviation of 0 or more, got {noise}.");
        return new Philox(seed, name);
    }

    /// <summary>
    /// Points in the plane. For each point, its position is drawn first, then the noise of its two coordinates.
    /// </summary>
    private static TensorDataset InPlane(
        int samples, int classes, double noise, Philox random, Func<int, (double X, double Y)> place)
    {
        float[] values = new float[2 * samples];
        int[] labels = new int[samples];
        for (int i = 0; i < samples; i++)
        {
            labels[i] = i % classes;
            (double x, double y) = place(labels[i]);
            values[2 * i] = (float)(x + (noise * random.NextNormal()));
            values[(2 * i) + 1] = (float)(y + (noise * random.NextNormal()));
        }

        return new TensorDataset(Tensor.From(values, [samples, 2]), Tensor.Labels(labels));
    }
}
