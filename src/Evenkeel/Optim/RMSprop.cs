using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// RMSprop: v ← α·v + (1 - α)·g², w ← w - lr·g / (√v + eps). Semantics of <c>torch.optim.RMSprop</c>; CS231n's <c>rmsprop</c> is the same formula with the same defaults.
/// </summary>
/// <remarks>
/// Centred: the root is of v - a² with the mean gradient a ← α·a + (1 - α)·g. With momentum mu: b ← mu·b + g / (root + eps), w ← w - lr·b. g includes weight decay: g + decay·w.
/// Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; Graves, "Generating sequences with recurrent neural networks", 2013 (centred).
/// </remarks>
public sealed class RMSprop : Optimizer
{
    private static readonly string[] s_plain = ["square_avg"];
    private static readonly string[] s_momentum = ["square_avg", "momentum_buffer"];
    private static readonly string[] s_centered = ["square_avg", "momentum_buffer", "grad_avg"];

    /// <summary>Optimizes loose parameters as one group.</summary>
    /// <param name="parameters">The parameters, as <c>model.Parameters()</c> gives them.</param>
    /// <param name="learningRate">Learning rate lr.</param>
    /// <param name="alpha">Weight of the old mean of squared gradients.</param>
    /// <param name="eps">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty added to the gradient: decay·w.</param>
    /// <param name="momentum">Momentum mu of the scaled gradients.</param>
    /// <param name="centered">Divides by the standard deviation of the gradient instead of its root mean square.</param>
    /// <param name="decayNormAndBias">False leaves parameters of rank 0 and 1 (gamma, beta, biases) without weight decay.</param>
    /// <exception cref="ArgumentException">A value is out of range, or there is no parameter.</exception>
    public RMSprop(IEnumerable<Parameter> parameters, double learningRate = 1e-2, double alpha = 0.99, double eps = 1e-8, double weightDecay = 0, double momentum = 0, bool centered = false, bool decayNormAndBias = true)
        : this(learningRate, alpha, eps, weightDecay, momentum, centered) => AddParameters(parameters, decayNormAndBias);

    /// <summary>Optimizes groups of parameters; values a group does not give are those of the arguments.</summary>
    /// <inheritdoc cref="RMSprop(IEnumerable{Parameter}, double, double, double, double, double, bool, bool)"/>
    public RMSprop(IEnumerable<ParameterGroup> groups, double learningRate = 1e-2, double alpha = 0.99, double eps = 1e-8, double weightDecay = 0, double momentum = 0, bool centered = false)
        : this(learningRate, alpha, eps, weightDecay, momentum, centered) => AddGroups(groups);

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

    /// <summary>Whether the mean gradient is taken out of the root.</summary>
    public bool Centered { get; }

    private protected override ReadOnlySpan<string> StateNames => Centered ? s_centered : Momentum > 0 ? s_momentum : s_plain;

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
        var root = new Root<T>
        {
            Alpha = Simd.Broadcast(T.CreateTruncating(Alpha)),
            Fresh = Simd.Broadcast(T.CreateTruncating(1 - Alpha)),
            Eps = Simd.Broadcast(T.CreateTruncating(Eps)),
            MinusLr = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            Decay = Simd.Broadcast(T.CreateTruncating(entry.Decay)),
            Mu = Simd.Broadcast(T.CreateTruncating(Momentum)),
        };
        if (Centered) UpdateLoop.Run<T, Deviation<T>>(entry, offset, count, new() { Root = root });
        else if (Momentum > 0) UpdateLoop.Run<T, Heavy<T>>(entry, offset, count, new() { Root = root });
        else UpdateLoop.Run<T, Plain<T>>(entry, offset, count, new() { Root = root });
    }

    private struct Root<T> where T : unmanaged
    {
        public Vector512<T> Alpha, Fresh, Eps, MinusLr, Decay, Mu;
    }

    private struct Plain<T> : IUpdate<T> where T : unmanaged
    {
        public Root<T> Root;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            s0 = Simd.Fma(Root.Alpha, s0, Root.Fresh * g * g);
            w = Simd.Fma(Root.MinusLr, g / (Vector512.Sqrt(s0) + Root.Eps), w);
        }
    }

    private struct Heavy<T> : IUpdate<T> where T : unmanaged
    {
        public Root<T> Root;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            s0 = Simd.Fma(Root.Alpha, s0, Root.Fresh * g * g);
            s1 = Simd.Fma(Root.Mu, s1, g / (Vector512.Sqrt(s0) + Root.Eps));
            w = Simd.Fma(Root.MinusLr, s1, w);
        }
    }

    // With mu = 0 the momentum buffer is the scaled gradient itself.
    private struct Deviation<T> : IUpdate<T> where T : unmanaged
    {
        public Root<T> Root;

        public static int States => 3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Root.Decay, w, g);
            s0 = Simd.Fma(Root.Alpha, s0, Root.Fresh * g * g);
            s2 = Simd.Fma(Root.Alpha, s2, Root.Fresh * g);
            s1 = Simd.Fma(Root.Mu, s1, g / (Vector512.Sqrt(s0 - s2 * s2) + Root.Eps));
            w = Simd.Fma(Root.MinusLr, s1, w);
        }
    }
}
