using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The transposed convolution over rows: (N, C, L) becomes (N, out, L'), and (C, L) becomes (out, L'). It maps x as
    /// the gradient of <see cref="Conv1d"/> maps dy.
    /// L' = (L - 1)·stride - 2·padding + dilation·(k - 1) + outputPadding + 1.
    /// </summary>
    /// <param name="weight">W of shape (C, out/groups, k), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Distance between the places of two neighbouring values.</param>
    /// <param name="padding">Results that are cut off at both ends.</param>
    /// <param name="outputPadding">Results that are added at the end; below the stride or the dilation.</param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <param name="dilation">Distance between the points of the window.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, a padding is negative, or nothing is left of the
    /// output.
    /// </exception>
    public Tensor ConvTranspose1d(
        Tensor weight, Tensor? bias = null, int stride = 1, Padding padding = default, int outputPadding = 0,
        int groups = 1, int dilation = 1) =>
        ConvolveTransposed((ConvolutionSettings.Rows(stride, padding, dilation, groups) with
        {
            IsTransposed = true,
            OutputPadding = (0, 0, outputPadding),
        }).Checked(), weight, bias);

    /// <summary>
    /// The transposed convolution over planes: (N, C, H, W) becomes (N, out, H', W'), and (C, H, W) becomes (out, H',
    /// W'). It maps x as the gradient of <see cref="Conv2d"/> maps dy.
    /// H' = (H - 1)·stride - 2·padding + dilation·(kh - 1) + outputPadding + 1, and W' likewise.
    /// </summary>
    /// <param name="weight">W of shape (C, out/groups, kh, kw), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Distances between the places of two neighbouring values; null takes 1.</param>
    /// <param name="padding">Results that are cut off on all sides.</param>
    /// <param name="outputPadding">
    /// Results that are added below and on the right; below the stride or the dilation.
    /// </param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <param name="dilation">Distance between the points of the window; null takes 1.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, a padding is negative, or nothing is left of the
    /// output.
    /// </exception>
    public Tensor ConvTranspose2d(
        Tensor weight, Tensor? bias = null, Size2? stride = null, Padding padding = default,
        Size2 outputPadding = default, int groups = 1, Size2? dilation = null) =>
        ConvolveTransposed((ConvolutionSettings.Planes(stride, padding, dilation, groups) with
        {
            IsTransposed = true,
            OutputPadding = ConvolutionSettings.AsVolume(outputPadding, depth: 0),
        }).Checked(), weight, bias);

    /// <summary>
    /// The transposed convolution over volumes: (N, C, D, H, W) becomes (N, out, D', H', W'), and (C, D, H, W) becomes
    /// (out, D', H', W'). It maps x as the gradient of <see cref="Conv3d"/> maps dy.
    /// D' = (D - 1)·stride - 2·padding + dilation·(kd - 1) + outputPadding + 1, and H' and W' likewise.
    /// </summary>
    /// <param name="weight">W of shape (C, out/groups, kd, kh, kw), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <param name="stride">Distances between the places of two neighbouring values; null takes 1.</param>
    /// <param name="padding">Results that are cut off on all sides.</param>
    /// <param name="outputPadding">
    /// Results that are added behind, below and on the right; below the stride or the dilation.
    /// </param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <param name="dilation">Distance between the points of the window; null takes 1.</param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types do not fit, a size is below 1, a padding is negative, or nothing is left of the
    /// output.
    /// </exception>
    public Tensor ConvTranspose3d(
        Tensor weight, Tensor? bias = null, Size3? stride = null, Padding padding = default,
        Size3 outputPadding = default, int groups = 1, Size3? dilation = null) =>
        ConvolveTransposed((ConvolutionSettings.Volumes(stride, padding, dilation, groups) with
        {
            IsTransposed = true,
            OutputPadding = outputPadding,
        }).Checked(), weight, bias);

    /// <summary>
    /// A transposed convolution, and a ReLU if wanted, with the same bits as two ops. If no gradient is wanted, both
    /// take one pass over memory.
    /// </summary>
    internal Tensor ConvolveTransposed(
        in ConvolutionSettings settings, Tensor weight, Tensor? bias = null, bool fuseReLU = false) =>
        ConvTransposeOp.Apply(settings, this, weight, bias, fuseReLU);
}

/// <summary>The transposed convolution: the linear map of a convolution from its output to its input.</summary>
/// <remarks>
/// A convolution with the weight W is linear in its input: y = A·x, and its gradient is dx = Aᵀ·dy. This op is
/// y = Aᵀ·x + b, so each value of x adds its window of weights to the results around its place:
/// y[n,c,h,w] = b[c] + Σ_o,u,v W[o,c,u,v]·x[n,o,i,j] over the (i, j) with i·s + u·d - p = h and j·s + v·d - p = w.
/// With dy given, dx = (Aᵀ)ᵀ·dy = A·dy is the convolution of dy. In Aᵀ·x every weight meets the same pairs as in A·dy,
/// so dW[o,c,u,v] = Σ_n,i,j x[n,o,i,j]·dy[n, c, i·s + u·d - p, j·s + v·d - p]: the gradient of that convolution's
/// weights, with x in the place of its dy. db[c] = Σ_n,h,w dy[n,c,h,w].
/// The three kernels of <see cref="ConvolutionOp"/> compute all of it. See docs/derivations/convolution.md.
/// </remarks>
internal sealed unsafe class ConvTransposeOp : Op
{
    private string _name = "";
    private Tensor _x = null!;
    private Tensor _weight = null!;
    private Tensor? _bias;

    /// <summary>The convolution from y to x.</summary>
    private ConvolutionShape _shape;

    private ConvolutionSettings _settings;
    private bool _fuseReLU;

    /// <inheritdoc/>
    public override string Name => _name;

    /// <inheritdoc/>
    public override string Kind => "ConvTranspose";

    public static Tensor Apply(
        in ConvolutionSettings settings, Tensor x, Tensor weight, Tensor? bias, bool fuseReLU)
    {
        string name = settings.Name;
        Tape? tape = Join(name, ref x, ref weight);
        JoinOptional(name, tape, x, ref bias);
        ConvolutionShape shape = settings.ConvolveTransposed(x.Shape, weight.Shape, bias, out Shape output);
        ConvTransposeOp op = Rent<ConvTransposeOp>(tape);
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
        Tensor scratch = NewTensor([Convolution.InputScratch<T>(_shape)], Output.DType);
        Convolution.InputGradient(_shape, _x.Pointer<T>(), _weight.Pointer<T>(),
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
            WeightJob<T>.Run(_shape, _x.Pointer<T>(), dy, dweight.Pointer<T>(), scratch.Pointer<T>());
            Return(scratch);
            Close<T>(_weight, dweight);
        }

        if (Open(_bias) is { } dbias)
        {
            ReadOnlySpan<int> shape = [_shape.Images, _shape.Channels, _shape.Volume];
            Reduce.Sum(
                ReductionPlan.Create(shape, reduced: 0b101), dy, dy, dy, dbias.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(_bias, dbias);
        }

        if (Open(_x) is { } dx)
        {
            Tensor scratch = NewTensor([Convolution.ForwardScratch<T>(_shape)], Output.DType);
            Convolution.Forward(_shape, dy, _weight.Pointer<T>(), bias: null, dx.Pointer<T>(), scratch.Pointer<T>());
            Return(scratch);
            Close<T>(_x, dx);
        }
    }
}
