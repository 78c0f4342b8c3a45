using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The settings that all convolutions share, with PyTorch's checks and output sizes. Rows and planes are volumes whose
/// first sizes are 1.
/// </summary>
/// <remarks>
/// With p = before + after: a convolution of size values has ⌊(size + p - dilation·(kernel - 1) - 1)/stride⌋ + 1
/// results. A transposed one has (size - 1)·stride - p + dilation·(kernel - 1) + output padding + 1. It is described by
/// the convolution that it transposes: that one's input is its output.
/// </remarks>
internal readonly record struct ConvolutionSettings
{
    private const int Axes = 3;

    private ConvolutionSettings(int spatial, Size3 stride, Padding padding, Size3 dilation, int groups) =>
        (Spatial, Stride, Padding, Dilation, Groups) = (spatial, stride, padding, dilation, groups);

    /// <summary>Dimensions of the window: 1 for rows, 2 for planes, 3 for volumes.</summary>
    public int Spatial { get; }

    public Size3 Stride { get; }

    public Padding Padding { get; }

    public Size3 Dilation { get; }

    public int Groups { get; }

    /// <summary>What stands where the padding is.</summary>
    public PaddingMode Mode { get; init; }

    /// <summary>True for a transposed convolution.</summary>
    public bool IsTransposed { get; init; }

    /// <summary>Results of a transposed convolution at the end that no window need cover.</summary>
    public Size3 OutputPadding { get; init; }

    /// <summary>The name of the op and of the layer.</summary>
    public string Name => (Spatial, IsTransposed) switch
    {
        (1, false) => "Conv1d",
        (2, false) => "Conv2d",
        (3, false) => "Conv3d",
        (1, true) => "ConvTranspose1d",
        (2, true) => "ConvTranspose2d",
        _ => "ConvTranspose3d",
    };

    public static ConvolutionSettings Rows(int stride, Padding padding, int dilation, int groups) =>
        new(1, (1, 1, stride), padding, (1, 1, dilation), groups);

    public static ConvolutionSettings Planes(Size2? stride, Padding padding, Size2? dilation, int groups) =>
        new(2, AsVolume(stride ?? 1), padding, AsVolume(dilation ?? 1), groups);

    public static ConvolutionSettings Volumes(Size3? stride, Padding padding, Size3? dilation, int groups) =>
        new(3, stride ?? 1, padding, dilation ?? 1, groups);

    /// <summary>A size over planes as one over volumes.</summary>
    public static Size3 AsVolume(Size2 size, int depth = 1) => new(depth, size.Height, size.Width);

    /// <summary>
    /// Checks the settings that do not depend on an input. Layers call it in their constructors, so errors come early.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small or too large.</exception>
    /// <exception cref="ArgumentException">The padding does not fit the window or the stride.</exception>
    public ConvolutionSettings Checked()
    {
        AtLeastOne("stride", Stride);
        AtLeastOne("dilation", Dilation);
        if (Groups < 1)
            throw new ArgumentOutOfRangeException(null, $"{Name}: expected 1 or more groups, got {Groups}.");
        if (Mode is < PaddingMode.Zeros or > PaddingMode.Circular)
        {
            throw new ArgumentOutOfRangeException(null, $"{Name}: expected one of the padding modes "
                + $"{string.Join(", ", Enum.GetNames<PaddingMode>())}, got {(int)Mode}.");
        }

        CheckPadding();
        if (Padding.IsSame && Stride != 1)
        {
            throw new ArgumentException(
                $"{Name}: expected a stride of 1 with Padding.Same, got {Text(Stride)}. Give the padding as numbers.",
                (string?)null);
        }

        if (IsTransposed) CheckOutputPadding();
        return this;
    }

    /// <summary>Values that the padding adds along a dimension, for a window of so many points.</summary>
    /// <param name="axis">0 for the depth, 1 for the height, 2 for the width.</param>
    /// <param name="kernel">Points of the window.</param>
    public (long Before, long After) Around(int axis, int kernel)
    {
        if (axis < Axes - Spatial) return (0, 0);
        if (Padding.IsSame)
        {
            // If the two sides are unequal, the larger one is at the end.
            long total = (long)At(Dilation, axis) * (kernel - 1);
            return (total / 2, total - (total / 2));
        }

        return Padding.Along(axis);
    }

    /// <summary>True if a window of this size sees padding.</summary>
    public bool Pads(Size3 kernel)
    {
        for (int axis = 0; axis < Axes; axis++)
        {
            if (Around(axis, At(kernel, axis)) != (0, 0)) return true;
        }

        return false;
    }

    /// <summary>The sizes of a convolution of x, and the shape of its result.</summary>
    /// <exception cref="ArgumentException">The operands do not fit each other.</exception>
    public ConvolutionShape Convolve(Shape x, Shape weight, Tensor? bias, out Shape output)
    {
        CheckOperands(x, weight, bias, filters: weight.Rank > 0 ? weight[0] : 0);
        Span<long> padded = stackalloc long[Axes], span = stackalloc long[Axes], size = stackalloc long[Axes];
        bool isCovered = true;
        for (int axis = 0; axis < Axes; axis++)
        {
            int kernel = At(weight, axis), length = At(x, axis);
            (long before, long after) = Around(axis, kernel);
            CheckMode(x, axis, length, before, after);
            (padded[axis], span[axis]) = (length + before + after, Span(axis, kernel));
            isCovered &= padded[axis] >= span[axis];
            size[axis] = ((padded[axis] - span[axis]) / At(Stride, axis)) + 1;
        }

        if (!isCovered)
        {
            throw new ArgumentException($"{Name}: expected an input that, padded, is as large as the window of "
                + $"{Text(span)} or larger, got {Text(padded)} from an input of shape {x}. Use a smaller kernel, or "
                + "more padding.", nameof(x));
        }

        CheckCount(x, padded, size);
        output = ShapeOf(x, weight[0], size);
        return Sizes(x, weight, channels: weight[1] * Groups, filters: weight[0], inner: x, outer: output);
    }

    /// <summary>
    /// The sizes of the convolution that the transposed convolution of x transposes, and the shape of its result.
    /// </summary>
    /// <exception cref="ArgumentException">The operands do not fit each other.</exception>
    public ConvolutionShape ConvolveTransposed(Shape x, Shape weight, Tensor? bias, out Shape output)
    {
        int filters = weight.Rank > 1 ? weight[1] * Groups : 0;
        CheckOperands(x, weight, bias, filters);
        Span<long> padded = stackalloc long[Axes], size = stackalloc long[Axes], places = stackalloc long[Axes];
        bool isThere = true;
        for (int axis = 0; axis < Axes; axis++)
        {
            int kernel = At(weight, axis);
            (long before, long after) = Around(axis, kernel);
            places[axis] = At(x, axis);
            size[axis] = ((places[axis] - 1) * At(Stride, axis)) - before - after + Span(axis, kernel)
                + At(OutputPadding, axis);
            padded[axis] = size[axis] + before + after;
            isThere &= size[axis] >= 1;
        }

        if (!isThere)
        {
            throw new ArgumentException($"{Name}: expected an output with sizes of 1 or more, got {Text(size)} from an "
                + $"input of shape {x}. Use less padding, or a larger kernel.", nameof(x));
        }

        CheckCount(x, padded, places);
        output = ShapeOf(x, filters, size);
        return Sizes(x, weight, channels: filters, filters: weight[0], inner: output, outer: x);
    }

    /// <summary>The settings of an op, outermost dimension first.</summary>
    /// <param name="weight">The shape of the weight.</param>
    /// <param name="settings">Where the settings go.</param>
    public void Describe(Shape weight, OpSettings settings)
    {
        int[] before = new int[Spatial], after = new int[Spatial];
        // Padding that is not of zeros is an op of its own.
        for (int i = 0; i < Spatial && Mode == PaddingMode.Zeros; i++)
        {
            int axis = Axes - Spatial + i;
            (long first, long last) = Around(axis, At(weight, axis));
            (before[i], after[i]) = ((int)first, (int)last);
        }

        settings.Set("stride", Sizes(Stride));
        settings.Set("dilation", Sizes(Dilation));
        settings.Set("before", before);
        settings.Set("after", after);
        settings.Set("groups", Groups);
        if (IsTransposed) settings.Set("outputPadding", Sizes(OutputPadding));
    }

    private ReadOnlySpan<int> Sizes(Size3 size) => new[] { size.Depth, size.Height, size.Width }.AsSpan(Axes - Spatial);

    private static int At(Size3 size, int axis) => axis == 0 ? size.Depth : axis == 1 ? size.Height : size.Width;

    private long Span(int axis, int kernel) => ((long)At(Dilation, axis) * (kernel - 1)) + 1;

    /// <summary>The size of a shape (..., D, H, W) along an axis that this convolution has, otherwise 1.</summary>
    private int At(Shape shape, int axis) => axis < Axes - Spatial ? 1 : shape[axis - Axes];

    private void CheckPadding()
    {
        Padding.Check(Name, Spatial);
        if (IsTransposed && Padding.IsSame)
        {
            throw new ArgumentException(
                $"{Name}: expected a padding of numbers, got Padding.Same. Give the numbers.", (string?)null);
        }
    }

    private void CheckOutputPadding()
    {
        for (int axis = Axes - Spatial; axis < Axes; axis++)
        {
            int extra = At(OutputPadding, axis);
            if (extra < 0 || (extra >= At(Stride, axis) && extra >= At(Dilation, axis)))
            {
                throw new ArgumentOutOfRangeException(null, $"{Name}: expected an output padding of 0 or "
                    + $"more, below the stride {Text(Stride)} or the dilation {Text(Dilation)}, got "
                    + $"{Text(OutputPadding)}.");
            }
        }
    }

    private void CheckOperands(Shape x, Shape weight, Tensor? bias, int filters)
    {
        string window = Spatial switch { 1 => "k", 2 => "kh, kw", _ => "kd, kh, kw" },
            sizes = Spatial switch { 1 => "L", 2 => "H, W", _ => "D, H, W" };
        int rank = Spatial + 2;
        if (weight.Rank != rank)
        {
            throw new ArgumentException($"{Name}: expected a weight of shape "
                + $"({(IsTransposed ? "in, out/groups" : "out, in/groups")}, {window}), got {weight}.", nameof(weight));
        }

        for (int axis = 0; axis < rank; axis++)
        {
            if (weight[axis] < 1)
            {
                throw new ArgumentException(
                    $"{Name}: expected a weight with sizes of 1 or more, got {weight}.", nameof(weight));
            }
        }

        if (weight[0] % Groups != 0)
        {
            throw new ArgumentException($"{Name}: expected a number of {(IsTransposed ? "input channels" : "filters")} "
                + $"that {Groups} groups divide, got {weight[0]} of a weight of shape {weight}.", (string?)null);
        }

        int channels = IsTransposed ? weight[0] : weight[1] * Groups;
        bool hasRank = x.Rank == rank || x.Rank == rank - 1;
        if (!hasRank || x[1 - rank] != channels)
        {
            throw new ArgumentException(
                $"{Name}: expected an input of shape (N, {channels}, {sizes}) or ({channels}, {sizes}) for a weight of "
                + $"shape {weight} and {Groups} {(Groups == 1 ? "group" : "groups")}, got {x}. "
                + (hasRank ? "The channels come before the sizes of a plane: "
                    + "Permute the input, or make the layer for its channels." : "Reshape the input."), nameof(x));
        }

        if (bias is not null && (bias.Shape.Rank != 1 || bias.Shape[0] != filters))
        {
            throw new ArgumentException(
                $"{Name}: expected a bias of shape ({filters}) for a weight of shape {weight}, got {bias.Shape}.",
                nameof(bias));
        }

        for (int axis = 0; axis < Axes; axis++)
        {
            if (At(x, axis) < 1)
            {
                throw new ArgumentException(
                    $"{Name}: expected an input with sizes of 1 or more except for N, got {x}.", nameof(x));
            }
        }
    }

    private void CheckMode(Shape x, int axis, int size, long before, long after)
    {
        int most = Mode == PaddingMode.Reflect ? size - 1 : size;
        if (Mode is PaddingMode.Reflect or PaddingMode.Circular && Math.Max(before, after) > most)
        {
            throw new ArgumentException($"{Name}: expected a padding of at most {most} where {size} values are padded "
                + $"in mode {Mode}, got ({before}, {after}) for dimension {x.Rank + axis - Axes} of an input of shape "
                + $"{x}. Use less padding, or PaddingMode.Replicate.", (string?)null);
        }
    }

    /// <summary>Kernels count the places of a padded volume, plus those of one step, in an int.</summary>
    private void CheckCount(Shape x, ReadOnlySpan<long> padded, ReadOnlySpan<long> places)
    {
        double count = 1;
        for (int axis = 0; axis < Axes; axis++)
            count *= (double)padded[axis] + (places[axis] > 1 ? At(Stride, axis) : 1);
        if (count > int.MaxValue - 1024)
        {
            throw new ArgumentException($"{Name}: expected padded {(Spatial == 3 ? "volumes" : "planes")} of fewer "
                + $"than 2^31 values, got {Text(padded)} from an input of shape {x}. "
                + $"Use less padding{(IsTransposed ? ", or a smaller stride" : "")}.", (string?)null);
        }
    }

    private Shape ShapeOf(Shape x, int channels, ReadOnlySpan<long> size)
    {
        Span<int> sizes = stackalloc int[x.Rank];
        sizes[0] = x[0];
        sizes[x.Rank - Spatial - 1] = channels;
        for (int axis = Axes - Spatial; axis < Axes; axis++) sizes[x.Rank + axis - Axes] = (int)size[axis];
        return new Shape(sizes);
    }

    /// <summary>The convolution from the inner shape to the outer one.</summary>
    private ConvolutionShape Sizes(Shape x, Shape weight, int channels, int filters, Shape inner, Shape outer)
    {
        // A single window takes no step.
        return new ConvolutionShape
        {
            Images = x.Rank == Spatial + 2 ? x[0] : 1,
            Channels = channels,
            Depth = At(inner, 0),
            Height = At(inner, 1),
            Width = At(inner, 2),
            Filters = filters,
            KernelDepth = At(weight, 0),
            KernelHeight = At(weight, 1),
            KernelWidth = At(weight, 2),
            StrideDepth = At(outer, 0) > 1 ? Stride.Depth : 1,
            StrideHeight = At(outer, 1) > 1 ? Stride.Height : 1,
            StrideWidth = At(outer, 2) > 1 ? Stride.Width : 1,
            DilationDepth = Dilation.Depth,
            DilationHeight = Dilation.Height,
            DilationWidth = Dilation.Width,
            Front = (int)Around(0, At(weight, 0)).Before,
            Top = (int)Around(1, At(weight, 1)).Before,
            Left = (int)Around(2, At(weight, 2)).Before,
            Groups = Groups,
            OutDepth = At(outer, 0),
            OutHeight = At(outer, 1),
            OutWidth = At(outer, 2),
        };
    }

    private void AtLeastOne(string what, Size3 value)
    {
        if (Math.Min(value.Depth, Math.Min(value.Height, value.Width)) < 1)
        {
            throw new ArgumentOutOfRangeException(
                null, $"{Name}: expected a {what} of 1 or more, got {Text(value)}.");
        }
    }

    /// <summary>A size as the user gave it.</summary>
    private string Text(Size3 size) => Spatial switch
    {
        1 => $"{size.Width}",
        2 => new Size2(size.Height, size.Width).ToString(),
        _ => size.ToString(),
    };

    private string Text(ReadOnlySpan<long> sizes) => Spatial switch
    {
        1 => $"({sizes[2]})",
        2 => $"({sizes[1]}, {sizes[2]})",
        _ => $"({sizes[0]}, {sizes[1]}, {sizes[2]})",
    };
}
