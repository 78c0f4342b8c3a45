namespace Evenkeel.Optim;

/// <summary>
/// Adam: m ← β1·m + (1 - β1)·g, v ← β2·v + (1 - β2)·g², w ← w - lr·m̂ / (√v̂ + eps) with m̂ = m / (1 - β1ᵗ) and v̂ = v
/// / (1 - β2ᵗ). Semantics of <c>torch.optim.Adam</c>.
/// </summary>
/// <remarks>
/// <para>t counts the updates of each parameter and is 1 at the first one. eps is added outside the root, after the
/// bias correction. CS231n's <c>adam</c> is the same formula with the same defaults. Weight decay is added to the
/// gradient (an L2 penalty); <see cref="AdamW"/> applies it to the weight instead.</para>
/// <para>With <see cref="AmsGrad"/> the largest v so far takes the place of v in the step (Reddi, Kale and Kumar, "On
/// the convergence of Adam and beyond", 2018).</para>
/// <para>Order of rounding: m and v each take one product and one fused multiply-add. The step is (lr / (1 - β1ᵗ)) · (m
/// / (√v · (1 / √(1 - β2ᵗ)) + eps)). Its scalars are computed in double and rounded once to the element type.</para>
/// <para>Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.</para>
/// </remarks>
public sealed class Adam : Optimizer
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
    /// <param name="weightDecay">L2 penalty added to the gradient: decay·w. Default: 0.</param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public Adam(
        IEnumerable<Parameter> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0, bool decayNormAndBias = true)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(Adam), beta1, beta2, eps);
        AddParameters(parameters, decayNormAndBias);
    }

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="Adam(IEnumerable{Parameter}, double, double, double, double, double, bool)"/>
    public Adam(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 0)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(Adam), beta1, beta2, eps);
        AddGroups(groups);
    }

    /// <summary>Weight of the old mean of gradients.</summary>
    public double Beta1 => _update.Beta1;

    /// <summary>Weight of the old mean of squared gradients.</summary>
    public double Beta2 => _update.Beta2;

    /// <summary>Added to the root.</summary>
    public double Eps => _update.Eps;

    /// <summary>
    /// True divides by the root of the largest v so far instead of v, so that steps do not grow again. PyTorch's
    /// <c>amsgrad</c>. Default: false.
    /// </summary>
    public bool AmsGrad
    {
        get => _update.AmsGrad;
        init => _update.AmsGrad = value;
    }

    internal override double? GivenMomentum => Beta1;

    private protected override ReadOnlySpan<StateSlot> States => _update.States;

    private protected override ReadOnlySpan<Setting> Settings =>
        (Setting[])[.. _update.Settings, new("amsgrad", AmsGrad)];

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry) =>
        _update.Prepare(group, Power(entry.Momentum, step), Power(Beta2, step), ref entry);

    private protected override void Update(in UpdateEntry entry, int offset, int count) =>
        _update.Run(entry, offset, count);
}

/// <summary>
/// Adam with decoupled weight decay: w ← (1 - lr·decay)·w, then the step of <see cref="Adam"/> without a penalty.
/// Semantics of <c>torch.optim.AdamW</c>.
/// </summary>
/// <remarks>
/// Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. The order of rounding is that of
/// <see cref="Adam"/>.
/// </remarks>
public sealed class AdamW : Optimizer
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
    /// Each step reduces the weight by this share times the learning rate. Default: 1e-2.
    /// </param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public AdamW(
        IEnumerable<Parameter> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 1e-2, bool decayNormAndBias = true)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(AdamW), beta1, beta2, eps) { IsDecoupled = true };
        AddParameters(parameters, decayNormAndBias);
    }

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="AdamW(IEnumerable{Parameter}, double, double, double, double, double, bool)"/>
    public AdamW(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
        double eps = 1e-8, double weightDecay = 1e-2)
        : base(learningRate, weightDecay)
    {
        _update = new AdamUpdate(nameof(AdamW), beta1, beta2, eps) { IsDecoupled = true };
        AddGroups(groups);
    }

    /// <summary>Weight of the old mean of gradients.</summary>
    public double Beta1 => _update.Beta1;

    /// <summary>Weight of the old mean of squared gradients.</summary>
    public double Beta2 => _update.Beta2;

    /// <summary>Added to the root.</summary>
    public double Eps => _update.Eps;

    /// <summary>
    /// True divides by the root of the largest v so far instead of v, so that steps do not grow again. PyTorch's
    /// <c>amsgrad</c>. Default: false.
    /// </summary>
    public bool AmsGrad
    {
        get => _update.AmsGrad;
        init => _update.AmsGrad = value;
    }

    internal override double? GivenMomentum => Beta1;

    private protected override ReadOnlySpan<StateSlot> States => _update.States;

    private protected override ReadOnlySpan<Setting> Settings =>
        (Setting[])[.. _update.Settings, new("amsgrad", AmsGrad)];

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry) =>
        _update.Prepare(group, Power(entry.Momentum, step), Power(Beta2, step), ref entry);

    private protected override void Update(in UpdateEntry entry, int offset, int count) =>
        _update.Run(entry, offset, count);
}
