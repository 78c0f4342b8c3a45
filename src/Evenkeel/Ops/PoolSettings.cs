using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The settings that all poolings share, with PyTorch's checks and its output size,
/// floor((in + 2·padding - dilation·(kernel - 1) - 1)/stride) + 1. In ceiling mode it is the ceiling instead of the
/// floor. The last window may then begin inside the input or the padding before it, but not in the padding behind it.
/// </summary>
internal readonly record struct PoolSettings(
    int Spatial, Size2 Kernel, Size2 Stride, Size2 Padding, Size2 Dilation, bool CeilMode)
{
    /// <summary>The settings of one dimension: windows over a single row.</summary>
    public static PoolSettings Of(int kernel, int? stride, int padding, int dilation, bool ceilMode) =>
        new(1, new(1, kernel), new(1, stride ?? kernel), new(0, padding), new(1, dilation), ceilMode);

    /// <summary>The settings of two dimensions. Without a stride the windows lie side by side.</summary>
    public static PoolSettings Of(Size2 kernel, Size2? stride, Size2 padding, Size2? dilation, bool ceilMode) =>
        new(2, kernel, stride ?? kernel, padding, dilation ?? 1, ceilMode);

    /// <summary>
    /// Checks the settings that do not depend on an input. Layers call it in their constructors, so errors come early.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, or the padding is more than half the kernel.
    /// </exception>
    public PoolSettings Checked(string name)
    {
        AtLeastOne(name, "kernel size", Kernel);
        AtLeastOne(name, "stride", Stride);
        AtLeastOne(name, "dilation", Dilation);
        if (Padding.Height < 0 || Padding.Width < 0 || Padding.Height > Kernel.Height / 2
            || Padding.Width > Kernel.Width / 2)
        {
            throw new ArgumentOutOfRangeException(null, $"{name}: expected a padding from 0 to half the kernel size "
                + $"({Text(Half(Kernel))}), got {Text(Padding)}. "
                + "More padding would make windows without input values; pad the input itself instead.");
        }

        return this;
    }

    /// <summary>
    /// The planes of an input of shape (N, C, H, W) or (C, H, W), and the output's shape. With one spatial dimension
    /// the input has one dimension less.
    /// </summary>
    /// <exception cref="ArgumentException">The input has another rank, or the windows do not fit into it.</exception>
    public PoolPlanes Planes(string name, Shape x, out Shape output)
    {
        CheckRank(name, x, Spatial);
        int rows = Spatial == 1 ? 1 : x[^2];
        if (x[^1] == 0 || rows == 0)
            throw new ArgumentException($"{name}: expected planes of at least one value, got {x}.", nameof(x));
        int height = OutputSize(rows, Kernel.Height, Stride.Height, Padding.Height, Dilation.Height),
            width = OutputSize(x[^1], Kernel.Width, Stride.Width, Padding.Width, Dilation.Width);
        if (height < 1 || width < 1)
        {
            long leastHeight = Least(Kernel.Height, Dilation.Height, Padding.Height);
            long leastWidth = Least(Kernel.Width, Dilation.Width, Padding.Width);
            throw new ArgumentException(
                $"{name}: expected planes of at least {Text(leastHeight, leastWidth)} "
                + $"for a kernel of {Text(Kernel)} with padding {Text(Padding)} and dilation "
                + $"{Text(Dilation)}, got {x}. "
                + "Use a smaller kernel or larger images, or pool less often before.",
                nameof(x));
        }

        output = Spatial == 1 ? x.With(-1, width) : x.With(-2, height).With(-1, width);
        return new PoolPlanes(
            x.Count / rows / x[^1],
            new PoolAxis(rows, height, Kernel.Height, Stride.Height, Padding.Height, Dilation.Height),
            new PoolAxis(x[^1], width, Kernel.Width, Stride.Width, Padding.Width, Dilation.Width));
    }

    /// <summary>The windows as settings of an op.</summary>
    /// <param name="planes">The windows along rows and columns.</param>
    /// <param name="spatial">Dimensions of a window: 1 or 2.</param>
    /// <param name="settings">Where the settings go.</param>
    public static void Describe(in PoolPlanes planes, int spatial, OpSettings settings)
    {
        PoolAxis[] axes = spatial == 1 ? [planes.Columns] : [planes.Rows, planes.Columns];
        settings.Set("isAdaptive", planes.Columns.Kernel == 0);
        settings.Set("kernel", Array.ConvertAll(axes, static axis => axis.Kernel));
        settings.Set("stride", Array.ConvertAll(axes, static axis => axis.Stride));
        settings.Set("padding", Array.ConvertAll(axes, static axis => axis.Pad));
        settings.Set("dilation", Array.ConvertAll(axes, static axis => axis.Dilation));
    }

    /// <summary>Checks that the input is a batch or a single sample.</summary>
    public static void CheckRank(string name, Shape x, int spatial)
    {
        if (x.Rank != spatial + 1 && x.Rank != spatial + 2)
        {
            throw new ArgumentException(
                $"{name}: expected {(spatial == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)")}, got {x}. "
                + $"Reshape it, or use the layer of that rank.",
                nameof(x));
        }
    }

    private int OutputSize(int input, int kernel, int stride, int padding, int dilation)
    {
        long room = input + (2L * padding) - ((long)dilation * (kernel - 1)) - 1;
        if (room < 0 && !(CeilMode && room > -stride)) return 0;
        long size = (CeilMode ? (room + stride - 1) / stride : room / stride) + 1;
        if (CeilMode && (size - 1) * stride >= (long)input + padding) size--;
        return (int)size;
    }

    private static long Least(int kernel, int dilation, int padding) =>
        Math.Max(1, ((long)dilation * (kernel - 1)) + 1 - (2L * padding));

    private static Size2 Half(Size2 size) => new(size.Height / 2, size.Width / 2);

    private void AtLeastOne(string name, string what, Size2 value)
    {
        if (value.Height < 1 || value.Width < 1)
            throw new ArgumentOutOfRangeException(null, $"{name}: expected a {what} of 1 or more, got {Text(value)}.");
    }

    private string Text(Size2 pair) => Text(pair.Height, pair.Width);

    private string Text(long height, long width) =>
        Spatial == 1 || height == width ? $"{width}" : $"{height} x {width}";
}
