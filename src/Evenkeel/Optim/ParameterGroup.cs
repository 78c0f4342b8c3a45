namespace Evenkeel.Optim;

/// <summary>Parameters that an <see cref="Optimizer"/> treats alike: one learning rate, one weight decay.</summary>
/// <remarks>
/// If a value is not given, the group takes it from the optimizer's argument when it joins the optimizer, as in
/// PyTorch.
/// </remarks>
public sealed class ParameterGroup
{
    /// <summary>Makes a group of parameters. One that appears twice (tied weights) counts once.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="learningRate">Learning rate; null takes that of the optimizer.</param>
    /// <param name="weightDecay">Weight decay; null takes that of the optimizer.</param>
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
    /// The current learning rate. Schedules change it. Setting it by hand also sets <see cref="InitialLearningRate"/>.
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

    /// <summary>
    /// The current momentum: mu of <see cref="SGD"/> and <see cref="RMSprop"/>, β1 of <see cref="Adam"/> and its kin; 0
    /// if the optimizer has none. It is the optimizer's until <see cref="OneCycleLR"/> or <see cref="CyclicLR"/>
    /// changes it.
    /// </summary>
    public double Momentum { get; internal set; }

    internal bool IsLearningRateGiven { get; set; }

    internal bool IsWeightDecayGiven { get; set; }

    /// <summary>
    /// Makes two groups. One has the parameters whose role is <see cref="ParameterRole.Weight"/>, with
    /// <paramref name="weightDecay"/>. The other has all other parameters (biases, scales and shifts of norms), without
    /// weight decay.
    /// </summary>
    /// <remarks>
    /// Decay on gamma and beta pulls the output of a normalization layer towards zero but does not make the function
    /// simpler. So most recipes do not use it. <see cref="Parameter.Role"/> decides, not the shape of a parameter.
    /// </remarks>
    /// <param name="parameters">All parameters of a model.</param>
    /// <param name="weightDecay">Weight decay of the first group; null takes that of the optimizer.</param>
    public static IReadOnlyList<ParameterGroup> Split(IEnumerable<Parameter> parameters, double? weightDecay = null)
    {
        List<Parameter> weights = Distinct(parameters, "ParameterGroup.Split"), others = [.. weights];
        weights.RemoveAll(static parameter => parameter.Role != ParameterRole.Weight);
        others.RemoveAll(static parameter => parameter.Role == ParameterRole.Weight);
        return [new ParameterGroup(weights, weightDecay: weightDecay), new ParameterGroup(others, weightDecay: 0)];
    }

    /// <summary>Sets the learning rate for a schedule: <see cref="InitialLearningRate"/> does not change.</summary>
    internal void Schedule(double rate)
    {
        double initial = InitialLearningRate;
        LearningRate = rate;
        InitialLearningRate = initial;
    }

    /// <summary>
    /// The parameters, each once by reference, in the order given. The sequence is read once.
    /// </summary>
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
