using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// Stochastic gradient descent: w ← w - lr·g. With momentum mu: v ← mu·v + (1 - dampening)·g, w ← w - lr·v. Semantics
/// of <c>torch.optim.SGD</c>.
/// </summary>
/// <remarks>
/// <para>g includes weight decay: g + decay·w. The first step sets v = g, without dampening. With Nesterov the step is
/// g + mu·v instead of v.</para>
/// <para><see cref="Cs231n"/> has the velocity form v ← mu·v - lr·g, w ← w + v. Both forms give the same trajectory
/// while the learning rate stays the same. When it changes, PyTorch's form applies the new rate to all of the
/// accumulated velocity, and the velocity form applies it to new gradients only.</para>
/// </remarks>
public sealed class SGD : Optimizer
{
    private readonly bool _velocityForm;

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr. Default: 1e-2.</param>
    /// <param name="momentum">Momentum mu; 0 is plain descent. Default: 0.</param>
    /// <param name="dampening">The share of a new gradient that does not enter the velocity. Default: 0.</param>
    /// <param name="weightDecay">L2 penalty added to the gradient: decay·w. Default: 0.</param>
    /// <param name="nesterov">
    /// True steps along g + mu·v. It needs momentum above 0 and dampening 0. Default: false.
    /// </param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public SGD(
        IEnumerable<Parameter> parameters, double learningRate = 1e-2, double momentum = 0, double dampening = 0,
        double weightDecay = 0, bool nesterov = false, bool decayNormAndBias = true)
        : this(learningRate, momentum, dampening, weightDecay, nesterov, velocityForm: false) =>
        AddParameters(parameters, decayNormAndBias);

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="SGD(IEnumerable{Parameter}, double, double, double, double, bool, bool)"/>
    public SGD(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-2, double momentum = 0, double dampening = 0,
        double weightDecay = 0, bool nesterov = false)
        : this(learningRate, momentum, dampening, weightDecay, nesterov, velocityForm: false) =>
        AddGroups(groups);

    private SGD(
        double learningRate, double momentum, double dampening, double weightDecay, bool nesterov, bool velocityForm)
        : base(learningRate, weightDecay)
    {
        Momentum = Guard.NotNegative(momentum, nameof(SGD), nameof(momentum));
        if (!double.IsFinite(dampening))
        {
            throw new ArgumentOutOfRangeException(
                nameof(dampening), $"SGD: expected a finite dampening, got {dampening}.");
        }

        if (nesterov && (momentum == 0 || dampening != 0))
        {
            throw new ArgumentException(
                $"SGD: expected momentum above 0 and dampening 0 for nesterov, "
                + $"got momentum {momentum} and dampening {dampening}.",
                nameof(nesterov));
        }

        Dampening = dampening;
        Nesterov = nesterov;
        _velocityForm = velocityForm;
    }

    /// <summary>Momentum mu.</summary>
    public double Momentum { get; }

    /// <summary>The share of a new gradient that does not enter the velocity.</summary>
    public double Dampening { get; }

    /// <summary>Whether the step is g + mu·v (it looks ahead).</summary>
    public bool Nesterov { get; }

    /// <summary>The velocity form of CS231n's <c>sgd_momentum</c>: v ← mu·v - lr·g, w ← w + v.</summary>
    /// <inheritdoc cref="SGD(IEnumerable{Parameter}, double, double, double, double, bool, bool)"/>
    public static SGD Cs231n(
        IEnumerable<Parameter> parameters, double learningRate = 1e-2, double momentum = 0.9, double weightDecay = 0)
    {
        var optimizer = new SGD(learningRate, momentum, dampening: 0, weightDecay, nesterov: false, velocityForm: true);
        optimizer.AddParameters(parameters, decayNormAndBias: true);
        return optimizer;
    }

    private static readonly StateSlot[] s_states = [new("momentum_buffer", StateRange.Finite)];

    internal override double? GivenMomentum => Momentum == 0 ? null : Momentum;

    private protected override ReadOnlySpan<StateSlot> States => Momentum == 0 ? [] : s_states;

    private protected override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("momentum", Momentum), new("dampening", Dampening), new("nesterov", Nesterov),
            new("velocity_form", _velocityForm), };

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry)
    {
        entry.StepSize = group.LearningRate;
        entry.Decay = group.WeightDecay;
        entry.Correction = step == 1 ? 1 : 1 - Dampening;
    }

    private protected override void Update(in UpdateEntry entry, int offset, int count)
    {
        if (entry.IsDouble) Update<double>(entry, offset, count);
        else Update<float>(entry, offset, count);
    }

    private void Update<T>(in UpdateEntry entry, int offset, int count) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> minusLr = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            decay = Simd.Broadcast(T.CreateTruncating(entry.Decay));
        Vector512<T> mu = Simd.Broadcast(T.CreateTruncating(entry.Momentum)),
            fresh = Simd.Broadcast(T.CreateTruncating(entry.Correction));
        if (Momentum == 0)
            UpdateLoop.Run<T, Plain<T>>(entry, offset, count, new() { MinusLr = minusLr, Decay = decay });
        else if (_velocityForm)
            UpdateLoop.Run<T, Velocity<T>>(entry, offset, count, new() { MinusLr = minusLr, Decay = decay, Mu = mu });
        else if (Nesterov)
            UpdateLoop.Run<T, LookAhead<T>>(entry, offset, count, new() { MinusLr = minusLr, Decay = decay, Mu = mu });
        else
        {
            UpdateLoop.Run<T, Heavy<T>>(
                entry, offset, count, new() { MinusLr = minusLr, Decay = decay, Mu = mu, Fresh = fresh });
        }
    }

    private struct Plain<T> : IUpdate<T> where T : unmanaged
    {
        public Vector512<T> MinusLr, Decay;

        public static int States => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2) =>
            w = Simd.Fma(MinusLr, Simd.Fma(Decay, w, g), w);
    }

    private struct Heavy<T> : IUpdate<T> where T : unmanaged
    {
        public Vector512<T> MinusLr, Decay, Mu, Fresh;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            s0 = Simd.Fma(Mu, s0, Fresh * Simd.Fma(Decay, w, g));
            w = Simd.Fma(MinusLr, s0, w);
        }
    }

    private struct LookAhead<T> : IUpdate<T> where T : unmanaged
    {
        public Vector512<T> MinusLr, Decay, Mu;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            Vector512<T> decayed = Simd.Fma(Decay, w, g);
            s0 = Simd.Fma(Mu, s0, decayed);
            w = Simd.Fma(MinusLr, Simd.Fma(Mu, s0, decayed), w);
        }
    }

    private struct Velocity<T> : IUpdate<T> where T : unmanaged
    {
        public Vector512<T> MinusLr, Decay, Mu;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            s0 = Simd.Fma(Mu, s0, MinusLr * Simd.Fma(Decay, w, g));
            w += s0;
        }
    }
}
