namespace Evenkeel.Optim;

/// <summary>
/// Adam with a rectified step: m̂ and v̂ as in <see cref="Adam"/>, w ← w - lr·r·m̂ / (√v + eps)·√(1 - β2ᵗ) once v has
/// seen enough gradients, and w ← w - lr·m̂ before. Semantics of <c>torch.optim.RAdam</c>.
/// </summary>
/// <remarks>
/// <para>ρ = ρ∞ - 2·t·β2ᵗ / (1 - β2ᵗ), with ρ∞ = 2 / (1 - β2) - 1, is the number of gradients that v is worth. If it is
/// above 5, r = √((ρ - 4)·(ρ - 2)·ρ∞ / ((ρ∞ - 4)·(ρ∞ - 2)·ρ)). With the default β2 that is from step 6 on.</para>
/// <para>eps is added to √v before the bias correction, as in PyTorch; <see cref="Adam"/> adds it after.</para>
/// <para>Source: Liu and others, "On the variance of the adaptive learning rate and beyond", 2020.</para>
/// </remarks>
public sealed class RAdam : Optimizer
{
    private readonly AdamUpdate _update;

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr. Default: 1e-3.</param>
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
    public RAdam(
        IEnumerable<Parameter> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0, bool decayNormAndBias = true)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(RAdam), beta1, beta2, eps);
        AddParameters(parameters, decayNormAndBias);
    }

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="RAdam(IEnumerable{Parameter}, double, double, double, double, double, bool)"/>
    public RAdam(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(RAdam), beta1, beta2, eps);
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

    internal override double? GivenMomentum => Beta1;

    private protected override ReadOnlySpan<StateSlot> States => _update.States;

    private protected override ReadOnlySpan<Setting> Settings =>
        (Setting[])[.. _update.Settings, new("decoupled", DecoupledWeightDecay)];

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry)
    {
        double power = Power(Beta2, step);
        _update.Prepare(group, Power(entry.Momentum, step), power, ref entry);
        entry.Correction = 1;
        double most = 2 / (1 - Beta2) - 1, worth = most - 2 * step * power / (1 - power);
        if (worth <= 5)
        {
            entry.MomentStep = MomentStep.First;
            return;
        }

        double rectified = (worth - 4) * (worth - 2) * most / ((most - 4) * (most - 2) * worth);
        entry.StepSize *= Math.Sqrt(rectified) * Math.Sqrt(1 - power);
    }

    private protected override void Update(in UpdateEntry entry, int offset, int count) =>
        _update.Run(entry, offset, count);
}
