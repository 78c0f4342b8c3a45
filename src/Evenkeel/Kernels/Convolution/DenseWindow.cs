using System.Diagnostics;
using System.Numerics;

namespace Evenkeel.Kernels;

/// <summary>
/// The products of a convolution whose only window is the whole volume, without zeros: as of a linear layer over all
/// values of an image. So are the first layer of many generators, from 1 x 1, and the last one of many critics.
/// </summary>
internal static unsafe class DenseWindow
{
    /// <summary>Whether a convolution has that form. It depends on the shape only.</summary>
    public static bool Applies(in ConvolutionShape shape) =>
        shape is { Groups: 1, OutVolume: 1, Front: 0, Top: 0, Left: 0 }
        && shape.KernelDepth == shape.Depth && shape.KernelHeight == shape.Height && shape.KernelWidth == shape.Width
        && (shape.DilationDepth == 1 || shape.Depth == 1) && (shape.DilationHeight == 1 || shape.Height == 1)
        && (shape.DilationWidth == 1 || shape.Width == 1);

    /// <summary>y = x·Wᵀ + bias, or max(y, 0).</summary>
    public static void Forward<T>(in ConvolutionShape shape, T* x, T* weight, T* bias, T* y, bool fuseReLU)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(Applies(shape));
        Gemm.Run(transposeA: false, transposeB: true, shape.Images, shape.Filters, shape.Taps, x, shape.Taps,
            weight, shape.Taps, y, shape.Filters, accumulate: false, bias);
        if (fuseReLU) Convolution.Clip(y, shape.Images * shape.Filters);
    }

    /// <summary>dx = dy·W + bias, or max(dx, 0); <paramref name="scratch"/> has room for the taps.</summary>
    public static void InputGradient<T>(
        in ConvolutionShape shape, T* dy, T* weight, T* bias, T* dx, T* scratch, bool fuseReLU)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(Applies(shape));
        T* row = null;
        if (bias != null)
        {
            row = scratch;
            for (int c = 0; c < shape.Channels; c++) new Span<T>(row + (c * shape.Window), shape.Window).Fill(bias[c]);
        }

        Gemm.Run(transposeA: false, transposeB: false, shape.Images, shape.Taps, shape.Filters, dy, shape.Filters,
            weight, shape.Taps, dx, shape.Taps, accumulate: false, row);
        if (fuseReLU) Convolution.Clip(dx, shape.Images * shape.Taps);
    }

    /// <summary>dW = dyᵀ·x.</summary>
    public static void WeightGradient<T>(in ConvolutionShape shape, T* dy, T* x, T* dweight)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(Applies(shape));
        Gemm.Run(transposeA: true, transposeB: false, shape.Filters, shape.Taps, shape.Images, dy, shape.Filters,
            x, shape.Taps, dweight, shape.Taps, accumulate: false);
    }
}
