using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The end of a residual block where no gradient is wanted: max(a + b, 0) in one pass over memory, with the bits of
/// <c>(a + b).ReLU()</c>.
/// </summary>
internal static unsafe class SumWithReLU
{
    /// <summary>Whether a pass and two tensors on it can be taken.</summary>
    public static bool Applies(Tape? tape, Tensor a, Tensor b) => tape is { RecordGradients: false, Trace: null }
        && a.Tape == tape && b.Tape == tape && a.Shape == b.Shape && a.DType == b.DType && a.DType.IsFloatingPoint();

    /// <summary>The sum of two tensors of one shape and type, and 0 in place of what is not above 0.</summary>
    /// <param name="tape">The tape of both.</param>
    /// <param name="a">One tensor.</param>
    /// <param name="b">The other one.</param>
    public static Tensor Apply(Tape tape, Tensor a, Tensor b)
    {
        Debug.Assert(Applies(tape, a, b));
        Tensor y = tape.NewTensor(a.Shape, a.DType);
        if (a.DType == DType.Float64) Run<double>(a, b, y);
        else Run<float>(a, b, y);
        return y;
    }

    private static void Run<T>(Tensor a, Tensor b, Tensor y) where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (T* first = a.AsSpan<T>(), second = b.AsSpan<T>(), sum = y.AsSpan<T>())
            Map.Run(first, second, second, sum, y.Count, default(Formula<T>));
    }

    private readonly struct Formula<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            ReLUOp.Formula.Value(AddOp.Formula.Value(a, b), default, default);
    }
}
