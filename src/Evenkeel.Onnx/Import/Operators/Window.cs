namespace Evenkeel.Onnx.Import.Operators;

/// <summary>
/// The window that convolutions and poolings share: its sizes, steps and distances, and what is added around the input,
/// by numbers or by the rule of <c>auto_pad</c>.
/// </summary>
internal sealed class Window
{
    private readonly int[]? _kernel;
    private readonly int[]? _strides, _dilations, _pads;
    private readonly string _autoPad;

    /// <exception cref="Refusal">An attribute has a form that is not known.</exception>
    public Window(Node node)
    {
        _kernel = node.Ints("kernel_shape") is { } kernel ? Ints(kernel) : null;
        _strides = node.Ints("strides") is { } strides ? Ints(strides) : null;
        _dilations = node.Ints("dilations") is { } dilations ? Ints(dilations) : null;
        _pads = node.Ints("pads") is { } pads ? Ints(pads) : null;
        Groups = Ints([node.Int("group", 1)])[0];
        _autoPad = node.Text("auto_pad", "NOTSET");
        if (_autoPad.Length == 0) _autoPad = "NOTSET";
        if (_autoPad is not ("NOTSET" or "VALID" or "SAME_UPPER" or "SAME_LOWER"))
            throw new Refusal($"auto_pad {_autoPad} is not known");
        if (_kernel is not null) Complete(_kernel);
    }

    public int Groups { get; }

    public int[] Kernel { get; private set; } = [];

    public int[] Strides { get; private set; } = [];

    public int[] Dilations { get; private set; } = [];

    /// <summary>Whether the padding follows from the size of the input.</summary>
    public bool DependsOnSize => _autoPad is "SAME_UPPER" or "SAME_LOWER";

    /// <summary>The padding that does not depend on the input.</summary>
    public Padding FixedPadding => DependsOnSize ? default : Sides(Before(), After());

    /// <summary>A size of a file, as a number of the library.</summary>
    public static int[] Ints(long[]? values) => values is null ? [] : [.. values.Select(static value =>
        value is >= 0 and <= int.MaxValue / 2 ? (int)value : throw new Refusal($"a size or padding of {value}"))];

    /// <summary>The window of a weight of shape (out, in, ...), which the node need not say.</summary>
    public Window Resolved(Shape weight)
    {
        if (weight.Rank is < 3 or > 5) throw new InvalidDataException($"its weight has the shape {weight}");
        int[] kernel = [.. weight.Skip(2)];
        if (_kernel is not null && !_kernel.AsSpan().SequenceEqual(kernel))
            throw new InvalidDataException($"its window is ({string.Join(", ", _kernel)}), that of {weight} another");
        var resolved = (Window)MemberwiseClone();
        resolved.Complete(kernel);
        return resolved;
    }

    /// <summary>The settings of a convolution with a padding.</summary>
    public ConvolutionSettings Settings(Padding padding) => Plain(padding).Checked();

    /// <summary>The same, to be completed.</summary>
    public ConvolutionSettings Plain(Padding padding) => Kernel.Length switch
    {
        1 => ConvolutionSettings.Rows(Strides[0], padding, Dilations[0], Groups),
        2 => ConvolutionSettings.Planes(new Size2(Strides[0], Strides[1]), padding,
            new Size2(Dilations[0], Dilations[1]), Groups),
        _ => ConvolutionSettings.Volumes(new Size3(Strides[0], Strides[1], Strides[2]), padding,
            new Size3(Dilations[0], Dilations[1], Dilations[2]), Groups),
    };

    /// <summary>The input of a convolution: padded here if the padding follows from its size.</summary>
    public (Tensor Input, Padding Padding) Padded(Tensor x, Pass pass)
    {
        if (!DependsOnSize) return (x, FixedPadding);
        (long[] before, long[] after) = Same(x.Shape);
        return (Pads.Zeros(x, before, after, pass), default);
    }

    /// <summary>The padding around an input of a shape.</summary>
    public Padding For(Shape x)
    {
        if (!DependsOnSize) return FixedPadding;
        (long[] before, long[] after) = Same(x);
        return Sides(Window.Ints(before), Window.Ints(after));
    }

    /// <summary>What a transposed convolution cuts off and adds, for an input of a shape.</summary>
    public (Padding Padding, int[] Added) Transposed(Shape x, int[] outputPadding, int[]? outputShape)
    {
        int[] added = outputPadding.Length == 0 ? new int[Kernel.Length] : [.. outputPadding];
        if (!DependsOnSize && outputShape is null) return (FixedPadding, added);
        if (x.Rank != Kernel.Length + 2 || added.Length != Kernel.Length || outputShape?.Length < Kernel.Length)
        {
            throw new InvalidDataException($"its window has {Kernel.Length} dimensions, its input the shape {x}, "
                + $"output_padding {added.Length} and output_shape {outputShape?.Length ?? Kernel.Length} sizes");
        }

        if (outputShape is not null) outputShape = outputShape[^Kernel.Length..];
        int[] before = new int[Kernel.Length], after = new int[Kernel.Length];
        for (int i = 0; i < Kernel.Length; i++)
        {
            long size = x[i + 2], wanted = outputShape?[i] ?? size * Strides[i];
            long excess = (Strides[i] * (size - 1)) + added[i] + Span(i) - wanted;
            if (Math.Abs(excess) > int.MaxValue / 2)
                throw new InvalidDataException($"its output of {wanted} is not what its windows make");
            // An output larger than what the windows reach has places without any.
            if (excess < 0) added[i] -= (int)excess;
            int total = (int)Math.Max(0, excess), half = total / 2;
            (before[i], after[i]) = _autoPad == "SAME_UPPER" ? (half, total - half) : (total - half, half);
        }

        return (Sides(before, after), added);
    }

    private static Padding Sides(int[] before, int[] after) => before.Length switch
    {
        1 => Padding.Sides(before[0], after[0]),
        2 => Padding.Sides(before[1], after[1], before[0], after[0]),
        _ => Padding.Sides(before[2], after[2], before[1], after[1], before[0], after[0]),
    };

    private void Complete(int[] kernel)
    {
        int n = kernel.Length;
        if (n is < 1 or > 3) throw new Refusal($"its window has {n} dimensions");
        Strides = _strides ?? [.. Enumerable.Repeat(1, n)];
        Dilations = _dilations ?? [.. Enumerable.Repeat(1, n)];
        if (Strides.Length != n || Dilations.Length != n || (_pads is not null && _pads.Length != 2 * n))
            throw new Refusal("its strides, dilations and pads do not fit its window");
        if (kernel.Any(static size => size < 1) || Strides.Any(static size => size < 1)
            || Dilations.Any(static size => size < 1))
            throw new Refusal("its window, a stride or a dilation is below 1");
        Kernel = kernel;
    }

    private int[] Before() => UsesPads ? _pads![..Kernel.Length] : new int[Kernel.Length];

    private int[] After() => UsesPads ? _pads![Kernel.Length..] : new int[Kernel.Length];

    private bool UsesPads => _autoPad == "NOTSET" && _pads is not null;

    private long Span(int axis) => ((Kernel[axis] - 1L) * Dilations[axis]) + 1;

    /// <summary>As many outputs as steps fit into the input; an odd one is at the end, or at the beginning.</summary>
    private (long[] Before, long[] After) Same(Shape x)
    {
        if (x.Rank != Kernel.Length + 2)
            throw new InvalidDataException($"its window has {Kernel.Length} dimensions, its input the shape {x}");
        long[] before = new long[Kernel.Length], after = new long[Kernel.Length];
        for (int i = 0; i < before.Length; i++)
        {
            long size = x[i + 2], outputs = (size + Strides[i] - 1) / Strides[i];
            long total = Math.Max(0, ((outputs - 1) * Strides[i]) + Span(i) - size);
            before[i] = _autoPad == "SAME_UPPER" ? total / 2 : total - (total / 2);
            after[i] = total - before[i];
        }

        return (before, after);
    }
}
