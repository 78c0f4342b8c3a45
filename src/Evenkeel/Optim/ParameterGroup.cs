namespace Evenkeel.Optim;

/// <summary>Parameters that an <see cref="Optimizer"/> treats alike: one learning rate, one weight decay.</summary>
/// <remarks>A value that is not given is taken from the optimizer's own argument when the group joins it, as in PyTorch.</remarks>
public sealed class ParameterGroup
{
    /// <summary>Groups parameters; one that appears twice (tied weights) counts once.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="learningRate">Learning rate; null takes the optimizer's.</param>
    /// <param name="weightDecay">Weight decay; null takes the optimizer's.</param>
    /// <exception cref="ArgumentException">A parameter is null, or a value is negative or not finite.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, double? learningRate = null, double? weightDecay = null)
    {
        Parameters = Distinct(parameters, nameof(ParameterGroup));
        IsLearningRateGiven = learningRate is not null;
        IsWeightDecayGiven = weightDecay is not null;
        LearningRate = learningRate ?? 0;
        WeightDecay = weightDecay ?? 0;
    }

    /// <summary>The parameters, distinct by reference, in the order given.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// The current learning rate. Schedules change it; setting it by hand also sets <see cref="InitialLearningRate"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double LearningRate
    {
        get;
        set => field = InitialLearningRate = Guard.NotNegative(value, "ParameterGroup", "learningRate");
    }

    /// <summary>The current weight decay.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double WeightDecay
    {
        get;
        set => field = Guard.NotNegative(value, "ParameterGroup", "weightDecay");
    }

    /// <summary>
    /// The learning rate that was last given by hand: to the group, to its optimizer, or by setting
    /// <see cref="LearningRate"/>. A schedule takes it as its base rate when it starts.
    /// </summary>
    public double InitialLearningRate { get; private set; }

    internal bool IsLearningRateGiven { get; set; }

    internal bool IsWeightDecayGiven { get; set; }

    /// <summary>
    /// Two groups: the parameters whose role is <see cref="ParameterRole.Weight"/> with <paramref name="weightDecay"/>,
    /// and all others (biases, scales and shifts of norms) with none.
    /// </summary>
    /// <remarks>
    /// Decay on gamma and beta pulls a normalization layer towards zero output without making the function simpler, so
    /// most recipes leave it off. <see cref="Parameter.Role"/> says what a parameter is; its shape does not matter.
    /// </remarks>
    /// <param name="parameters">All parameters of a model.</param>
    /// <param name="weightDecay">Weight decay of the first group; null takes the optimizer's.</param>
    public static IReadOnlyList<ParameterGroup> Split(IEnumerable<Parameter> parameters, double? weightDecay = null)
    {
        List<Parameter> weights = Distinct(parameters, "ParameterGroup.Split"), others = [.. weights];
        weights.RemoveAll(static parameter => parameter.Role != ParameterRole.Weight);
        others.RemoveAll(static parameter => parameter.Role == ParameterRole.Weight);
        return [new ParameterGroup(weights, weightDecay: weightDecay), new ParameterGroup(others, weightDecay: 0)];
    }

    /// <summary>Sets the learning rate as a schedule does: <see cref="InitialLearningRate"/> stays.</summary>
    internal void Schedule(double rate)
    {
        double initial = InitialLearningRate;
        LearningRate = rate;
        InitialLearningRate = initial;
    }

    /// <summary>The parameters once each, by reference and in the order given. The sequence is read once.</summary>
    internal static List<Parameter> Distinct(IEnumerable<Parameter> parameters, string owner)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        var distinct = new List<Parameter>();
        foreach (Parameter parameter in parameters)
        {
            if (parameter is null)
                throw new ArgumentException($"{owner}: expected parameters, got null among them.", nameof(parameters));
            if (seen.Add(parameter)) distinct.Add(parameter);
        }

        return distinct;
    }
}
