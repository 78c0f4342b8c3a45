using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// Adagrad: s ← s + g², w ← w - lr / (1 + (t - 1)·<see cref="LearningRateDecay"/>)·g / (√s + eps). Semantics of
/// <c>torch.optim.Adagrad</c>.
/// </summary>
/// <remarks>
/// <para>t counts the updates of each parameter and is 1 at the first one. g includes weight decay: g + decay·w. s
/// starts at <see cref="InitialAccumulatorValue"/>.</para>
/// <para>Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
/// optimization", 2011.</para>
/// </remarks>
public sealed class Adagrad : Optimizer
{
    private readonly double _learningRateDecay, _initialAccumulatorValue;
    private StateSlot[] _states = [new("sum", StateRange.SecondMoment)];

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr. Default: 1e-2.</param>
    /// <param name="eps">
    /// Added to the root. If it is 0 in the parameter's type, an element whose s is 0 takes no step. Default: 1e-10.
    /// </param>
    /// <param name="weightDecay">L2 penalty added to the gradient: decay·w. Default: 0.</param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public Adagrad(
        IEnumerable<Parameter> parameters, double learningRate = 1e-2, double eps = 1e-10, double weightDecay = 0,
        bool decayNormAndBias = true)
        : base(learningRate, weightDecay)
    {
        Eps = Guard.NotNegative(eps, nameof(Adagrad), nameof(eps));
        AddParameters(parameters, decayNormAndBias);
    }

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="Adagrad(IEnumerable{Parameter}, double, double, double, bool)"/>
    public Adagrad(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-2, double eps = 1e-10, double weightDecay = 0)
        : base(learningRate, weightDecay)
    {
        Eps = Guard.NotNegative(eps, nameof(Adagrad), nameof(eps));
        AddGroups(groups);
    }

    /// <summary>Added to the root.</summary>
    public double Eps { get; }

    /// <summary>
    /// How much each step reduces the learning rate: step t has lr / (1 + (t - 1)·decay). PyTorch's <c>lr_decay</c>.
    /// Default: 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double LearningRateDecay
    {
        get => _learningRateDecay;
        init => _learningRateDecay = Guard.NotNegative(value, nameof(Adagrad), nameof(LearningRateDecay));
    }

    /// <summary>The value of s before the first step. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double InitialAccumulatorValue
    {
        get => _initialAccumulatorValue;
        init
        {
            _initialAccumulatorValue = Guard.NotNegative(value, nameof(Adagrad), nameof(InitialAccumulatorValue));
            _states = [_states[0] with { Start = value }];
        }
    }

    private protected override ReadOnlySpan<StateSlot> States => _states;

    private protected override ReadOnlySpan<Setting> Settings => new Setting[]
    {
        new("eps", Eps), new("lr_decay", LearningRateDecay),
        new("initial_accumulator_value", InitialAccumulatorValue),
    };

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry)
    {
        entry.StepSize = group.LearningRate / (1 + (step - 1) * LearningRateDecay);
        entry.Decay = group.WeightDecay;
    }

    private protected override void Update(in UpdateEntry entry, int offset, int count)
    {
        if (entry.IsDouble) Update<double>(entry, offset, count);
        else Update<float>(entry, offset, count);
    }

    private void Update<T>(in UpdateEntry entry, int offset, int count) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (PlainDivision.Serves<T>(Eps)) Update<T, PlainDivision>(entry, offset, count);
        else Update<T, GuardedDivision>(entry, offset, count);
    }

    private void Update<T, TDivision>(in UpdateEntry entry, int offset, int count)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TDivision : struct, IRootDivision
    {
        UpdateLoop.Run<T, Scaled<T, TDivision>>(entry, offset, count, new()
        {
            MinusLr = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            Decay = Simd.Broadcast(T.CreateTruncating(entry.Decay)),
            Eps = Simd.Broadcast(T.CreateTruncating(Eps)),
        });
    }

    private struct Scaled<T, TDivision> : IUpdate<T> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Vector512<T> MinusLr, Decay, Eps;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Decay, w, g);
            s0 = Simd.Fma(g, g, s0);
            w = Simd.Fma(MinusLr, TDivision.Divide(g, Vector512.Sqrt(s0) + Eps, Eps), w);
        }
    }
}
