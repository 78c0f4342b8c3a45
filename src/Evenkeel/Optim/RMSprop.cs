using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// RMSprop: v ← α·v + (1 - α)·g², w ← w - lr·g / (√v + eps). Semantics of <c>torch.optim.RMSprop</c>. CS231n's
/// <c>rmsprop</c> is the same formula with the same defaults.
/// </summary>
/// <remarks>
/// <para>Centred: v is the variance of the gradient. With its mean a and d = g - a: a ← a + (1 - α)·d,
/// v ← α·(v + (1 - α)·d²), w ← w - lr·g / (√v + eps). This v is the average of g² minus a², which
/// <c>torch.optim.RMSprop</c> computes. But a difference of two averages that are nearly equal is only rounding. It may
/// be below 0, and gives steps of any size, or NaN.</para>
/// <para>With momentum mu: b ← mu·b + g / (√v + eps), w ← w - lr·b. g includes weight decay: g + decay·w.</para>
/// <para>Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; Graves, "Generating sequences with recurrent neural
/// networks", 2013 (centred); Finch, "Incremental calculation of weighted mean and variance", 2009 (the update of the
/// variance).</para>
/// </remarks>
public sealed class RMSprop : Optimizer
{
    private static readonly StateSlot s_squares = new("square_avg", StateRange.SecondMoment),
        s_buffer = new("momentum_buffer", StateRange.Finite);
    private static readonly StateSlot[] s_plain = [s_squares];
    private static readonly StateSlot[] s_momentum = [s_squares, s_buffer];
    private static readonly StateSlot[] s_centered =
        [new("grad_var", StateRange.SecondMoment, VarianceOfEarlier), s_buffer, new("grad_avg", StateRange.Finite)];

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr. Default: 1e-2.</param>
    /// <param name="alpha">Weight of the old mean of squared gradients. Default: 0.99.</param>
    /// <param name="eps">
    /// Added to the root. If it is 0 in the parameter's type, an element whose v is 0 takes no step. Default: 1e-8.
    /// </param>
    /// <param name="weightDecay">L2 penalty added to the gradient: decay·w. Default: 0.</param>
    /// <param name="momentum">Momentum mu of the scaled gradients. Default: 0.</param>
    /// <param name="centered">
    /// True divides by the standard deviation of the gradient instead of its root mean square. Default: false.
    /// </param>
    /// <param name="decayNormAndBias">
    /// False applies weight decay to weights only (see <see cref="Parameter.Role"/>). Default: true.
    /// </param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public RMSprop(
        IEnumerable<Parameter> parameters, double learningRate = 1e-2, double alpha = 0.99, double eps = 1e-8,
        double weightDecay = 0, double momentum = 0, bool centered = false, bool decayNormAndBias = true)
        : this(learningRate, alpha, eps, weightDecay, momentum, centered) =>
        AddParameters(parameters, decayNormAndBias);

    /// <summary>
    /// Optimizes groups of parameters. A group without a value of its own takes that of the argument.
    /// </summary>
    /// <inheritdoc cref="RMSprop(IEnumerable{Parameter}, double, double, double, double, double, bool, bool)"/>
    public RMSprop(
        IEnumerable<ParameterGroup> groups, double learningRate = 1e-2, double alpha = 0.99, double eps = 1e-8,
        double weightDecay = 0, double momentum = 0, bool centered = false)
        : this(learningRate, alpha, eps, weightDecay, momentum, centered) =>
        AddGroups(groups);

    private RMSprop(double learningRate, double alpha, double eps, double weightDecay, double momentum, bool centered)
        : base(learningRate, weightDecay)
    {
        Alpha = Guard.BelowOne(alpha, nameof(RMSprop), nameof(alpha));
        Eps = Guard.NotNegative(eps, nameof(RMSprop), nameof(eps));
        Momentum = Guard.NotNegative(momentum, nameof(RMSprop), nameof(momentum));
        Centered = centered;
    }

    /// <summary>Weight of the old mean of squared gradients.</summary>
    public double Alpha { get; }

    /// <summary>Added to the root.</summary>
    public double Eps { get; }

    /// <summary>Momentum mu of the scaled gradients.</summary>
    public double Momentum { get; }

    /// <summary>Whether the root is that of the variance: without the mean gradient.</summary>
    public bool Centered { get; }

    internal override double? GivenMomentum => Momentum == 0 ? null : Momentum;

    private protected override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("alpha", Alpha), new("eps", Eps), new("momentum", Momentum), new("centered", Centered) };

    private protected override ReadOnlySpan<StateSlot> States =>
        Centered ? s_centered : Momentum > 0 ? s_momentum : s_plain;

    private protected override void Prepare(ParameterGroup group, long step, ref UpdateEntry entry)
    {
        entry.StepSize = group.LearningRate;
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
        var root = new Root<T, TDivision>
        {
            Alpha = Simd.Broadcast(T.CreateTruncating(Alpha)),
            Fresh = Simd.Broadcast(T.CreateTruncating(1 - Alpha)),
            Eps = Simd.Broadcast(T.CreateTruncating(Eps)),
            MinusLr = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            Decay = Simd.Broadcast(T.CreateTruncating(entry.Decay)),
            Mu = Simd.Broadcast(T.CreateTruncating(entry.Momentum)),
        };
        if (Centered) UpdateLoop.Run<T, Deviation<T, TDivision>>(entry, offset, count, new() { Root = root });
        else if (Momentum > 0) UpdateLoop.Run<T, Heavy<T, TDivision>>(entry, offset, count, new() { Root = root });
        else UpdateLoop.Run<T, Plain<T, TDivision>>(entry, offset, count, new() { Root = root });
    }

    private struct Root<T, TDivision> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Vector512<T> Alpha, Fresh, Eps, MinusLr, Decay, Mu;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> Scaled(Vector512<T> g, Vector512<T> v) =>
            TDivision.Divide(g, Vector512.Sqrt(v) + Eps, Eps);
    }

    /// <summary>
    /// The variance from a state of an earlier version, which holds the averages of g² and of g. A variance smaller
    /// than the rounding of their difference is raised to that rounding, because the state does not hold it more
    /// precisely.
    /// </summary>
    private static Tensor? VarianceOfEarlier(StateDict state, string prefix)
    {
        bool isThere = state.TryGetValue(prefix + "square_avg", out Tensor? squares)
            & state.TryGetValue(prefix + "grad_avg", out Tensor? mean);
        if (!isThere) return null;
        bool fits = squares!.Shape == mean!.Shape && squares.DType == mean.DType && squares.DType.IsFloatingPoint();
        if (!fits) return squares;
        double rounding = squares.DType == DType.Float32 ? float.BitIncrement(1) - 1 : double.BitIncrement(1) - 1;
        double[] variance = squares.To(DType.Float64).ToArray<double>(),
            means = mean.To(DType.Float64).ToArray<double>();
        for (int i = 0; i < variance.Length; i++)
            variance[i] = Math.Max(variance[i] - means[i] * means[i], rounding * variance[i]);
        return Tensor.From(variance, squares.Shape).To(squares.DType);
    }

    private struct Plain<T, TDivision> : IUpdate<T> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Root<T, TDivision> Root;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            s0 = Simd.Fma(Root.Alpha, s0, Root.Fresh * g * g);
            w = Simd.Fma(Root.MinusLr, Root.Scaled(g, s0), w);
        }
    }

    private struct Heavy<T, TDivision> : IUpdate<T> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Root<T, TDivision> Root;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            s0 = Simd.Fma(Root.Alpha, s0, Root.Fresh * g * g);
            s1 = Simd.Fma(Root.Mu, s1, Root.Scaled(g, s0));
            w = Simd.Fma(Root.MinusLr, s1, w);
        }
    }

    // If mu is 0, the momentum buffer is the scaled gradient itself.
    private struct Deviation<T, TDivision> : IUpdate<T> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Root<T, TDivision> Root;

        public static int States => 3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            Vector512<T> d = g - s2;
            s2 = Simd.Fma(Root.Fresh, d, s2);
            s0 = Root.Alpha * Simd.Fma(Root.Fresh * d, d, s0);
            s1 = Simd.Fma(Root.Mu, s1, Root.Scaled(g, s0));
            w = Simd.Fma(Root.MinusLr, s1, w);
        }
    }
}
