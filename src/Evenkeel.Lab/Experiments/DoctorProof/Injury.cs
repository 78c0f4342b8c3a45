using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>A kind of injury that a trained network may have, from weak to strong.</summary>
/// <param name="Name">In figures.</param>
/// <param name="Title">In charts and tables.</param>
/// <param name="Words">In a sentence.</param>
/// <param name="Unit">What a strength is.</param>
/// <param name="Rules">The rules of the doctor that are to find it.</param>
/// <param name="Strengths">The strengths, the weakest first.</param>
/// <param name="Injure">Injures the batch norms of a network, with the layers before them, at a strength.</param>
internal sealed record Injury(string Name, string Title, string Words, string Unit, IReadOnlyList<string> Rules,
    IReadOnlyList<double> Strengths, Action<IReadOnlyList<InjuredNorm>, double> Injure)
{
    /// <summary>The norm of the injuries of a single layer: the second one, of the second convolution.</summary>
    private const int One = 1;

    /// <summary>What an average keeps of its old value, per batch.</summary>
    private const double Kept = 0.9;

    /// <summary>A channel with beta this many |gamma| below 0 is active for one input in a billion.</summary>
    private const double Dead = 6;

    /// <summary>All kinds, in the order of tables and charts.</summary>
    public static IReadOnlyList<Injury> All { get; } =
    [
        new("means-off", "running means off", "running means that are off", "standard deviations, in all norms",
            ["EK201", "EK202"], [0.05, 0.2, 0.5, 1], static (norms, strength) =>
            {
                foreach (InjuredNorm norm in norms)
                {
                    norm.Each((c, channel) => channel.Mean +=
                        (c % 2 == 0 ? strength : -strength) * Math.Sqrt(channel.Variance));
                }
            }) { IsOfStatistics = true },
        new("variances-off", "running variances off", "running variances that are off",
            "factor, up or down, in all norms",
            ["EK201", "EK202"], [1.25, 2, 4, 16], static (norms, strength) =>
            {
                foreach (InjuredNorm norm in norms)
                    norm.Each((c, channel) => channel.Variance *= c % 2 == 0 ? strength : 1 / strength);
            }) { IsOfStatistics = true },
        new("start-values", "start values left", "start values left in the statistics",
            "share of 0 and 1 in the statistics of all norms",
            ["EK104", "EK201", "EK202"], [0.01, 0.1, 0.3, 0.6], static (norms, strength) =>
            {
                foreach (InjuredNorm norm in norms)
                {
                    norm.Each((_, channel) =>
                    {
                        channel.Mean *= 1 - strength;
                        channel.Variance = ((1 - strength) * channel.Variance) + strength;
                    });
                    norm.SetBatches(Math.Round(Math.Log(strength) / Math.Log(Kept)));
                }
            }) { IsOfStatistics = true },
        new("dead-channels", "dead channels", "dead channels", "channels of 16 in the second norm",
            ["EK108", "EK204"], [2, 4, 8, 16], static (norms, strength) =>
                norms[One].Each((c, channel) =>
                {
                    if (c < strength) channel.Beta = -Dead * Math.Abs(channel.Gamma);
                })),
        new("small-filters", "filters shrunk", "filters that decay has shrunk",
            "1/factor of all filters of the second convolution",
            ["EK106", "EK107"], [30, 100, 300, 1000], static (norms, strength) =>
            {
                norms[One].ScaleLayer(1 / strength);
                norms[One].Each((_, channel) =>
                {
                    channel.Mean /= strength;
                    channel.Variance /= strength * strength;
                });
            }),
        new("offset", "large offset", "a large offset before a norm",
            "standard deviations, added to the biases of the second convolution",
            ["EK115"], [1e2, 1e3, 1e5, 1e8], static (norms, strength) =>
                norms[One].Each((c, channel) =>
                {
                    double offset = strength * Math.Sqrt(channel.Variance);
                    norms[One].ShiftLayer(c, offset);
                    channel.Mean += offset;
                })),
        new("twins", "twins", "channels that are copies", "pairs among the 16 channels of the second norm",
            ["EK118"], [1, 2, 4, 8], static (norms, strength) =>
            {
                for (int pair = 0; pair < strength; pair++) norms[One].Copy(2 * pair, (2 * pair) + 1);
            }),
        new("small-gammas", "gammas decayed", "decayed gammas", "1/factor of all gammas",
            ["EK108", "EK123", "EK204"], [2, 10, 20, 100], static (norms, strength) =>
            {
                foreach (InjuredNorm norm in norms) norm.Each((_, channel) => channel.Gamma /= strength);
            }),
        new("not-finite", "NaN", "a statistic that is not finite", "channels of 16 in the second norm",
            ["EK101"], [1, 16], static (norms, strength) =>
                norms[One].Each((c, channel) =>
                {
                    if (c < strength) channel.Variance = double.NaN;
                })) { IsOfStatistics = true },
    ];

    /// <summary>
    /// Whether the statistics are injured. Those of another injury are made exact again, as a training would have left
    /// them.
    /// </summary>
    public bool IsOfStatistics { get; private init; }

    /// <summary>A copy of a network with this injury.</summary>
    public Module Of(Module healthy, double strength)
    {
        Module copy = healthy.Clone();
        Injure(InjuredNorm.In(copy), strength);
        return copy;
    }
}
