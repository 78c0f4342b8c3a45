namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>
/// The bound of every norm with mean and variance, y = gamma·x̂ + beta with x̂ = (x - mean)·r and r = 1/√(var + eps).
/// </summary>
/// <remarks>
/// <para>Let X be the largest |x| of a group of n values, and u the unit roundoff. The mean is wrong by n·u·X at most,
/// so x̂ by n·u·X·r; the variance by n·u·var + 2·u·√var·X to first order, so r by (n + X·r)·u in relation to itself.
/// Together x̂ is wrong by (n + 8)·u·(1 + |x̂|)·κ, with κ = 1 + X·r.</para>
/// <para>dx = r·(g - mean(g) - x̂·mean(g·x̂)), g = gamma·dy. PyTorch computes it for layer and group norms as
/// r·g + b·x + c, where b = (Σg·mean - Σg·x)·r³/n and c = -b·mean - Σg·r/n. The terms of b·x are up to
/// 4·(X·r)²·mean|g|·r, hence κ².</para>
/// </remarks>
/// <param name="shape">The shape of the input.</param>
/// <param name="groupOf">The group of a value: those that share a mean.</param>
/// <param name="channelOf">The place of gamma and beta of a value.</param>
/// <param name="groups">The number of groups.</param>
/// <param name="channels">The number of gammas.</param>
internal sealed class Groups(int[] shape, Func<int, int> groupOf, Func<int, int> channelOf, int groups, int channels)
{
    private readonly int _values = groups == 0 ? 0 : Sizes.Count(shape) / groups;

    /// <summary>The terms of y, dx, dgamma and dbeta (if there are parameters) and the running statistics.</summary>
    public Terms[] Terms(Numbers n, double eps, (double[] Means, double[] Variances)? given,
        (double[] Means, double[] Variances)? running)
    {
        int count = n.X.Length;
        double[] means = new double[groups], variances = new double[groups], largest = new double[groups],
            m0 = new double[groups], m1 = new double[groups], y = new double[count], dx = new double[count],
            dgamma = new double[channels], dbeta = new double[channels];
        for (int i = 0; i < count; i++)
        {
            means[groupOf(i)] += n.X[i] / _values;
            largest[groupOf(i)] = Math.Max(largest[groupOf(i)], Math.Abs(n.X[i]));
        }

        for (int i = 0; i < count; i++)
            variances[groupOf(i)] += (n.X[i] - means[groupOf(i)]) * (n.X[i] - means[groupOf(i)]) / _values;
        double[] used = given?.Means ?? means, spread = given?.Variances ?? variances;
        double R(int group) => 1 / Math.Sqrt(spread[group] + eps);
        double Kappa(int group) => 1 + (Math.Max(largest[group], Math.Abs(used[group])) * R(group));
        double Unit(int i) => Math.Abs(n.X[i] - used[groupOf(i)]) * R(groupOf(i));
        double Gamma(int i) => n.Weights.Count == 0 ? 1 : Math.Abs(n.Weights[0][channelOf(i)]);
        for (int i = 0; i < count; i++)
        {
            (int group, int channel, double dy) = (groupOf(i), channelOf(i), Math.Abs(n.Dy[i]));
            y[i] = (Gamma(i) * (1 + Unit(i)) * Kappa(group))
                + (n.Weights.Count == 0 ? 0 : Math.Abs(n.Weights[1][channel]));
            dgamma[channel] += dy * (1 + Unit(i)) * Kappa(group);
            dbeta[channel] += dy;
            m0[group] += Gamma(i) * dy / _values;
            m1[group] += Gamma(i) * dy * (1 + Unit(i)) / _values;
        }

        for (int i = 0; i < count; i++)
        {
            int group = groupOf(i);
            double kappa = Kappa(group);
            dx[i] = R(group) * kappa * kappa
                * ((Gamma(i) * Math.Abs(n.Dy[i])) + m0[group] + ((1 + Unit(i)) * m1[group]));
        }

        double roundings = _values + 8;
        var terms = new List<Terms> { new(y, roundings), new(dx, 4 * roundings) };
        if (n.Weights.Count > 0)
        {
            double each = channels == 0 ? 0 : count / channels;
            terms.Add(new Terms(dgamma, 4 * (roundings + each)));
            terms.Add(new Terms(dbeta, each + 8));
        }

        if (running is not { } statistics) return [.. terms];
        double[] mean = new double[channels], variance = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            // PyTorch keeps the unbiased variance; the square of the mean's error is of second order.
            double unbiased = _values > 1 ? _values / (_values - 1.0) : 1, x = largest[c];
            mean[c] = Math.Abs(statistics.Means[c]) + x;
            variance[c] = statistics.Variances[c] + (2 * unbiased * (variances[c] + (x * Math.Sqrt(variances[c]))))
                + (_values * x * x * 1e-6);
        }

        return [.. terms, new(mean, roundings), new(variance, roundings)];
    }
}
