using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// Adam with Nesterov's momentum: m and v as in <see cref="Adam"/>, then
/// w ← w - lr·((1 - μₜ)·g / (1 - Πₜ) + μₜ₊₁·m / (1 - Πₜ₊₁)) / (√v̂ + eps). Semantics of <c>torch.optim.NAdam</c>.
/// </summary>
/// <remarks>
/// <para>μₜ = β1·(1 - 0.96^(t·ψ) / 2) is the momentum of step t and ψ is <see cref="MomentumDecay"/>. Πₜ is the product
/// of μ₁ to μₜ, and v̂ = v / (1 - β2ᵗ).</para>
/// <para>The product is kept in double. PyTorch keeps it in its default type: in Float32 its steps differ from the
/// formula by up to 1e-7 of their length, unless the default type is Float64.</para>
/// <para>Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.</para>
/// </remarks>
public sealed class NAdam : Optimizer
{
    private const double Base = 0.96;
    private readonly AdamUpdate _update;
    private readonly double _momentumDecay = 4e-3;

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr. Default: 2e-3.</param>
    /// <param name="beta1">Weight of the old mean of gradients. Default: 0.9.</param>
    /// <param name="beta2">Weight of the old mean of squared gradients. Default: 0.999.</param>
    /// <param name="eps">
    /// Added to the root. If it is 0 in the parameter's type, an element whose v is 0 takes no step. Default: 1e-8.
    /// </param>
    /// <param name="weightDecay">
    /// L2 penalty added to the gradient: decay·w; see <see cref="DecoupledWeightDecay"/>. Default: 0.
    /// </param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public NAdam(
        IEnumerable<Parameter> parameters, double learningRate = 2e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0, bool decayNormAndBias = true)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(NAdam), beta1, beta2, eps);
        AddParameters(parameters, decayNormAndBias);
    }

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="NAdam(IEnumerable{Parameter}, double, double, double, double, double, bool)"/>
    public NAdam(
        IEnumerable<ParameterGroup> groups, double learningRate = 2e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(NAdam), beta1, beta2, eps);
        AddGroups(groups);
    }

    /// <summary>Weight of the old mean of gradients.</summary>
    public double Beta1 => _update.Beta1;

    /// <summary>Weight of the old mean of squared gradients.</summary>
    public double Beta2 => _update.Beta2;

    /// <summary>Added to the root.</summary>
    public double Eps => _update.Eps;

    /// <summary>
    /// True applies weight decay to the weight, as <see cref="AdamW"/> does: w ← (1 - lr·decay)·w. PyTorch's
    /// <c>decoupled_weight_decay</c>. Default: false.
    /// </summary>
    public bool DecoupledWeightDecay
    {
        get => _update.IsDecoupled;
        init => _update.IsDecoupled = value;
    }

    /// <summary>ψ: the larger it is, the sooner the momentum rises from β1/2 to β1. Default: 4e-3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double MomentumDecay
    {
        get => _momentumDecay;
        init => _momentumDecay = Guard.NotNegative(value, nameof(NAdam), nameof(MomentumDecay));
    }

    internal override double? GivenMomentum => Beta1;

    private protected override bool HasMomentumProducts => true;

    private protected override ReadOnlySpan<StateSlot> States => _update.States;

    private protected override ReadOnlySpan<Setting> Settings => (Setting[])
        [.. _update.Settings, new("momentum_decay", MomentumDecay), new("decoupled", DecoupledWeightDecay)];

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry)
    {
        _update.Prepare(group, beta1Power: 0, Power(Beta2, step), ref entry);
        double mu = Momentum(entry.Momentum, step), next = Momentum(entry.Momentum, step + 1);
        entry.MomentumProduct *= mu;
        entry.MomentStep = MomentStep.Nesterov;
        entry.StepSize = group.LearningRate * (1 - mu) / (1 - entry.MomentumProduct);
        entry.MomentStepSize = group.LearningRate * next / (1 - entry.MomentumProduct * next);
    }

    private protected override void Update(in UpdateEntry entry, int offset, int count) =>
        _update.Run(entry, offset, count);

    private double Momentum(double beta1, long step) =>
        beta1 * (1 - 0.5 * VectorMath.Pow(Base, step * MomentumDecay));
}
