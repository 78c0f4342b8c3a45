using System.Numerics;

namespace Evenkeel.Kernels;

/// <summary>The three products of a convolution: forward, gradient of the input, gradient of the weights.</summary>
/// <remarks>Images are cut into chunks that depend on the shape only; sums over images are added in the order of the chunks.</remarks>
internal static unsafe class Convolution
{
    /// <summary>Chunks of images.</summary>
    private const int MaxChunks = 16;

    private enum Pass
    {
        Forward,
        InputGradient,
        WeightGradient,
    }

    /// <summary>Number of chunks of images.</summary>
    public static int Chunks(in ConvolutionShape shape) => Math.Min(shape.Images, MaxChunks);

    /// <summary>Elements of scratch memory of the forward pass and of the gradient of the input.</summary>
    public static int ScratchCount(in ConvolutionShape shape) => Math.Max(1, Chunks(shape)) * ColumnCount(shape);

    /// <summary>Elements of scratch memory of the gradient of the weights.</summary>
    public static int WeightScratchCount(in ConvolutionShape shape) => Math.Max(1, Chunks(shape)) * (ColumnCount(shape) + WeightCount(shape));

    /// <summary>y = x * weight + bias.</summary>
    public static void Forward<T>(in ConvolutionShape shape, T* x, T* weight, T* bias, T* y, T* scratch) where T : unmanaged, IFloatingPointIeee754<T> =>
        Run(shape, Pass.Forward, x, weight, bias, y, scratch);

    /// <summary>dx, made of dy and the weights.</summary>
    public static void InputGradient<T>(in ConvolutionShape shape, T* dy, T* weight, T* dx, T* scratch) where T : unmanaged, IFloatingPointIeee754<T> =>
        Run(shape, Pass.InputGradient, dx, weight, null, dy, scratch);

    /// <summary>dweight, made of dy and x.</summary>
    public static void WeightGradient<T>(in ConvolutionShape shape, T* dy, T* x, T* dweight, T* scratch) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int chunks = Chunks(shape), count = WeightCount(shape);
        if (chunks == 0)
        {
            new Span<T>(dweight, count).Clear();
            return;
        }

        Run(shape, Pass.WeightGradient, x, dweight, null, dy, scratch);
        T* partial = scratch + ((nint)chunks * ColumnCount(shape));
        for (int i = 0; i < count; i++)
        {
            T sum = partial[i];
            for (int chunk = 1; chunk < chunks; chunk++) sum += partial[((nint)chunk * count) + i];
            dweight[i] = sum;
        }
    }

    private static int ColumnCount(in ConvolutionShape shape) => shape.Taps * shape.OutPlane;

    private static int WeightCount(in ConvolutionShape shape) => shape.Filters * shape.Taps;

    private static void Run<T>(in ConvolutionShape shape, Pass pass, T* x, T* weight, T* bias, T* y, T* scratch) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int chunks = Chunks(shape);
        if (chunks > 0)
            Workers.Run(chunks, new Job<T> { Shape = shape, Pass = pass, Chunks = chunks, X = x, Weight = weight, Bias = bias, Y = y, Scratch = scratch });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public ConvolutionShape Shape;
        public Pass Pass;
        public int Chunks;
        public T* X, Weight, Bias, Y, Scratch;

        public void Invoke(int chunk)
        {
            int first = (int)((long)Shape.Images * chunk / Chunks), end = (int)((long)Shape.Images * (chunk + 1) / Chunks);
            T* columns = Scratch + ((nint)chunk * ColumnCount(Shape));
            T* partial = Scratch + ((nint)Chunks * ColumnCount(Shape)) + ((nint)chunk * WeightCount(Shape));
            int taps = Shape.Taps, filters = Shape.GroupFilters, plane = Shape.OutPlane;
            for (int image = first; image < end; image++)
            {
                for (int group = 0; group < Shape.Groups; group++)
                {
                    T* x = X + ((((nint)image * Shape.Channels) + (group * Shape.GroupChannels)) * Shape.Plane);
                    T* y = Y + ((((nint)image * Shape.Filters) + (group * filters)) * plane);
                    T* weight = Weight + ((nint)group * filters * taps);
                    switch (Pass)
                    {
                        case Pass.Forward:
                            Gather(x, columns);
                            Gemm.Run(false, false, filters, plane, taps, weight, taps, columns, plane, y, plane, accumulate: false);
                            if (Bias == null) break;
                            for (int o = 0; o < filters; o++)
                            {
                                for (int i = 0; i < plane; i++) y[((nint)o * plane) + i] += Bias[(group * filters) + o];
                            }

                            break;
                        case Pass.InputGradient:
                            Gemm.Run(true, false, taps, plane, filters, weight, taps, y, plane, columns, plane, accumulate: false);
                            Scatter(columns, x);
                            break;
                        default:
                            Gather(x, columns);
                            Gemm.Run(false, true, filters, taps, plane, y, plane, columns, plane, partial + ((nint)group * filters * taps), taps, accumulate: image > first);
                            break;
                    }
                }
            }
        }

        /// <summary>columns[tap][place] = the input under the tap, 0 beside it.</summary>
        private readonly void Gather(T* x, T* columns)
        {
            for (int channel = 0; channel < Shape.GroupChannels; channel++, x += Shape.Plane)
            {
                for (int tap = 0; tap < Shape.Window; tap++)
                {
                    int top = (tap / Shape.KernelWidth * Shape.DilationHeight) - Shape.Top, left = (tap % Shape.KernelWidth * Shape.DilationWidth) - Shape.Left;
                    for (int i = 0; i < Shape.OutHeight; i++)
                    {
                        int row = (i * Shape.StrideHeight) + top;
                        for (int j = 0; j < Shape.OutWidth; j++)
                        {
                            int column = (j * Shape.StrideWidth) + left;
                            *columns++ = (uint)row < (uint)Shape.Height && (uint)column < (uint)Shape.Width ? x[(row * Shape.Width) + column] : T.Zero;
                        }
                    }
                }
            }
        }

        /// <summary>x = the sum of the columns over the places that saw it.</summary>
        private readonly void Scatter(T* columns, T* x)
        {
            new Span<T>(x, Shape.GroupChannels * Shape.Plane).Clear();
            for (int channel = 0; channel < Shape.GroupChannels; channel++, x += Shape.Plane)
            {
                for (int tap = 0; tap < Shape.Window; tap++)
                {
                    int top = (tap / Shape.KernelWidth * Shape.DilationHeight) - Shape.Top, left = (tap % Shape.KernelWidth * Shape.DilationWidth) - Shape.Left;
                    for (int i = 0; i < Shape.OutHeight; i++)
                    {
                        int row = (i * Shape.StrideHeight) + top;
                        for (int j = 0; j < Shape.OutWidth; j++, columns++)
                        {
                            int column = (j * Shape.StrideWidth) + left;
                            if ((uint)row < (uint)Shape.Height && (uint)column < (uint)Shape.Width) x[(row * Shape.Width) + column] += *columns;
                        }
                    }
                }
            }
        }
    }
}
