using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// min(max(x + 3, 0), 6)/6, element by element: a sigmoid of straight lines. The derivative is 1/6 between -3 and
    /// 3, and 0 at these points, outside and at NaN, as in PyTorch.
    /// </summary>
    public Tensor Hardsigmoid() => HardsigmoidOp.Apply(this);
}

/// <summary>y = g/6, g = min(max(x + 3, 0), 6); dx = dy/6 if -3 &lt; x &lt; 3, else 0.</summary>
internal sealed class HardsigmoidOp : UnaryElementwise<HardsigmoidOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Hardsigmoid";

    public static Tensor Apply(Tensor x) => Apply<HardsigmoidOp>("Hardsigmoid", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Gate(x) / Vector512.Create(T.CreateTruncating(6));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> three = Vector512.Create(T.CreateTruncating(3));
            return dy / Vector512.Create(T.CreateTruncating(6))
                & Vector512.GreaterThan(x, -three) & Vector512.LessThan(x, three);
        }

        /// <summary>g = min(max(x + 3, 0), 6); NaN stays NaN.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gate<T>(Vector512<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> raised = x + Vector512.Create(T.CreateTruncating(3)),
                six = Vector512.Create(T.CreateTruncating(6));
            return Vector512.ConditionalSelect(Vector512.LessThan(raised, default), default,
                Vector512.ConditionalSelect(Vector512.GreaterThan(raised, six), six, raised));
        }
    }
}
