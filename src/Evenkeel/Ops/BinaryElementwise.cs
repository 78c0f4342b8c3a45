using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>y = f(a, b) element by element.</summary>
internal interface IBinaryFormula
{
    /// <summary>Whether the derivatives need a and b.</summary>
    static abstract bool ReadsOperands { get; }

    /// <summary>f(a, b).</summary>
    static abstract Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b) where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>dy·∂f/∂a.</summary>
    static abstract Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>dy·∂f/∂b.</summary>
    static abstract Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
        where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>
/// The base of all ops y = f(a, b), with broadcasting as in NumPy and PyTorch: shapes are aligned at their ends, and a
/// dimension of size 1 (or a missing one) is repeated. The op's file has the formula and its derivatives.
/// </summary>
/// <remarks>
/// A repeated element is used several times, so its gradient is the sum over these uses: da[k] = Σ dy[i]·∂f/∂a over all
/// i that read a[k]. The sum is taken while the terms are computed. Only if both operands are repeated (an outer
/// product), the terms are written to memory first.
/// </remarks>
internal abstract unsafe class BinaryElementwise<TFormula> : Op where TFormula : struct, IBinaryFormula
{
    private Tensor _a = null!;
    private Tensor _b = null!;

    /// <summary>Applies the op.</summary>
    protected static Tensor Apply<TOp>(string name, Tensor a, Tensor b) where TOp : BinaryElementwise<TFormula>, new()
    {
        Tape? tape = Join(name, ref a, ref b);
        Shape shape = a.Shape == b.Shape ? a.Shape : Broadcasting.Shape(name, a.Shape, b.Shape);
        TOp op = Rent<TOp>(tape);
        (op._a, op._b) = (a, b);
        op.Bind(shape, a.DType, a, b);
        return op.Execute();
    }

    /// <inheritdoc/>
    public sealed override void Recycle()
    {
        base.Recycle();
        _a = _b = null!;
    }

    /// <inheritdoc/>
    protected sealed override void Forward<T>()
    {
        T* a = _a.Pointer<T>(), b = _b.Pointer<T>(), y = Output.Pointer<T>();
        if (_a.Shape == _b.Shape) Map.Run(a, b, b, y, Output.Count, default(Value<T>));
        else
            Map.Broadcast(Broadcasting.Plan(Output.Shape, _a.Shape, _b.Shape, _b.Shape), a, b, b, y, default(Value<T>));
    }

    /// <inheritdoc/>
    protected sealed override void Backward<T>()
    {
        if (Open(_a) is { } da)
        {
            Contribution<T, GradientOfA<T>, OwnA<T>>(_a, _b, da);
            Close<T>(_a, da);
        }

        if (Open(_b) is { } db)
        {
            Contribution<T, GradientOfB<T>, OwnB<T>>(_b, _a, db);
            Close<T>(_b, db);
        }
    }

    /// <summary>Writes the gradient of one operand. The formulas take (dy, a, b) and (dy, other, own).</summary>
    private void Contribution<T, TTerm, TSummed>(Tensor own, Tensor other, Tensor gradient)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, IFormula<T>
        where TSummed : struct, IFormula<T>
    {
        T* dy = Dy.Pointer<T>(), a = _a.Pointer<T>(), b = _b.Pointer<T>();
        Shape shape = Output.Shape;
        if (own.Count == Output.Count)
        {
            if (other.Count == Output.Count) Map.Run(dy, a, b, gradient.Pointer<T>(), gradient.Count, default(TTerm));
            else
            {
                Map.Broadcast(Broadcasting.Plan(shape, shape, _a.Shape, _b.Shape),
                    dy, a, b, gradient.Pointer<T>(), default(TTerm));
            }

            return;
        }

        ReductionPlan plan = Broadcasting.Reduction(shape, own.Shape);
        if (other.Count == Output.Count || !TFormula.ReadsOperands)
        {
            Reduce.Sum(plan, dy, TFormula.ReadsOperands ? other.Pointer<T>() : dy,
                own.Pointer<T>(), gradient.Pointer<T>(), 1, default(TSummed));
            return;
        }

        T* terms = NewTensor(shape, Output.DType).Pointer<T>();
        Map.Broadcast(Broadcasting.Plan(shape, shape, _a.Shape, _b.Shape), dy, a, b, terms, default(TTerm));
        Reduce.Sum(plan, terms, terms, terms, gradient.Pointer<T>(), 1, default(Identity<T>));
    }

    private readonly struct Value<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.Value(a, b);
    }

    private readonly struct GradientOfA<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => TFormula.ReadsOperands;

        public static bool ReadsC => TFormula.ReadsOperands;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.GradientA(a, b, c);
    }

    private readonly struct GradientOfB<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => TFormula.ReadsOperands;

        public static bool ReadsC => TFormula.ReadsOperands;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.GradientB(a, b, c);
    }

    private readonly struct OwnA<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => TFormula.ReadsOperands;

        public static bool ReadsC => TFormula.ReadsOperands;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.GradientA(a, c, b);
    }

    private readonly struct OwnB<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => TFormula.ReadsOperands;

        public static bool ReadsC => TFormula.ReadsOperands;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.GradientB(a, b, c);
    }
}
