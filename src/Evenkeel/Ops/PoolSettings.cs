using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The settings that all poolings with windows of one size share, with their checks and PyTorch's output size,
/// ⌊(size + before + after - dilation·(kernel - 1) - 1)/stride⌋ + 1. In ceiling mode it is the ceiling instead of the
/// floor. The last window may then begin inside the input or the padding before it, but not in the padding behind it.
/// </summary>
/// <remarks>
/// Rows and planes are volumes whose first sizes are 1. PyTorch refuses a padding of more than half the kernel; ONNX
/// does not. More padding makes windows without inputs, whose results are defined: -∞ for the maximum, 0 for the mean.
/// </remarks>
internal readonly record struct PoolSettings
{
    private const int Axes = 3;

    private PoolSettings(
        string name, int spatial, Size3 kernel, Size3 stride, Padding padding, Size3 dilation, bool ceilMode) =>
        (Name, Spatial, Kernel, Stride, Padding, Dilation, CeilMode) =
            (name, spatial, kernel, stride, padding, dilation, ceilMode);

    /// <summary>The name of the op and of the layer.</summary>
    public string Name { get; }

    /// <summary>Dimensions of the window: 1 for rows, 2 for planes, 3 for volumes.</summary>
    public int Spatial { get; }

    public Size3 Kernel { get; }

    public Size3 Stride { get; }

    public Padding Padding { get; }

    public Size3 Dilation { get; }

    public bool CeilMode { get; }

    /// <summary>Windows over rows. Without a stride they lie side by side.</summary>
    public static PoolSettings Rows(
        string name, int kernel, int? stride, Padding padding, int dilation, bool ceilMode) =>
        new(name, 1, (1, 1, kernel), (1, 1, stride ?? kernel), padding, (1, 1, dilation), ceilMode);

    /// <summary>Windows over planes. Without a stride they lie side by side.</summary>
    public static PoolSettings Planes(
        string name, Size2 kernel, Size2? stride, Padding padding, Size2? dilation, bool ceilMode) =>
        new(name, 2, ConvolutionSettings.AsVolume(kernel), ConvolutionSettings.AsVolume(stride ?? kernel), padding,
            ConvolutionSettings.AsVolume(dilation ?? 1), ceilMode);

    /// <summary>Windows over volumes. Without a stride they lie side by side.</summary>
    public static PoolSettings Volumes(
        string name, Size3 kernel, Size3? stride, Padding padding, Size3? dilation, bool ceilMode) =>
        new(name, 3, kernel, stride ?? kernel, padding, dilation ?? 1, ceilMode);

    /// <summary>
    /// Checks the settings that do not depend on an input. Layers call it in their constructors, so errors come early.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or the padding is negative.</exception>
    /// <exception cref="ArgumentException">The padding is one of another number of dimensions.</exception>
    public PoolSettings Checked()
    {
        AtLeastOne("kernel size", Kernel);
        AtLeastOne("stride", Stride);
        AtLeastOne("dilation", Dilation);
        Padding.Check(Name, Spatial);
        return this;
    }

    /// <summary>The windows over an input, and the output's shape.</summary>
    /// <exception cref="ArgumentException">The input has another rank, or the windows do not fit into it.</exception>
    public PoolShape Windows(Shape x, out Shape output)
    {
        CheckInput(Name, x, Spatial);
        PoolAxis slices = Axis(x, 0), rows = Axis(x, 1), columns = Axis(x, 2);
        if (Math.Min(slices.Output, Math.Min(rows.Output, columns.Output)) < 1)
        {
            throw new ArgumentException(
                $"{Name}: expected {Inputs(Spatial)} of at least {Text(new(Least(0), Least(1), Least(2)))} "
                + $"for a kernel of {Text(Kernel)} with padding {PaddingText} and dilation "
                + $"{Text(Dilation)}, got {x}. "
                + "Use a smaller kernel or larger images, or pool less often before.",
                nameof(x));
        }

        output = ShapeOf(x, Spatial, slices, rows, columns);
        return PoolShape.Create(Volumes(x, Spatial), slices, rows, columns);
    }

    /// <summary>The windows of an adaptive pooling, and the output's shape.</summary>
    /// <param name="name">The name of the op.</param>
    /// <param name="spatial">Dimensions of the windows.</param>
    /// <param name="sizes">Sizes of the output; null keeps the input's.</param>
    /// <param name="x">The input's shape.</param>
    /// <param name="output">The output's shape.</param>
    /// <exception cref="ArgumentException">The input has another rank, or no values.</exception>
    public static PoolShape Adaptive(
        string name, int spatial, (int? Depth, int? Height, int? Width) sizes, Shape x, out Shape output)
    {
        CheckInput(name, x, spatial);
        PoolAxis slices = Axis(0, sizes.Depth), rows = Axis(1, sizes.Height), columns = Axis(2, sizes.Width);
        output = ShapeOf(x, spatial, slices, rows, columns);
        return PoolShape.Create(Volumes(x, spatial), slices, rows, columns);

        PoolAxis Axis(int axis, int? size)
        {
            int input = At(x, spatial, axis);
            return axis < Axes - spatial ? PoolAxis.Single : PoolAxis.Adaptive(input, size ?? input);
        }
    }

    /// <summary>Checks the sizes of an adaptive pooling's output.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static void CheckAdaptive(string name, int spatial, (int? Depth, int? Height, int? Width) sizes)
    {
        if (!(sizes.Depth < 1) && !(sizes.Height < 1) && !(sizes.Width < 1)) return;
        (string what, string got) = spatial switch
        {
            1 => ("values", $"{sizes.Width}"),
            2 => ("rows and columns", $"({sizes.Height}, {sizes.Width})"),
            _ => ("slices, rows and columns", $"{sizes}"),
        };
        throw new ArgumentOutOfRangeException(null, $"{name}: expected an output of 1 or more {what}"
            + $"{(spatial == 1 ? "" : " (null keeps the input's)")}, got {got}.");
    }

    /// <summary>The windows as settings of an op, outermost dimension first.</summary>
    /// <param name="windows">The windows.</param>
    /// <param name="spatial">Dimensions of a window.</param>
    /// <param name="settings">Where the settings go.</param>
    public static void Describe(in PoolShape windows, int spatial, OpSettings settings)
    {
        PoolAxis[] axes = [windows.Slices, windows.Rows, windows.Columns];
        axes = axes[(Axes - spatial)..];
        settings.Set("kernel", Array.ConvertAll(axes, static axis => axis.Kernel));
        settings.Set("stride", Array.ConvertAll(axes, static axis => axis.Stride));
        settings.Set("before", Array.ConvertAll(axes, static axis => axis.Before));
        settings.Set("after", Array.ConvertAll(axes, static axis => axis.After));
        settings.Set("dilation", Array.ConvertAll(axes, static axis => axis.Dilation));
    }

    private static int At(Size3 size, int axis) => axis == 0 ? size.Depth : axis == 1 ? size.Height : size.Width;

    /// <summary>The size of a shape (..., D, H, W) along an axis that the pooling has, otherwise 1.</summary>
    private static int At(Shape shape, int spatial, int axis) => axis < Axes - spatial ? 1 : shape[axis - Axes];

    /// <summary>Checks that the input is a batch or a single sample, and that it has values.</summary>
    private static void CheckInput(string name, Shape x, int spatial)
    {
        if (x.Rank != spatial + 1 && x.Rank != spatial + 2)
        {
            string sizes = spatial switch { 1 => "L", 2 => "H, W", _ => "D, H, W" };
            throw new ArgumentException($"{name}: expected (N, C, {sizes}) or (C, {sizes}), got {x}. "
                + $"Reshape it, or use the layer of that rank.", nameof(x));
        }

        for (int axis = Axes - spatial; axis < Axes; axis++)
        {
            if (At(x, spatial, axis) > 0) continue;
            throw new ArgumentException(
                $"{name}: expected {Inputs(spatial)} of at least one value, got {x}.", nameof(x));
        }
    }

    private static string Inputs(int spatial) => spatial == 3 ? "volumes" : "planes";

    private static int Volumes(Shape x, int spatial)
    {
        int count = x.Count;
        for (int axis = Axes - spatial; axis < Axes; axis++) count /= At(x, spatial, axis);
        return count;
    }

    private static Shape ShapeOf(Shape x, int spatial, in PoolAxis slices, in PoolAxis rows, in PoolAxis columns)
    {
        Span<int> sizes = stackalloc int[x.Rank];
        x.CopyTo(sizes);
        sizes[^1] = columns.Output;
        if (spatial > 1) sizes[^2] = rows.Output;
        if (spatial > 2) sizes[^3] = slices.Output;
        return new Shape(sizes);
    }

    /// <summary>The windows along an axis; none if a window does not fit.</summary>
    private PoolAxis Axis(Shape x, int axis)
    {
        if (axis < Axes - Spatial) return PoolAxis.Single;
        int size = At(x, Spatial, axis), kernel = At(Kernel, axis), stride = At(Stride, axis),
            dilation = kernel == 1 ? 1 : At(Dilation, axis);
        long span = ((long)dilation * (kernel - 1)) + 1, results;
        (long before, long after) = Padding.Along(axis);
        if (Padding.IsSame)
        {
            // If the two sides are unequal, the larger one is at the end.
            results = ((size - 1) / stride) + 1;
            long total = Math.Max(0, ((results - 1) * stride) + span - size);
            (before, after) = (total / 2, total - (total / 2));
        }
        else
        {
            long room = size + before + after - span;
            results = room < 0 && !(CeilMode && room > -stride)
                ? 0
                : (CeilMode ? (room + stride - 1) / stride : room / stride) + 1;
            if (CeilMode && (results - 1) * stride >= size + before) results--;
        }

        long padded = size + before + after;
        if (results > 0 && Math.Max(padded, span) > PoolAxis.Longest)
        {
            throw new ArgumentException($"{Name}: expected a padded input and a window of at most 2^30 values along "
                + $"each dimension, got {padded} and {span} from an input of shape {x}. Use less padding, or a "
                + "smaller window.", nameof(x));
        }

        // A single window takes no step.
        return new PoolAxis(
            size, (int)Math.Max(0, results), kernel, (int)Math.Min(stride, padded), (int)before, (int)after, dilation);
    }

    private int Least(int axis)
    {
        if (axis < Axes - Spatial) return 1;
        (int before, int after) = Padding.Along(axis);
        long least = ((long)At(Dilation, axis) * (At(Kernel, axis) - 1)) + 1 - before - after;
        return (int)Math.Clamp(least, 1, int.MaxValue);
    }

    private void AtLeastOne(string what, Size3 value)
    {
        if (Math.Min(value.Depth, Math.Min(value.Height, value.Width)) < 1)
            throw new ArgumentOutOfRangeException(null, $"{Name}: expected a {what} of 1 or more, got {Text(value)}.");
    }

    private string PaddingText => Padding switch
    {
        { IsValid: true } => "0",
        { IsSame: true } => "same",
        { IsSymmetric: false } => $"{Padding}",
        _ => Text(new(Padding.Front ?? Padding.Top, Padding.Top, Padding.Left)),
    };

    private string Text(Size3 size) => Spatial switch
    {
        1 => $"{size.Width}",
        2 => size.Height == size.Width ? $"{size.Width}" : $"{size.Height} x {size.Width}",
        _ => size == size.Width ? $"{size.Width}" : $"{size.Depth} x {size.Height} x {size.Width}",
    };
}
