using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// The common part of <see cref="Adam"/> and <see cref="AdamW"/>: two moments, their bias correction and the update of
/// a pack.
/// </summary>
internal sealed class AdamUpdate
{
    private static readonly StateSlot[] s_states =
        [new("exp_avg", StateRange.Finite), new("exp_avg_sq", StateRange.SecondMoment)];
    private readonly Setting[] _settings;
    private readonly bool _decoupled;

    public AdamUpdate(string owner, double beta1, double beta2, double eps, bool decoupled)
    {
        Beta1 = Guard.BelowOne(beta1, owner, nameof(beta1));
        Beta2 = Guard.BelowOne(beta2, owner, nameof(beta2));
        Eps = Guard.NotNegative(eps, owner, nameof(eps));
        _decoupled = decoupled;
        _settings = [new("beta1", beta1), new("beta2", beta2), new("eps", eps)];
    }

    public static ReadOnlySpan<StateSlot> States => s_states;

    public ReadOnlySpan<Setting> Settings => _settings;

    public double Beta1 { get; }

    public double Beta2 { get; }

    public double Eps { get; }

    /// <summary>The scalars of a step, from β1ᵗ and β2ᵗ.</summary>
    public void Prepare(ParameterGroup group, double beta1Power, double beta2Power, ref UpdateEntry entry)
    {
        entry.StepSize = group.LearningRate / (1 - beta1Power);
        entry.Correction = 1 / Math.Sqrt(1 - beta2Power);
        entry.Decay = _decoupled ? 1 - group.LearningRate * group.WeightDecay : group.WeightDecay;
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
        var moments = new Moments<T, TDivision>
        {
            Beta1 = Simd.Broadcast(T.CreateTruncating(Beta1)),
            Fresh1 = Simd.Broadcast(T.CreateTruncating(1 - Beta1)),
            Beta2 = Simd.Broadcast(T.CreateTruncating(Beta2)),
            Fresh2 = Simd.Broadcast(T.CreateTruncating(1 - Beta2)),
            MinusStep = Simd.Broadcast(T.CreateTruncating(-entry.StepSize)),
            Correction = Simd.Broadcast(T.CreateTruncating(entry.Correction)),
            Eps = Simd.Broadcast(T.CreateTruncating(Eps)),
        };
        Vector512<T> decay = Simd.Broadcast(T.CreateTruncating(entry.Decay));
        if (_decoupled)
        {
            UpdateLoop.Run<T, Decoupled<T, TDivision>>(
                entry, offset, count, new() { Moments = moments, Keep = decay });
        }
        else
        {
            UpdateLoop.Run<T, Penalized<T, TDivision>>(
                entry, offset, count, new() { Moments = moments, Decay = decay });
        }
    }

    private struct Moments<T, TDivision> where T : unmanaged where TDivision : struct, IRootDivision
    {
        public Vector512<T> Beta1, Fresh1, Beta2, Fresh2, MinusStep, Correction, Eps;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<T> Step(Vector512<T> w, Vector512<T> g, ref Vector512<T> m, ref Vector512<T> v)
        {
            m = Simd.Fma(Beta1, m, Fresh1 * g);
            v = Simd.Fma(Beta2, v, Fresh2 * g * g);
            Vector512<T> root = Simd.Fma(Vector512.Sqrt(v), Correction, Eps);
            return Simd.Fma(MinusStep, TDivision.Divide(m, root, Eps), w);
        }
    }

    private struct Penalized<T, TDivision> : IUpdate<T>
        where T : unmanaged
        where TDivision : struct, IRootDivision
    {
        public Moments<T, TDivision> Moments;
        public Vector512<T> Decay;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2) =>
            w = Moments.Step(w, Simd.Fma(Decay, w, g), ref s0, ref s1);
    }

    private struct Decoupled<T, TDivision> : IUpdate<T>
        where T : unmanaged
        where TDivision : struct, IRootDivision
    {
        public Moments<T, TDivision> Moments;
        public Vector512<T> Keep;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2) =>
            w = Moments.Step(w * Keep, g, ref s0, ref s1);
    }
}
