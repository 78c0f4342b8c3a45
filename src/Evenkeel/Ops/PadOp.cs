using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The input of a convolution with values of its own around it: the padding modes that are not zeros.
/// </summary>
/// <remarks>
/// A place h of the padded input has the value at source(h), which depends on the mode: y[h] = x[source(h)], along each
/// dimension. Each place passes its gradient to its source, so dx[i] = Σ dy[h] over the h with source(h) = i.
/// Source: torch.nn.functional.pad.
/// </remarks>
internal sealed unsafe class PadOp : Op
{
    private string _name = "";
    private Tensor _x = null!;
    private PadAxis _slices, _rows, _columns;

    /// <inheritdoc/>
    public override string Name => _name;

    /// <inheritdoc/>
    public override string Kind => "Pad";

    /// <summary>The padded input of a convolution whose sizes become those of a convolution of it.</summary>
    /// <param name="settings">The convolution's settings.</param>
    /// <param name="x">The input.</param>
    /// <param name="shape">The sizes for the input; afterwards those for the padded one.</param>
    public static Tensor Apply(in ConvolutionSettings settings, Tensor x, ref ConvolutionShape shape)
    {
        PadKind kind = settings.Mode switch
        {
            PaddingMode.Reflect => PadKind.Reflect,
            PaddingMode.Replicate => PadKind.Replicate,
            _ => PadKind.Circular,
        };
        PadAxis slices = Axis(settings, 0, shape.KernelDepth, shape.Depth),
            rows = Axis(settings, 1, shape.KernelHeight, shape.Height),
            columns = Axis(settings, 2, shape.KernelWidth, shape.Width);
        if (slices.Output == shape.Depth && rows.Output == shape.Height && columns.Output == shape.Width) return x;
        shape = shape with
        {
            Depth = slices.Output,
            Height = rows.Output,
            Width = columns.Output,
            Front = 0,
            Top = 0,
            Left = 0,
        };
        Shape padded = x.Shape.With(-1, columns.Output);
        if (settings.Spatial > 1) padded = padded.With(-2, rows.Output);
        if (settings.Spatial > 2) padded = padded.With(-3, slices.Output);
        PadOp op = Rent<PadOp>(x.Tape);
        (op._name, op._x, op._slices, op._rows, op._columns) = (settings.Name, x, slices, rows, columns);
        op.Bind(padded, x.DType, x);
        return op.Execute();

        PadAxis Axis(in ConvolutionSettings settings, int axis, int kernel, int size)
        {
            (long before, long after) = settings.Around(axis, kernel);
            return new PadAxis(kind, size, (int)before, (int)after);
        }
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("mode", _columns.Kind.ToString());
        settings.Set("before", [_slices.Before, _rows.Before, _columns.Before]);
        settings.Set("after", [_slices.After, _rows.After, _columns.After]);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() => PadJob<T>.Forward(
        _slices, _rows, _columns, Volumes, _x.Pointer<T>(), Output.Pointer<T>());

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        PadJob<T>.Backward(_slices, _rows, _columns, Volumes, Dy.Pointer<T>(), dx.Pointer<T>());
        Close<T>(_x, dx);
    }

    private int Volumes => Output.Count / (_slices.Output * _rows.Output * _columns.Output);
}
