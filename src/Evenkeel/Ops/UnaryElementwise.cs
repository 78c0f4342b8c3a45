using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>y = f(x) element by element, with up to two constants p and q.</summary>
internal interface IUnaryFormula
{
    /// <summary>Whether the derivative needs x.</summary>
    static abstract bool ReadsX { get; }

    /// <summary>Whether the derivative needs y.</summary>
    static abstract bool ReadsY { get; }

    /// <summary>f(x).</summary>
    static abstract Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>dy·f'(x).</summary>
    static abstract Vector512<T> Gradient<T>(
        Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
        where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>The base of all ops y = f(x). The op's file has the formula and its derivative.</summary>
internal abstract unsafe class UnaryElementwise<TFormula> : Op where TFormula : struct, IUnaryFormula
{
    private Tensor _x = null!;
    private double _p, _q;

    /// <summary>The constants p and q of the formula.</summary>
    protected double P => _p;

    /// <inheritdoc cref="P"/>
    protected double Q => _q;

    /// <summary>Applies the op. Constants are rounded to the element type.</summary>
    protected static Tensor Apply<TOp>(string name, Tensor x, double p = 0, double q = 0)
        where TOp : UnaryElementwise<TFormula>, new()
    {
        Tape? tape = Join(name, ref x);
        TOp op = Rent<TOp>(tape);
        (op._x, op._p, op._q) = (x, p, q);
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public sealed override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected sealed override void Forward<T>()
    {
        T* x = _x.Pointer<T>();
        Map.Run(
            x, x, x, Output.Pointer<T>(), Output.Count, new Value<T>(T.CreateTruncating(_p), T.CreateTruncating(_q)));
    }

    /// <inheritdoc/>
    protected sealed override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Map.Run(Dy.Pointer<T>(), _x.Pointer<T>(), Output.Pointer<T>(),
            dx.Pointer<T>(), dx.Count, new Gradient<T>(T.CreateTruncating(_p), T.CreateTruncating(_q)));
        Close<T>(_x, dx);
    }

    private readonly struct Value<T>(T p, T q) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _p = Simd.Broadcast(p), _q = Simd.Broadcast(q);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.Value(a, _p, _q);
    }

    private readonly struct Gradient<T>(T p, T q) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _p = Simd.Broadcast(p), _q = Simd.Broadcast(q);

        public static bool ReadsB => TFormula.ReadsX;

        public static bool ReadsC => TFormula.ReadsY;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            TFormula.Gradient(a, b, c, _p, _q);
    }
}
