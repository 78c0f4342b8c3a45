using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// y = x ⋆ W + b over planes: (N, C, H, W) becomes (N, out, H', W'), and (C, H, W) becomes (out, H', W').
    /// H' = ⌊(H + 2·padding - dilation·(kh - 1) - 1)/stride⌋ + 1, and W' likewise.
    /// </summary>
    /// <param name="weight">W of shape (out, C/groups, kh, kw), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Steps of the window; null takes 1.</param>
    /// <param name="padding">Zeros around the input, or <see cref="Padding.Same"/>.</param>
    /// <param name="dilation">Distance between the points of the window; null takes 1.</param>
    /// <param name="groups">Number of groups of channels and filters. A filter reads the channels of its group.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, the padding is negative, or the window is larger than
    /// the padded input.
    /// </exception>
    public Tensor Conv2d(
        Tensor weight, Tensor? bias = null, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        int groups = 1) =>
        ConvolutionOp.Apply(rank: 4, this, weight, bias, stride ?? 1, padding, dilation ?? 1, groups, fuseReLU: false);

    /// <summary>
    /// y = x ⋆ W + b over rows: (N, C, L) becomes (N, out, L'), and (C, L) becomes (out, L').
    /// L' = ⌊(L + 2·padding - dilation·(k - 1) - 1)/stride⌋ + 1.
    /// </summary>
    /// <param name="weight">W of shape (out, C/groups, k), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Step of the window.</param>
    /// <param name="padding">Zeros at both ends, or <see cref="Padding.Same"/>.</param>
    /// <param name="dilation">Distance between the points of the window.</param>
    /// <param name="groups">Number of groups of channels and filters.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, the padding is negative, or the window is larger than
    /// the padded input.
    /// </exception>
    public Tensor Conv1d(
        Tensor weight, Tensor? bias = null, int stride = 1, Padding padding = default, int dilation = 1,
        int groups = 1) =>
        ConvolutionOp.Apply(rank: 3, this, weight, bias, (1, stride), padding, (1, dilation), groups, fuseReLU: false);

    /// <summary>
    /// The same, and a ReLU if wanted, with the same bits as two ops. If no gradient is wanted, both take one pass over
    /// memory.
    /// </summary>
    internal Tensor FusedConv2d(
        Tensor weight, Tensor? bias, Size2 stride, Padding padding, Size2 dilation, int groups, bool fuseReLU) =>
        ConvolutionOp.Apply(rank: 4, this, weight, bias, stride, padding, dilation, groups, fuseReLU);

    /// <summary>
    /// The same, and a ReLU if wanted, with the same bits as two ops. If no gradient is wanted, both take one pass over
    /// memory.
    /// </summary>
    internal Tensor FusedConv1d(
        Tensor weight, Tensor? bias, int stride, Padding padding, int dilation, int groups, bool fuseReLU) =>
        ConvolutionOp.Apply(rank: 3, this, weight, bias, (1, stride), padding, (1, dilation), groups, fuseReLU);
}

/// <summary>
/// Convolution as in neural networks: the window is not flipped. It runs over planes, or over rows as planes of one
/// row.
/// </summary>
/// <remarks>
/// x is zero outside its plane, s is the stride, d the dilation and p the padding:
/// y[n,o,i,j] = b[o] + Σ_c,u,v W[o,c,u,v]·x[n, c, i·s + u·d - p, j·s + v·d - p].
/// Every window that covers an x uses it, so dx[n,c,h,w] = Σ_o,u,v W[o,c,u,v]·dy[n,o,i,j]
/// over the (i, j) with i·s + u·d - p = h and j·s + v·d - p = w.
/// A weight is used at every place, so dW[o,c,u,v] = Σ_n,i,j dy[n,o,i,j]·x[n, c, i·s + u·d - p, j·s + v·d - p].
/// For the same reason db[o] = Σ_n,i,j dy[n,o,i,j]. See docs/derivations/convolution.md.
/// </remarks>
internal sealed unsafe class ConvolutionOp : Op
{
    private int _rank;
    private Tensor _x = null!;
    private Tensor _weight = null!;
    private Tensor? _bias;
    private ConvolutionShape _shape;
    private bool _fuseReLU;

    /// <inheritdoc/>
    public override string Name => NameOf(_rank);

    public static Tensor Apply(int rank, Tensor x, Tensor weight, Tensor? bias, Size2 stride, Padding padding,
        Size2 dilation, int groups, bool fuseReLU)
    {
        string name = NameOf(rank);
        Tape? tape = Join(name, ref x, ref weight);
        JoinOptional(name, tape, x, ref bias);
        ConvolutionShape shape = Check(rank, x.Shape, weight.Shape, bias, stride, padding, dilation, groups);
        ConvolutionOp op = Rent<ConvolutionOp>(tape);
        (op._rank, op._x, op._weight, op._bias, op._shape) = (rank, x, weight, bias, shape);
        bool isBatch = x.Shape.Rank == weight.Shape.Rank, isPlane = weight.Shape.Rank == 4;
        Shape output = (isBatch, isPlane) switch
        {
            (true, true) => [shape.Images, shape.Filters, shape.OutHeight, shape.OutWidth],
            (true, false) => [shape.Images, shape.Filters, shape.OutWidth],
            (false, true) => [shape.Filters, shape.OutHeight, shape.OutWidth],
            _ => [shape.Filters, shape.OutWidth],
        };
        op.Bind(output, x.DType, x, weight, bias);
        // The backward pass of a ReLU needs its input or its output, so the ReLU is an op of its own here.
        op._fuseReLU = fuseReLU && !op.Output.RequiresGradient;
        Tensor y = op.Execute();
        return fuseReLU && !op._fuseReLU ? y.ReLU() : y;
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _weight = null!;
        _bias = null;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Tensor scratch = NewTensor([Convolution.ForwardScratch<T>(_shape)], Output.DType);
        Convolution.Forward(_shape, _x.Pointer<T>(), _weight.Pointer<T>(),
            _bias is null ? null : _bias.Pointer<T>(), Output.Pointer<T>(), scratch.Pointer<T>(), _fuseReLU);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T* dy = Dy.Pointer<T>();
        if (Open(_weight) is { } dweight)
        {
            Tensor scratch = NewTensor([WeightJob<T>.ScratchCount(_shape)], Output.DType);
            WeightJob<T>.Run(_shape, dy, _x.Pointer<T>(), dweight.Pointer<T>(), scratch.Pointer<T>());
            Close<T>(_weight, dweight);
        }

        if (Open(_bias) is { } dbias)
        {
            ReadOnlySpan<int> shape = [_shape.Images, _shape.Filters, _shape.OutPlane];
            Reduce.Sum(
                ReductionPlan.Create(shape, reduced: 0b101), dy, dy, dy, dbias.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(_bias, dbias);
        }

        if (Open(_x) is { } dx)
        {
            Tensor scratch = NewTensor([Convolution.InputScratch<T>(_shape)], Output.DType);
            Convolution.InputGradient(_shape, dy, _weight.Pointer<T>(), dx.Pointer<T>(), scratch.Pointer<T>());
            Close<T>(_x, dx);
        }
    }

    private static ConvolutionShape Check(int rank, Shape x, Shape weight, Tensor? bias, Size2 stride, Padding padding,
        Size2 dilation, int groups)
    {
        string name = NameOf(rank);
        (string sizes, string window) = rank == 4 ? ("H, W", "kh, kw") : ("L", "k");
        if (weight.Rank != rank)
        {
            throw new ArgumentException(
                $"{name}: expected a weight of shape (out, in/groups, {window}), got {weight}.", nameof(weight));
        }

        for (int axis = 0; axis < rank; axis++)
        {
            if (weight[axis] < 1)
            {
                throw new ArgumentException(
                    $"{name}: expected a weight with sizes of 1 or more, got {weight}.", nameof(weight));
            }
        }

        if (stride.Height < 1 || stride.Width < 1)
        {
            throw new ArgumentException(
                $"{name}: expected a stride of 1 or more, got {Text(rank, stride)}.", nameof(stride));
        }

        if (dilation.Height < 1 || dilation.Width < 1)
        {
            throw new ArgumentException(
                $"{name}: expected a dilation of 1 or more, got {Text(rank, dilation)}.", nameof(dilation));
        }

        if (padding.Size.Height < 0 || padding.Size.Width < 0)
        {
            throw new ArgumentException(
                $"{name}: expected a padding of 0 or more, got {padding}. Cut the input with Slice.", nameof(padding));
        }

        if (rank == 3 && padding.Size.Height != padding.Size.Width)
            throw new ArgumentException($"{name}: expected one padding for both ends, got {padding}.", nameof(padding));
        if (padding.IsSame && stride is not (1, 1))
        {
            throw new ArgumentException($"{name}: expected a stride of 1 with Padding.Same, got {Text(rank, stride)}. "
                + $"Give the padding as numbers.", nameof(stride));
        }

        if (groups < 1)
        {
            throw new ArgumentException($"{name}: expected 1 or more groups, got {groups}.", nameof(groups));
        }

        if (weight[0] % groups != 0)
        {
            throw new ArgumentException($"{name}: expected a number of filters that {groups} groups divide, "
                + $"got {weight[0]} of a weight of shape {weight}.", nameof(groups));
        }

        int channels = weight[1] * groups;
        if ((x.Rank != rank && x.Rank != rank - 1) || x[1 - rank] != channels)
        {
            throw new ArgumentException(
                $"{name}: expected an input of shape (N, {channels}, {sizes}) or ({channels}, {sizes}) for a weight of "
                + $"shape {weight} and {groups} {(groups == 1 ? "group" : "groups")}, got {x}. "
                + (x.Rank == rank || x.Rank == rank - 1 ? "The channels come before the sizes of a plane: "
                    + "Permute the input, or make the layer for its channels." : "Reshape the input."), nameof(x));
        }

        if (bias is not null && (bias.Shape.Rank != 1 || bias.Shape[0] != weight[0]))
        {
            throw new ArgumentException(
                $"{name}: expected a bias of shape ({weight[0]}) for a weight of shape {weight}, got {bias.Shape}.",
                nameof(bias));
        }

        (int height, int width) = (rank == 4 ? x[-2] : 1, x[-1]);
        (int kernelHeight, int kernelWidth) = (rank == 4 ? weight[2] : 1, weight[-1]);
        long spanHeight = ((long)dilation.Height * (kernelHeight - 1)) + 1,
            spanWidth = ((long)dilation.Width * (kernelWidth - 1)) + 1;
        long padHeight = padding.IsSame ? spanHeight - 1 : rank == 4 ? 2L * padding.Size.Height : 0,
            padWidth = padding.IsSame ? spanWidth - 1 : 2L * padding.Size.Width;
        if (height < 1 || width < 1)
        {
            throw new ArgumentException(
                $"{name}: expected an input with sizes of 1 or more except for N, got {x}.", nameof(x));
        }

        if (height + padHeight < spanHeight || width + padWidth < spanWidth)
        {
            string padded = rank == 4 ? $"({height + padHeight}, {width + padWidth})" : $"({width + padWidth})",
                span = rank == 4 ? $"({spanHeight}, {spanWidth})" : $"({spanWidth})";
            throw new ArgumentException($"{name}: expected an input that, padded, is as large as the window of {span} "
                + $"or larger, got {padded} from an input of shape {x}. Use a smaller kernel, or more padding.",
                nameof(x));
        }

        // Kernels count the places of a padded plane, plus those of one step, in an int.
        long outHeight = ((height + padHeight - spanHeight) / stride.Height) + 1,
            outWidth = ((width + padWidth - spanWidth) / stride.Width) + 1;
        if (((double)height + padHeight + (outHeight > 1 ? stride.Height : 1))
            * ((double)width + padWidth + (outWidth > 1 ? stride.Width : 1)) > int.MaxValue - 1024)
        {
            throw new ArgumentException($"{name}: expected padded planes of fewer than 2^31 values, "
                + $"got {(rank == 4 ? $"({height + padHeight}, {width + padWidth})" : $"({width + padWidth})")} "
                + $"from an input of shape {x}. Use less padding.", nameof(padding));
        }

        // If the two sides are unequal, the larger one is at the end. A single window takes no step.
        return new ConvolutionShape
        {
            Images = x.Rank == rank ? x[0] : 1,
            Channels = channels,
            Height = height,
            Width = width,
            Filters = weight[0],
            KernelHeight = kernelHeight,
            KernelWidth = kernelWidth,
            StrideHeight = outHeight > 1 ? stride.Height : 1,
            StrideWidth = outWidth > 1 ? stride.Width : 1,
            DilationHeight = dilation.Height,
            DilationWidth = dilation.Width,
            Top = (int)(padHeight / 2),
            Left = (int)(padWidth / 2),
            Groups = groups,
            OutHeight = (int)outHeight,
            OutWidth = (int)outWidth,
        };
    }

    /// <summary>The op's name: it works over planes (N, C, H, W) or over rows (N, C, L).</summary>
    private static string NameOf(int rank) => rank == 4 ? "Conv2d" : "Conv1d";

    private static string Text(int rank, Size2 size) => rank == 4 ? size.ToString() : $"{size.Width}";
}
