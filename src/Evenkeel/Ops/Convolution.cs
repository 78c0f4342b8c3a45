using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// y = x ⋆ W + b over rows: (N, C, L) becomes (N, out, L'), and (C, L) becomes (out, L').
    /// L' = ⌊(L + 2·padding - dilation·(k - 1) - 1)/stride⌋ + 1.
    /// </summary>
    /// <param name="weight">W of shape (out, C/groups, k), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Step of the window.</param>
    /// <param name="padding">
    /// Zeros at both ends, at each with <see cref="Padding.Sides"/>, or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">Distance between the points of the window.</param>
    /// <param name="groups">Number of groups of channels and filters.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, the padding is negative, or the window is larger than
    /// the padded input.
    /// </exception>
    public Tensor Conv1d(
        Tensor weight, Tensor? bias = null, int stride = 1, Padding padding = default, int dilation = 1,
        int groups = 1) =>
        Convolve(ConvolutionSettings.Rows(stride, padding, dilation, groups).Checked(), weight, bias);

    /// <summary>
    /// y = x ⋆ W + b over planes: (N, C, H, W) becomes (N, out, H', W'), and (C, H, W) becomes (out, H', W').
    /// H' = ⌊(H + 2·padding - dilation·(kh - 1) - 1)/stride⌋ + 1, and W' likewise.
    /// </summary>
    /// <param name="weight">W of shape (out, C/groups, kh, kw), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Steps of the window; null takes 1.</param>
    /// <param name="padding">
    /// Zeros around the input, on each side with <see cref="Padding.Sides"/>, or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">Distance between the points of the window; null takes 1.</param>
    /// <param name="groups">Number of groups of channels and filters. A filter reads the channels of its group.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, the padding is negative, or the window is larger than
    /// the padded input.
    /// </exception>
    public Tensor Conv2d(
        Tensor weight, Tensor? bias = null, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        int groups = 1) =>
        Convolve(ConvolutionSettings.Planes(stride, padding, dilation, groups).Checked(), weight, bias);

    /// <summary>
    /// y = x ⋆ W + b over volumes: (N, C, D, H, W) becomes (N, out, D', H', W'), and (C, D, H, W) becomes (out, D', H',
    /// W'). D' = ⌊(D + 2·padding - dilation·(kd - 1) - 1)/stride⌋ + 1, and H' and W' likewise.
    /// </summary>
    /// <param name="weight">W of shape (out, C/groups, kd, kh, kw), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Steps of the window; null takes 1.</param>
    /// <param name="padding">
    /// Zeros around the input, on each side with <see cref="Padding.Sides"/>, or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">Distance between the points of the window; null takes 1.</param>
    /// <param name="groups">Number of groups of channels and filters. A filter reads the channels of its group.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, the padding is negative, or the window is larger than
    /// the padded input.
    /// </exception>
    public Tensor Conv3d(
        Tensor weight, Tensor? bias = null, Size3? stride = null, Padding padding = default, Size3? dilation = null,
        int groups = 1) =>
        Convolve(ConvolutionSettings.Volumes(stride, padding, dilation, groups).Checked(), weight, bias);

    /// <summary>
    /// A convolution, and a ReLU if wanted, with the same bits as two ops. If no gradient is wanted, both take one pass
    /// over memory.
    /// </summary>
    internal Tensor Convolve(
        in ConvolutionSettings settings, Tensor weight, Tensor? bias = null, bool fuseReLU = false) =>
        ConvolutionOp.Apply(settings, this, weight, bias, fuseReLU);
}

/// <summary>
/// Convolution as in neural networks: the window is not flipped. It runs over volumes, over planes as volumes of one
/// slice, or over rows as planes of one row.
/// </summary>
/// <remarks>
/// x is zero outside its plane, s is the stride, d the dilation and p the padding:
/// y[n,o,i,j] = b[o] + Σ_c,u,v W[o,c,u,v]·x[n, c, i·s + u·d - p, j·s + v·d - p].
/// Every window that covers an x uses it, so dx[n,c,h,w] = Σ_o,u,v W[o,c,u,v]·dy[n,o,i,j]
/// over the (i, j) with i·s + u·d - p = h and j·s + v·d - p = w.
/// A weight is used at every place, so dW[o,c,u,v] = Σ_n,i,j dy[n,o,i,j]·x[n, c, i·s + u·d - p, j·s + v·d - p].
/// For the same reason db[o] = Σ_n,i,j dy[n,o,i,j]. A volume has one more index of the same kind. If the padding is not
/// of zeros, x is padded first (<see cref="PadOp"/>). See docs/derivations/convolution.md.
/// </remarks>
internal sealed unsafe class ConvolutionOp : Op
{
    private string _name = "";
    private Tensor _x = null!;
    private Tensor _weight = null!;
    private Tensor? _bias;
    private ConvolutionShape _shape;
    private ConvolutionSettings _settings;
    private bool _fuseReLU;

    /// <inheritdoc/>
    public override string Name => _name;

    /// <inheritdoc/>
    public override string Kind => "Conv";

    public static Tensor Apply(
        in ConvolutionSettings settings, Tensor x, Tensor weight, Tensor? bias, bool fuseReLU)
    {
        string name = settings.Name;
        Tape? tape = Join(name, ref x, ref weight);
        JoinOptional(name, tape, x, ref bias);
        ConvolutionShape shape = settings.Convolve(x.Shape, weight.Shape, bias, out Shape output);
        if (settings.Mode != PaddingMode.Zeros) x = PadOp.Apply(settings, x, ref shape);
        ConvolutionOp op = Rent<ConvolutionOp>(tape);
        (op._name, op._x, op._weight, op._bias, op._shape, op._settings) = (name, x, weight, bias, shape, settings);
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
    protected override void Describe(OpSettings settings)
    {
        _settings.Describe(_weight.Shape, settings);
        settings.Set("relu", _fuseReLU);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Tensor scratch = NewTensor([Convolution.ForwardScratch<T>(_shape)], Output.DType);
        Convolution.Forward(_shape, _x.Pointer<T>(), _weight.Pointer<T>(),
            _bias is null ? null : _bias.Pointer<T>(), Output.Pointer<T>(), scratch.Pointer<T>(), _fuseReLU);
        Return(scratch);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T* dy = Dy.Pointer<T>();
        if (Open(_weight) is { } dweight)
        {
            Tensor scratch = NewTensor([WeightJob<T>.ScratchCount(_shape)], Output.DType);
            WeightJob<T>.Run(_shape, dy, _x.Pointer<T>(), dweight.Pointer<T>(), scratch.Pointer<T>());
            Return(scratch);
            Close<T>(_weight, dweight);
        }

        if (Open(_bias) is { } dbias)
        {
            ReadOnlySpan<int> shape = [_shape.Images, _shape.Filters, _shape.OutVolume];
            Reduce.Sum(
                ReductionPlan.Create(shape, reduced: 0b101), dy, dy, dy, dbias.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(_bias, dbias);
        }

        if (Open(_x) is { } dx)
        {
            Tensor scratch = NewTensor([Convolution.InputScratch<T>(_shape)], Output.DType);
            Convolution.InputGradient(
                _shape, dy, _weight.Pointer<T>(), bias: null, dx.Pointer<T>(), scratch.Pointer<T>());
            Return(scratch);
            Close<T>(_x, dx);
        }
    }
}
