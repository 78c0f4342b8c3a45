using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x·min(max(x + 3, 0), 6)/6, element by element: SiLU of straight lines (Howard et al. 2019). The derivative is 0
    /// up to -3, x/3 + 1/2 between -3 and 3, and 1 from 3 on.
    /// </summary>
    public Tensor Hardswish() => HardswishOp.Apply(this);
}

/// <summary>
/// y = x·g/6, g = min(max(x + 3, 0), 6). Between -3 and 3 y = (x² + 3x)/6, so dx = dy·(x/3 + 1/2); dx = 0 if x ≤ -3,
/// dy if x ≥ 3.
/// </summary>
internal sealed class HardswishOp : UnaryElementwise<HardswishOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Hardswish";

    public static Tensor Apply(Tensor x) => Apply<HardswishOp>("Hardswish", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x * HardsigmoidOp.Formula.Gate(x) / Vector512.Create(T.CreateTruncating(6));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> three = Vector512.Create(T.CreateTruncating(3)),
                inside = dy * ((x / three) + Vector512.Create(T.CreateTruncating(0.5)));
            return Vector512.ConditionalSelect(Vector512.LessThanOrEqual(x, -three), default,
                Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(x, three), dy, inside));
        }
    }
}
