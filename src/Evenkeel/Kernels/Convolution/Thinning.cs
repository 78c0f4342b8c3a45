using System.Numerics;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// A window of one point with a stride reads some values of the input only. They are copied together first; the rest is
/// a convolution without a stride, with the same sums.
/// </summary>
internal static unsafe class Thinning
{
    /// <summary>Whether this convolution is one of a thinned input.</summary>
    public static bool Applies(in ConvolutionShape shape) => shape.Window == 1
        && (shape.StrideDepth > 1 || shape.StrideHeight > 1 || shape.StrideWidth > 1)
        && shape is { Front: 0, Top: 0, Left: 0 }
        && Fits(shape.OutDepth, shape.StrideDepth, shape.Depth)
        && Fits(shape.OutHeight, shape.StrideHeight, shape.Height)
        && Fits(shape.OutWidth, shape.StrideWidth, shape.Width);

    /// <summary>Elements of the thinned input.</summary>
    public static int Count(in ConvolutionShape shape) =>
        ((shape.Images * shape.Channels * shape.OutVolume) + 15) / 16 * 16;

    /// <summary>The convolution of the thinned input.</summary>
    public static ConvolutionShape Thinned(in ConvolutionShape shape) => shape with
    {
        Depth = shape.OutDepth,
        Height = shape.OutHeight,
        Width = shape.OutWidth,
        StrideDepth = 1,
        StrideHeight = 1,
        StrideWidth = 1,
    };

    /// <summary>Copies the values that windows read.</summary>
    public static void Run<T>(in ConvolutionShape shape, T* x, T* target)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Workers.Run(shape.Images * shape.Channels, new Job<T> { Sizes = shape, Source = x, Target = target });

    private static bool Fits(int outputs, int stride, int size) => (long)(outputs - 1) * stride < size;

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public ConvolutionShape Sizes;
        public T* Source, Target;

        public readonly void Invoke(int chunk)
        {
            T* from = Source + ((nint)chunk * Sizes.Volume), end = from + Sizes.Volume;
            T* to = Target + ((nint)chunk * Sizes.OutVolume), last = to + Sizes.OutVolume;
            nint rowStep = (nint)Sizes.StrideHeight * Sizes.Width;
            for (int slice = 0; slice < Sizes.OutDepth; slice++)
            {
                T* plane = from + ((nint)slice * Sizes.StrideDepth * Sizes.Plane);
                if (Sizes.StrideWidth == 2
                    && Strided.CanHalve(plane + ((Sizes.OutHeight - 1) * rowStep), end, Sizes.OutWidth))
                {
                    Strided.Halve(plane, rowStep, to, Sizes.OutWidth, Sizes.OutHeight);
                    to += Sizes.OutPlane;
                    continue;
                }

                for (int row = 0; row < Sizes.OutHeight; row++, to += Sizes.OutWidth)
                {
                    T* start = plane + (row * rowStep);
                    // Behind a row zeros are written, which must not reach the next chunk's.
                    if (last - to >= Sizes.OutWidth + Vector512<T>.Count)
                    {
                        Strided.Gather(start, end, Sizes.StrideWidth, to, Sizes.OutWidth);
                        continue;
                    }

                    for (int k = 0; k < Sizes.OutWidth; k++) to[k] = start[(nint)k * Sizes.StrideWidth];
                }
            }
        }
    }
}
