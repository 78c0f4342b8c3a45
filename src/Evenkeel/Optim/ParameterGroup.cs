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
        ArgumentNullException.ThrowIfNull(parameters);
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        var distinct = new List<Parameter>();
        foreach (Parameter parameter in parameters)
        {
            if (parameter is null) throw new ArgumentException("ParameterGroup: expected parameters, got null among them.", nameof(parameters));
            if (seen.Add(parameter)) distinct.Add(parameter);
        }

        Parameters = distinct;
        IsLearningRateGiven = learningRate is not null;
        IsWeightDecayGiven = weightDecay is not null;
        LearningRate = learningRate ?? 0;
        WeightDecay = weightDecay ?? 0;
        InitialLearningRate = LearningRate;
    }

    /// <summary>The parameters, distinct by reference, in the order given.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The current learning rate; schedulers change it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double LearningRate
    {
        get;
        set => field = Guard.NotNegative(value, "ParameterGroup", "learningRate");
    }

    /// <summary>The current weight decay.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double WeightDecay
    {
        get;
        set => field = Guard.NotNegative(value, "ParameterGroup", "weightDecay");
    }

    /// <summary>The learning rate the group joined its optimizer with: what schedulers count from.</summary>
    public double InitialLearningRate { get; internal set; }

    internal bool IsLearningRateGiven { get; set; }

    internal bool IsWeightDecayGiven { get; set; }

    /// <summary>
    /// Two groups: parameters of rank 2 or more (weights of linear and convolution layers, embeddings) with <paramref name="weightDecay"/>, and those of rank 0 or 1 (gamma, beta and biases) with none.
    /// </summary>
    /// <remarks>
    /// Decay on gamma and beta pulls a normalization layer towards zero output without making the function simpler, so most recipes leave it off.
    /// The rule goes by rank: a gamma over several dimensions (a layer norm over (H, W)) counts as a weight; put it into a group of its own.
    /// </remarks>
    /// <param name="parameters">All parameters of a model.</param>
    /// <param name="weightDecay">Weight decay of the first group; null takes the optimizer's.</param>
    public static IReadOnlyList<ParameterGroup> Split(IEnumerable<Parameter> parameters, double? weightDecay = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var decayed = new List<Parameter>();
        var free = new List<Parameter>();
        foreach (Parameter parameter in parameters) (parameter.Shape.Rank >= 2 ? decayed : free).Add(parameter);
        return [new ParameterGroup(decayed, weightDecay: weightDecay), new ParameterGroup(free, weightDecay: 0)];
    }
}
