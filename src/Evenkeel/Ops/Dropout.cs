using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Inverted dropout. On a tape in <see cref="Mode.Train"/> each element is set to 0 with probability p, and
    /// multiplied by 1/(1 - p) otherwise. In <see cref="Mode.Eval"/> and without a tape the tensor itself is returned.
    /// If p is 1, the result is 0, whatever the input is.
    /// </summary>
    /// <param name="probability">p, from 0 to 1.</param>
    /// <remarks>
    /// A draw is a function of the tape's seed and step, and of its number among the draws of the pass. It does not
    /// depend on the number of threads (Srivastava et al. 2014).
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">p is outside [0, 1].</exception>
    public Tensor Dropout(double probability = 0.5)
    {
        if (!(probability >= 0 && probability <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(probability), $"Dropout: expected a probability from 0 to 1, got {probability}.");
        }

        return Tape is { Mode: Mode.Train } && probability > 0 ? DropoutOp.Apply(this, probability) : this;
    }
}

/// <summary>
/// y = x·mask, mask = 0 or 1/(1 - p), so the expected value of y is x; dx = dy·mask. If p is 1, both are 0.
/// </summary>
internal sealed unsafe class DropoutOp : Op
{
    private Tensor _x = null!;
    private Tensor _mask = null!;
    private double _probability;
    private ulong _seed, _draw;

    /// <inheritdoc/>
    public override string Name => "Dropout";

    public static Tensor Apply(Tensor x, double probability)
    {
        Tape tape = Join("Dropout", ref x)!;
        ulong draw = tape.NextDraw();
        DropoutOp op = Rent<DropoutOp>(tape);
        (op._x, op._probability, op._seed, op._draw) = (x, probability, tape.Seed, draw);
        op._mask = op.NewTensor(x.Shape, x.DType);
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _mask = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        if (_probability == 1)
        {
            Output.Fill(0);
            return;
        }

        T* mask = _mask.Pointer<T>(), x = _x.Pointer<T>();
        int count = Output.Count;
        DropoutMask.Fill(mask,
            count, _seed, _draw, (ulong)(_probability * 4294967296.0), T.CreateTruncating(1 / (1 - _probability)));
        Map.Run(x, mask, mask, Output.Pointer<T>(), count, default(Masked<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        T* mask = _mask.Pointer<T>();
        // An infinity times a mask value of 0 would be NaN.
        if (_probability == 1) dx.Fill(0);
        else Map.Run(Dy.Pointer<T>(), mask, mask, dx.Pointer<T>(), dx.Count, default(Masked<T>));
        Close<T>(_x, dx);
    }

    internal readonly struct Masked<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b;
    }
}
