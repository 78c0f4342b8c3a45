using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>How the moments m of the gradient and v of its square make a step.</summary>
internal enum MomentStep
{
    /// <summary>m / (√v·correction + eps).</summary>
    Adaptive,

    /// <summary>m / (√u·correction + eps), u being the largest v so far.</summary>
    Largest,

    /// <summary>A sum of g and m, each with a step size of its own, over (√v·correction + eps).</summary>
    Nesterov,

    /// <summary>m alone; v is kept up to date.</summary>
    First,
}

/// <summary>
/// The common part of <see cref="Adam"/>, <see cref="AdamW"/>, <see cref="NAdam"/> and <see cref="RAdam"/>: two moments
/// and the update of a pack.
/// </summary>
internal sealed class AdamUpdate
{
    private static readonly StateSlot[] s_states =
    [
        new("exp_avg", StateRange.Finite), new("exp_avg_sq", StateRange.SecondMoment),
        new("max_exp_avg_sq", StateRange.SecondMoment),
    ];

    public AdamUpdate(string owner, double beta1, double beta2, double eps)
    {
        Beta1 = Guard.BelowOne(beta1, owner, nameof(beta1));
        Beta2 = Guard.BelowOne(beta2, owner, nameof(beta2));
        Eps = Guard.NotNegative(eps, owner, nameof(eps));
    }

    /// <summary>Whether weight decay shrinks the weight. If not, it is added to the gradient.</summary>
    public bool IsDecoupled { get; set; }

    /// <summary>Whether the largest second moment so far divides the step.</summary>
    public bool AmsGrad { get; set; }

    public ReadOnlySpan<StateSlot> States => s_states.AsSpan(0, AmsGrad ? 3 : 2);

    public ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("beta1", Beta1), new("beta2", Beta2), new("eps", Eps) };

    public double Beta1 { get; }

    public double Beta2 { get; }

    public double Eps { get; }

    /// <summary>The scalars of a step, from β1ᵗ and β2ᵗ.</summary>
    public void Prepare(ParameterGroup group, double beta1Power, double beta2Power, ref UpdateEntry entry)
    {
        entry.MomentStep = AmsGrad ? MomentStep.Largest : MomentStep.Adaptive;
        entry.StepSize = group.LearningRate / (1 - beta1Power);
        entry.Correction = 1 / Math.Sqrt(1 - beta2Power);
        entry.Decay = IsDecoupled ? 1 - group.LearningRate * group.WeightDecay : group.WeightDecay;
    }

    public void Run(in UpdateEntry entry, int offset, int count)
    {
        if (entry.IsDouble) Run<double>(entry, offset, count);
        else Run<float>(entry, offset, count);
    }

    private void Run<T>(in UpdateEntry entry, int offset, int count) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (PlainDivision.Serves<T>(Eps)) Run<T, PlainDivision>(entry, offset, count);
        else Run<T, GuardedDivision>(entry, offset, count);
    }

    private void Run<T, TDivision>(in UpdateEntry entry, int offset, int count)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TDivision : struct, IRootDivision
    {
        var moments = new Moments<T>
        {
            Beta1 = Simd.Broadcast(T.CreateTruncating(entry.Momentum)),
            Fresh1 = Simd.Broadcast(T.CreateTruncating(1 - entry.Momentum)),
            Beta2 = Simd.Broadcast(T.CreateTruncating(Beta2)),
            Fresh2 = Simd.Broadcast(T.CreateTruncating(1 - Beta2)),
            MinusStep = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            MinusMomentStep = Simd.Broadcast(T.CreateTruncating(-entry.MomentStepSize)),
            Correction = Simd.Broadcast(T.CreateTruncating(entry.Correction)),
            Eps = Simd.Broadcast(T.CreateTruncating(Eps)),
            Decay = Simd.Broadcast(T.CreateTruncating(entry.Decay)),
        };
        switch (entry.MomentStep)
        {
            case MomentStep.Largest: Run<T, Largest<T, TDivision>>(entry, offset, count, moments); break;
            case MomentStep.Nesterov: Run<T, Nesterov<T, TDivision>>(entry, offset, count, moments); break;
            case MomentStep.First: Run<T, First<T>>(entry, offset, count, moments); break;
            default: Run<T, Adaptive<T, TDivision>>(entry, offset, count, moments); break;
        }
    }

    private void Run<T, TStep>(in UpdateEntry entry, int offset, int count, in Moments<T> moments)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TStep : struct, IMomentStep<T>
    {
        if (IsDecoupled)
            UpdateLoop.Run<T, Decoupled<T, TStep>>(entry, offset, count, new() { Moments = moments });
        else UpdateLoop.Run<T, Penalized<T, TStep>>(entry, offset, count, new() { Moments = moments });
    }

    private struct Moments<T> where T : unmanaged
    {
        public Vector512<T> Beta1, Fresh1, Beta2, Fresh2, MinusStep, MinusMomentStep, Correction, Eps, Decay;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Follow(Vector512<T> g, ref Vector512<T> m, ref Vector512<T> v)
        {
            m = Simd.Fma(Beta1, m, Fresh1 * g);
            v = Simd.Fma(Beta2, v, Fresh2 * g * g);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> OverRoot<TDivision>(Vector512<T> numerator, Vector512<T> v)
            where TDivision : struct, IRootDivision =>
            TDivision.Divide(numerator, Simd.Fma(Vector512.Sqrt(v), Correction, Eps), Eps);
    }

    /// <summary>A <see cref="MomentStep"/>, with the moments already up to date.</summary>
    private interface IMomentStep<T> where T : unmanaged
    {
        static abstract int States { get; }

        static abstract Vector512<T> Step(in Moments<T> moments, Vector512<T> w, Vector512<T> g, Vector512<T> m,
            Vector512<T> v, ref Vector512<T> largest);
    }

    private readonly struct Adaptive<T, TDivision> : IMomentStep<T>
        where T : unmanaged
        where TDivision : struct, IRootDivision
    {
        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Step(in Moments<T> moments, Vector512<T> w, Vector512<T> g, Vector512<T> m,
            Vector512<T> v, ref Vector512<T> largest) =>
            Simd.Fma(moments.MinusStep, moments.OverRoot<TDivision>(m, v), w);
    }

    private readonly struct Largest<T, TDivision> : IMomentStep<T>
        where T : unmanaged
        where TDivision : struct, IRootDivision
    {
        public static int States => 3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Step(in Moments<T> moments, Vector512<T> w, Vector512<T> g, Vector512<T> m,
            Vector512<T> v, ref Vector512<T> largest)
        {
            largest = VectorMath.Max(largest, v);
            return Simd.Fma(moments.MinusStep, moments.OverRoot<TDivision>(m, largest), w);
        }
    }

    private readonly struct Nesterov<T, TDivision> : IMomentStep<T>
        where T : unmanaged
        where TDivision : struct, IRootDivision
    {
        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Step(in Moments<T> moments, Vector512<T> w, Vector512<T> g, Vector512<T> m,
            Vector512<T> v, ref Vector512<T> largest) =>
            w + moments.OverRoot<TDivision>(Simd.Fma(moments.MinusMomentStep, m, moments.MinusStep * g), v);
    }

    private readonly struct First<T> : IMomentStep<T> where T : unmanaged
    {
        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Step(in Moments<T> moments, Vector512<T> w, Vector512<T> g, Vector512<T> m,
            Vector512<T> v, ref Vector512<T> largest) => Simd.Fma(moments.MinusStep, m, w);
    }

    private struct Penalized<T, TStep> : IUpdate<T> where T : unmanaged where TStep : struct, IMomentStep<T>
    {
        public Moments<T> Moments;

        public static int States => TStep.States;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            g = Simd.Fma(Moments.Decay, w, g);
            Moments.Follow(g, ref s0, ref s1);
            w = TStep.Step(Moments, w, g, s0, s1, ref s2);
        }
    }

    private struct Decoupled<T, TStep> : IUpdate<T> where T : unmanaged where TStep : struct, IMomentStep<T>
    {
        public Moments<T> Moments;

        public static int States => TStep.States;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2)
        {
            Moments.Follow(g, ref s0, ref s1);
            w = TStep.Step(Moments, w * Moments.Decay, g, s0, s1, ref s2);
        }
    }
}
