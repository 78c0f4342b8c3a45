using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// <paramref name="a"/> if the condition is not 0, else <paramref name="b"/>, element by element, with broadcasting
    /// of all three. A value that is not chosen has no influence, even if it is NaN, and gets no gradient. The result
    /// is a copy.
    /// </summary>
    /// <param name="condition">
    /// 0 chooses b. Any other value, also NaN, chooses a. It may have any element type, and has no gradient.
    /// </param>
    /// <param name="a">Values for a true condition.</param>
    /// <param name="b">Values for a false condition, of the same element type as a.</param>
    /// <exception cref="ArgumentException">The shapes do not broadcast, or the element types differ.</exception>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b) => WhereOp.Apply(condition, a, b);
}

/// <summary>
/// y = c ≠ 0 ? a : b; da = c ≠ 0 ? dy : 0 and db = c ≠ 0 ? 0 : dy, each summed over the repeated dimensions.
/// </summary>
internal sealed unsafe class WhereOp : Op
{
    private Tensor _condition = null!;
    private Tensor _given = null!;
    private Tensor _a = null!;
    private Tensor _b = null!;

    /// <inheritdoc/>
    public override string Name => "Where";

    public static Tensor Apply(Tensor condition, Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(condition);
        if (a is { DType: DType.Int64 } && b is { DType: DType.Int64 })
        {
            return Apply(condition, a.Reinterpret(DType.Float64), b.Reinterpret(DType.Float64))
                .Reinterpret(DType.Int64);
        }

        Tape? tape = Join("Where", ref a, ref b);
        condition.ThrowIfStale();
        Shape shape = Broadcasting.Shape("Where", Broadcasting.Shape("Where", a.Shape, b.Shape), condition.Shape);
        WhereOp op = Rent<WhereOp>(tape);
        (op._condition, op._a, op._b) = (condition.DType == a.DType ? condition : condition.To(a.DType), a, b);
        op._given = condition;
        op.Bind(shape, a.DType, a, b);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _condition = _given = _a = _b = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("condition", _given);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        BroadcastPlan plan = Broadcasting.Plan(Output.Shape, _a.Shape, _b.Shape, _condition.Shape);
        Map.Broadcast(
            plan, _a.Pointer<T>(), _b.Pointer<T>(), _condition.Pointer<T>(), Output.Pointer<T>(), default(Choice<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_a) is { } da)
        {
            Contribution<T, ForA<T>>(da);
            Close<T>(_a, da);
        }

        if (Open(_b) is { } db)
        {
            Contribution<T, ForB<T>>(db);
            Close<T>(_b, db);
        }
    }

    private void Contribution<T, TTerm>(Tensor gradient)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, IFormula<T>
    {
        Shape shape = Output.Shape;
        bool isRepeated = gradient.Count != Output.Count;
        T* dy = Dy.Pointer<T>(), condition = _condition.Pointer<T>();
        T* terms = isRepeated ? NewTensor(shape, Output.DType).Pointer<T>() : gradient.Pointer<T>();
        Map.Broadcast(Broadcasting.Plan(shape, shape, _condition.Shape, _condition.Shape),
            dy, condition, condition, terms, default(TTerm));
        if (isRepeated)
        {
            Reduce.Sum(Broadcasting.Reduction(shape, gradient.Shape),
                terms, terms, terms, gradient.Pointer<T>(), 1, default(Identity<T>));
        }
    }

    private readonly struct Choice<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            Vector512.ConditionalSelect(Vector512.Equals(c, default), b, a);
    }

    private readonly struct ForA<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            Vector512.ConditionalSelect(Vector512.Equals(b, default), default, a);
    }

    private readonly struct ForB<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            Vector512.ConditionalSelect(Vector512.Equals(b, default), a, default);
    }
}
