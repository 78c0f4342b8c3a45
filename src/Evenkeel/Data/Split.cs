using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// Divides a set into parts, for example .8/.1/.1 for training, validation and test. Each method returns the indices of
/// each part in ascending order. Every sample is in exactly one part. The same seed gives the same parts on every
/// machine. <see cref="Subset"/> makes data sets of them.
/// </summary>
public static class Split
{
    /// <summary>Number of orders that a grouped split tries. The best balanced one is kept.</summary>
    private const int Trials = 64;

    /// <summary>Splits at random.</summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="fractions">
    /// The share of each part. The shares sum to 1. Part k ends at ⌊count · (f₀ + ... + f_k)⌋ of a random order.
    /// </param>
    /// <param name="seed">Any number.</param>
    /// <exception cref="ArgumentException">The fractions are not all above 0, or do not sum to 1.</exception>
    public static int[][] Random(int count, ReadOnlySpan<double> fractions, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Check(fractions);
        var parts = new List<int>[fractions.Length];
        for (int p = 0; p < parts.Length; p++) parts[p] = [];
        Deal(new Philox(seed, "split").Permutation(count), fractions, parts);
        return Sorted(parts);
    }

    /// <summary>
    /// Splits every class at random by itself, like <c>1_split_dataset.py</c> of the banknote lesson. Each part then
    /// has the classes in the same proportions.
    /// </summary>
    /// <param name="labels">The class of each sample, from 0 on.</param>
    /// <param name="fractions">
    /// The share of each part. The shares sum to 1. In each class of n samples, part k ends at ⌊n · (f₀ + ... + f_k)⌋
    /// of a random order.
    /// </param>
    /// <param name="seed">Any number.</param>
    /// <exception cref="ArgumentException">
    /// The fractions are not all above 0 or do not sum to 1, or a label is negative.
    /// </exception>
    public static int[][] Stratified(ReadOnlySpan<int> labels, ReadOnlySpan<double> fractions, ulong seed = 0)
    {
        Check(fractions);
        int classes = Classes(labels);
        var parts = new List<int>[fractions.Length];
        for (int p = 0; p < parts.Length; p++) parts[p] = [];
        var random = new Philox(seed, "split");
        for (int c = 0; c < classes; c++)
        {
            var members = new List<int>();
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i] == c) members.Add(i);
            }

            int[] order = [.. members];
            random.Split((ulong)c).Shuffle(order);
            Deal(order, fractions, parts);
        }

        return Sorted(parts);
    }

    /// <summary>
    /// Splits groups, so that no group is in two parts. A near-duplicate of a training image must not be among the
    /// validation or test images. The parts are as close to their shares of every class as whole groups allow.
    /// </summary>
    /// <param name="labels">The class of each sample, from 0 on.</param>
    /// <param name="groups">The group of each sample, any numbers (<see cref="NearDuplicates.Groups"/>).</param>
    /// <param name="fractions">The share of each part. The shares sum to 1.</param>
    /// <param name="seed">Any number.</param>
    /// <remarks>
    /// Groups are assigned in a random order. Each goes to the part for which Σ (n - t)² / t over parts and classes
    /// stays smallest. There n is the number of samples of a class that a part has, and t the number that it should
    /// have. The best of 64 orders is kept.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The fractions are not all above 0 or do not sum to 1, a label is negative, or there are not as many groups as
    /// labels.
    /// </exception>
    public static int[][] Grouped(
        ReadOnlySpan<int> labels, ReadOnlySpan<int> groups, ReadOnlySpan<double> fractions, ulong seed = 0)
    {
        Check(fractions);
        int classes = Classes(labels);
        if (groups.Length != labels.Length)
        {
            throw new ArgumentException(
                $"Split.Grouped: expected the group of each of {labels.Length} samples, got {groups.Length}.",
                nameof(groups));
        }

        var numbers = new Dictionary<int, int>();
        var group = new int[labels.Length];
        for (int i = 0; i < group.Length; i++)
        {
            if (!numbers.TryGetValue(groups[i], out group[i])) numbers.Add(groups[i], group[i] = numbers.Count);
        }

        var sizes = new int[numbers.Count * classes];
        var target = new double[fractions.Length * classes];
        for (int i = 0; i < group.Length; i++)
        {
            sizes[group[i] * classes + labels[i]]++;
            for (int p = 0; p < fractions.Length; p++) target[p * classes + labels[i]] += fractions[p];
        }

        var random = new Philox(seed, "split");
        int[] best = [];
        double lowest = double.PositiveInfinity;
        for (int trial = 0; trial < Trials; trial++)
        {
            (int[] part, double cost) = DealGroups(
                random.Split((ulong)trial).Permutation(numbers.Count), sizes, target, fractions.Length, classes);
            if (cost < lowest) (best, lowest) = (part, cost);
        }

        var parts = new List<int>[fractions.Length];
        for (int p = 0; p < parts.Length; p++) parts[p] = [];
        for (int i = 0; i < group.Length; i++) parts[best[group[i]]].Add(i);
        return Sorted(parts);
    }

    private static (int[] Part, double Cost) DealGroups(
        int[] order, int[] sizes, double[] target, int parts, int classes)
    {
        var part = new int[order.Length];
        var has = new double[target.Length];
        foreach (int g in order)
        {
            int to = 0;
            double least = double.PositiveInfinity;
            for (int p = 0; p < parts; p++)
            {
                // How much the cost grows: ((n + s - t)² - (n - t)²) / t.
                double growth = 0;
                for (int c = 0; c < classes; c++)
                {
                    double size = sizes[g * classes + c], t = target[p * classes + c];
                    if (size > 0) growth += size * (2 * (has[p * classes + c] - t) + size) / t;
                }

                if (growth < least) (to, least) = (p, growth);
            }

            part[g] = to;
            for (int c = 0; c < classes; c++) has[to * classes + c] += sizes[g * classes + c];
        }

        double cost = 0;
        for (int i = 0; i < has.Length; i++)
            cost += target[i] > 0 ? (has[i] - target[i]) * (has[i] - target[i]) / target[i] : 0;
        return (part, cost);
    }

    private static void Deal(int[] order, ReadOnlySpan<double> fractions, List<int>[] parts)
    {
        int start = 0;
        double sum = 0;
        for (int p = 0; p < parts.Length; p++)
        {
            sum += fractions[p];
            // .8 + .1 must not fall short of .9 by its rounding.
            int end = p == parts.Length - 1 ? order.Length : Math.Min((int)(order.Length * sum + 1e-9), order.Length);
            parts[p].AddRange(order.AsSpan(start, end - start));
            start = end;
        }
    }

    private static int[][] Sorted(List<int>[] parts) => Array.ConvertAll(parts, static part =>
    {
        part.Sort();
        return part.ToArray();
    });

    private static int Classes(ReadOnlySpan<int> labels)
    {
        int most = -1;
        foreach (int label in labels)
        {
            if (label < 0)
                throw new ArgumentException($"Split: expected labels from 0 on, got {label}.", nameof(labels));
            most = Math.Max(most, label);
        }

        return most + 1;
    }

    private static void Check(ReadOnlySpan<double> fractions)
    {
        double sum = 0;
        foreach (double fraction in fractions)
        {
            if (!(fraction > 0))
                throw new ArgumentException($"Split: expected fractions above 0, got {fraction}.", nameof(fractions));
            sum += fraction;
        }

        if (!(Math.Abs(sum - 1) < 1e-9))
            throw new ArgumentException($"Split: expected fractions that sum to 1, got {sum}.", nameof(fractions));
    }
}
