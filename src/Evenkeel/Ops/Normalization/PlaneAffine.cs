using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// y = gamma·x + beta with one gamma and one beta for each plane (sample and channel), in one pass over memory.
/// </summary>
/// <remarks>
/// dx = gamma·dy; a plane shares its two numbers, so dgamma = Σ dy·x and dbeta = Σ dy over it.
/// </remarks>
internal sealed unsafe class PlaneAffineOp : Op
{
    private readonly Tensor[] _operands = new Tensor[3];
    private string _name = "";

    // x as (planes, positions), and gamma as what repeats over it.
    private Shape _view, _planes;

    /// <inheritdoc/>
    public override string Name => _name;

    /// <inheritdoc/>
    public override string Kind => "PlaneAffine";

    /// <summary>y; gamma and beta have the shape (N, C) for x of shape (N, C, ...).</summary>
    public static Tensor Apply(string name, Tensor x, Tensor gamma, Tensor beta)
    {
        Span<Tensor> operands = [x, gamma, beta];
        Tape? tape = JoinAll(name, operands);
        PlaneAffineOp op = Rent<PlaneAffineOp>(tape);
        op._name = name;
        operands.CopyTo(op._operands);
        int planes = gamma.Count;
        (op._view, op._planes) = (new Shape(planes, planes == 0 ? 0 : x.Count / planes), new Shape(planes, 1));
        op.BindAll(x.Shape, x.DType, operands);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        Array.Clear(_operands);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() => Map.Broadcast(
        Broadcasting.Plan(_view, _view, _planes, _planes), _operands[0].Pointer<T>(), _operands[1].Pointer<T>(),
        _operands[2].Pointer<T>(), Output.Pointer<T>(), default(Affine<T>));

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        (Tensor x, Tensor gamma, Tensor beta) = (_operands[0], _operands[1], _operands[2]);
        T* dy = Dy.Pointer<T>();
        ReductionPlan perPlane = Broadcasting.Reduction(_view, _planes);
        if (Open(beta) is { } dbeta)
        {
            Reduce.Sum(perPlane, dy, dy, dy, dbeta.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(beta, dbeta);
        }

        if (Open(gamma) is { } dgamma)
        {
            Reduce.Sum(perPlane, dy, x.Pointer<T>(), dy, dgamma.Pointer<T>(), 1, default(Product<T>));
            Close<T>(gamma, dgamma);
        }

        if (Open(x) is { } dx)
        {
            Map.Broadcast(Broadcasting.Plan(_view, _view, _planes, _planes), dy, gamma.Pointer<T>(), dy,
                dx.Pointer<T>(), default(Product<T>));
            Close<T>(x, dx);
        }
    }

    private readonly struct Affine<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a * b) + c;
    }

    private readonly struct Product<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b;
    }
}
