using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>The definition of a state tensor that each parameter has.</summary>
/// <param name="Name">The last part of its key: PyTorch's word if there is one.</param>
/// <param name="Range">The numbers that it can hold.</param>
/// <param name="FromEarlier">
/// Makes the tensor from the tensors that earlier versions saved under a prefix. It returns null if they are not there.
/// </param>
/// <param name="Start">The value of all elements before the first step.</param>
internal sealed record StateSlot(
    string Name, StateRange Range, Func<StateDict, string, Tensor?>? FromEarlier = null, double Start = 0);

/// <summary>
/// The addresses of a parameter's numbers in this step, and the scalars of its update. The optimizer gives them their
/// meaning.
/// </summary>
internal unsafe struct UpdateEntry
{
    /// <summary>The weights; null if the parameter has no gradient and is skipped.</summary>
    public void* Weight;
    public void* Gradient;
    public void* State0;
    public void* State1;
    public void* State2;
    public bool IsDouble;

    /// <summary>The step goes along the gradient, not against it.</summary>
    public bool IsMaximized;
    public double Momentum;
    public double StepSize;
    public double Decay;
    public double Correction;

    /// <summary>How the moments make a step (<see cref="AdamUpdate"/>).</summary>
    public MomentStep MomentStep;

    /// <summary>The step size of the first moment, where that of the gradient is another.</summary>
    public double MomentStepSize;

    /// <summary>
    /// The product of the momenta of all steps so far, which is part of the state (<see cref="NAdam"/>).
    /// </summary>
    public double MomentumProduct;
}

/// <summary>
/// The update of one pack: a formula of a few lines. <see cref="UpdateLoop"/> has the loop.
/// </summary>
internal interface IUpdate<T> where T : unmanaged
{
    /// <summary>Number of state tensors read and written: 0 to 3.</summary>
    static abstract int States { get; }

    void Invoke(ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2);
}

/// <summary>How a step is divided by the root of a second moment.</summary>
internal interface IRootDivision
{
    /// <param name="numerator">The step.</param>
    /// <param name="denominator">The root, and eps added to it.</param>
    /// <param name="eps">The rounded eps: the denominator for a second moment of 0.</param>
    static abstract Vector512<T> Divide<T>(Vector512<T> numerator, Vector512<T> denominator, Vector512<T> eps);
}

/// <summary>
/// numerator / denominator. For an eps so large that it hides squares that underflow.
/// </summary>
internal readonly struct PlainDivision : IRootDivision
{
    /// <summary>True if eps is large enough: then a loop need not look at each denominator.</summary>
    public static bool Serves<T>(double eps) where T : unmanaged
    {
        // Squares of numbers below the root of the smallest normal number lose digits or vanish.
        double smallest = typeof(T) == typeof(float) ? 1.0842021724855044E-19 : 1.4916681462400413E-154;
        return eps >= smallest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Divide<T>(Vector512<T> numerator, Vector512<T> denominator, Vector512<T> eps) =>
        numerator / denominator;
}

/// <summary>
/// numerator / denominator; 0 if the denominator is eps alone. A second moment is 0 if all gradients were 0, or so
/// small that their squares are 0. The quotient would then be NaN, or of any size.
/// </summary>
internal readonly struct GuardedDivision : IRootDivision
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Divide<T>(Vector512<T> numerator, Vector512<T> denominator, Vector512<T> eps) =>
        Vector512.AndNot(numerator / denominator, Vector512.Equals(denominator, eps));
}

/// <summary>The one loop of all optimizers: reads weight, gradient and state, writes weight and state.</summary>
internal static unsafe class UpdateLoop
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<T, TUpdate>(in UpdateEntry entry, int offset, int count, in TUpdate update)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TUpdate : struct, IUpdate<T>
    {
        if (entry.IsMaximized)
            Sweep<T, Maximizing<T, TUpdate>>(entry, offset, count, new() { Update = update });
        else Sweep<T, TUpdate>(entry, offset, count, update);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sweep<T, TUpdate>(in UpdateEntry entry, int offset, int count, TUpdate update)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TUpdate : struct, IUpdate<T>
    {
        T* weight = (T*)entry.Weight + offset;
        T* gradient = (T*)entry.Gradient + offset;
        T* state0 = TUpdate.States > 0 ? (T*)entry.State0 + offset : null;
        T* state1 = TUpdate.States > 1 ? (T*)entry.State1 + offset : null;
        T* state2 = TUpdate.States > 2 ? (T*)entry.State2 + offset : null;
        int width = Vector512<T>.Count;
        int i = 0;
        for (; i <= count - width; i += width)
        {
            Vector512<T> w = Simd.Load(weight + i);
            Vector512<T> s0 = TUpdate.States > 0 ? Simd.Load(state0 + i) : default;
            Vector512<T> s1 = TUpdate.States > 1 ? Simd.Load(state1 + i) : default;
            Vector512<T> s2 = TUpdate.States > 2 ? Simd.Load(state2 + i) : default;
            update.Invoke(ref w, Simd.Load(gradient + i), ref s0, ref s1, ref s2);
            Simd.Store(weight + i, w);
            if (TUpdate.States > 0) Simd.Store(state0 + i, s0);
            if (TUpdate.States > 1) Simd.Store(state1 + i, s1);
            if (TUpdate.States > 2) Simd.Store(state2 + i, s2);
        }

        // The update is in place, so the last pack must not overlap the one before it.
        int rest = count - i;
        if (rest > 0)
        {
            Vector512<T> w = Simd.LoadPartial(weight + i, rest);
            Vector512<T> s0 = TUpdate.States > 0 ? Simd.LoadPartial(state0 + i, rest) : default;
            Vector512<T> s1 = TUpdate.States > 1 ? Simd.LoadPartial(state1 + i, rest) : default;
            Vector512<T> s2 = TUpdate.States > 2 ? Simd.LoadPartial(state2 + i, rest) : default;
            update.Invoke(ref w, Simd.LoadPartial(gradient + i, rest), ref s0, ref s1, ref s2);
            Simd.StorePartial(weight + i, w, rest);
            if (TUpdate.States > 0) Simd.StorePartial(state0 + i, s0, rest);
            if (TUpdate.States > 1) Simd.StorePartial(state1 + i, s1, rest);
            if (TUpdate.States > 2) Simd.StorePartial(state2 + i, s2, rest);
        }
    }

    /// <summary>An update with the negative gradient.</summary>
    private struct Maximizing<T, TUpdate> : IUpdate<T> where T : unmanaged where TUpdate : struct, IUpdate<T>
    {
        public TUpdate Update;

        public static int States => TUpdate.States;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Invoke(
            ref Vector512<T> w, Vector512<T> g, ref Vector512<T> s0, ref Vector512<T> s1, ref Vector512<T> s2) =>
            Update.Invoke(ref w, -g, ref s0, ref s1, ref s2);
    }
}
