namespace Evenkeel.Training;

/// <summary>The built-in rules of <see cref="TrainingDoctor"/>.</summary>
internal static class TrainingRules
{
    /// <summary>All of them, by id.</summary>
    public static IReadOnlyList<TrainingRule> All { get; } =
    [
        new FirstLoss(), new TurnPerStep(), new EffectiveRate(), new GradientRatio(), new ZeroGradients(),
        new LaggingStatistics(), new SkippedSteps(), new NoisyBatches(), new RunawayAffine(), new UnusedParameter(),
        new UnpooledParts(), new FrozenState(), new RanksDrift(), new ScoreCurve(),
    ];

    /// <summary>
    /// Counts in how many looks in a row something was true, and says whether it were enough.
    /// </summary>
    public static bool HasHeld(ref double looks, bool isTrue, int needed)
    {
        looks = isTrue ? looks + 1 : 0;
        return looks >= needed;
    }

    /// <summary>Whether it is a linear layer or a convolution that got a gradient.</summary>
    public static bool Learns(TrainedWeight weight) => weight is { HasGradient: true, Outputs: > 0 };

    /// <summary>The value below which a share of the values lies.</summary>
    public static double Quantile(double[] values, double share)
    {
        Array.Sort(values);
        return values.Length == 0 ? 0 : values[(int)Math.Min(values.Length - 1, share * values.Length)];
    }
}
