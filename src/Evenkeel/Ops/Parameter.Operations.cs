using System.Runtime.CompilerServices;

namespace Evenkeel;

/// <content>
/// The operators and methods of <see cref="Tensor"/>, computed with <see cref="Value"/>. Each line calls the member of
/// the same name. A taped tensor stays on its tape: <c>x * gamma</c> and <c>x.Linear(weight)</c> enter the parameter
/// into the tape of x. A parameter alone has no tape: <c>gamma.Square()</c> is plain mathematics, and its result throws
/// when it meets a tape. Write <c>tape.Watch(gamma).Square()</c> if a gradient is wanted.
/// </content>
public sealed partial class Parameter
{
    /// <inheritdoc cref="Tensor.this[ReadOnlySpan{TensorIndex}]"/>
    [IndexerName("Part")]
    public Tensor this[params ReadOnlySpan<TensorIndex> indices] => Value[indices];

    /// <inheritdoc cref="Tensor.operator +(Tensor, Tensor)"/>
    public static Tensor operator +(Parameter a, Parameter b) => (Tensor)a + b;

    /// <inheritdoc cref="Tensor.operator +(Tensor, double)"/>
    public static Tensor operator +(Parameter x, double value) => (Tensor)x + value;

    /// <inheritdoc cref="Tensor.operator +(double, Tensor)"/>
    public static Tensor operator +(double value, Parameter x) => value + (Tensor)x;

    /// <inheritdoc cref="Tensor.operator -(Tensor, Tensor)"/>
    public static Tensor operator -(Parameter a, Parameter b) => (Tensor)a - b;

    /// <inheritdoc cref="Tensor.operator -(Tensor, double)"/>
    public static Tensor operator -(Parameter x, double value) => (Tensor)x - value;

    /// <inheritdoc cref="Tensor.operator -(double, Tensor)"/>
    public static Tensor operator -(double value, Parameter x) => value - (Tensor)x;

    /// <inheritdoc cref="Tensor.operator *(Tensor, Tensor)"/>
    public static Tensor operator *(Parameter a, Parameter b) => (Tensor)a * b;

    /// <inheritdoc cref="Tensor.operator *(Tensor, double)"/>
    public static Tensor operator *(Parameter x, double value) => (Tensor)x * value;

    /// <inheritdoc cref="Tensor.operator *(double, Tensor)"/>
    public static Tensor operator *(double value, Parameter x) => value * (Tensor)x;

    /// <inheritdoc cref="Tensor.operator /(Tensor, Tensor)"/>
    public static Tensor operator /(Parameter a, Parameter b) => (Tensor)a / b;

    /// <inheritdoc cref="Tensor.operator /(Tensor, double)"/>
    public static Tensor operator /(Parameter x, double value) => (Tensor)x / value;

    /// <inheritdoc cref="Tensor.operator /(double, Tensor)"/>
    public static Tensor operator /(double value, Parameter x) => value / (Tensor)x;

    /// <inheritdoc cref="Tensor.op_UnaryNegation(Tensor)"/>
    public static Tensor operator -(Parameter x) => -(Tensor)x;

    /// <inheritdoc cref="Tensor.Abs"/>
    public Tensor Abs() => Value.Abs();

    /// <inheritdoc cref="Tensor.AdaptiveAvgPool1d"/>
    public Tensor AdaptiveAvgPool1d(int outputSize) => Value.AdaptiveAvgPool1d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveAvgPool2d(int)"/>
    public Tensor AdaptiveAvgPool2d(int outputSize) => Value.AdaptiveAvgPool2d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveAvgPool2d(ValueTuple{int?, int?})"/>
    public Tensor AdaptiveAvgPool2d((int? Height, int? Width) outputSize) => Value.AdaptiveAvgPool2d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveAvgPool3d(int)"/>
    public Tensor AdaptiveAvgPool3d(int outputSize) => Value.AdaptiveAvgPool3d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveAvgPool3d(ValueTuple{int?, int?, int?})"/>
    public Tensor AdaptiveAvgPool3d((int? Depth, int? Height, int? Width) outputSize) =>
        Value.AdaptiveAvgPool3d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveMaxPool1d"/>
    public Tensor AdaptiveMaxPool1d(int outputSize) => Value.AdaptiveMaxPool1d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveMaxPool2d(int)"/>
    public Tensor AdaptiveMaxPool2d(int outputSize) => Value.AdaptiveMaxPool2d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveMaxPool2d(ValueTuple{int?, int?})"/>
    public Tensor AdaptiveMaxPool2d((int? Height, int? Width) outputSize) => Value.AdaptiveMaxPool2d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveMaxPool3d(int)"/>
    public Tensor AdaptiveMaxPool3d(int outputSize) => Value.AdaptiveMaxPool3d(outputSize);

    /// <inheritdoc cref="Tensor.AdaptiveMaxPool3d(ValueTuple{int?, int?, int?})"/>
    public Tensor AdaptiveMaxPool3d((int? Depth, int? Height, int? Width) outputSize) =>
        Value.AdaptiveMaxPool3d(outputSize);

    /// <inheritdoc cref="Tensor.ArgMax()"/>
    public Tensor ArgMax() => Value.ArgMax();

    /// <inheritdoc cref="Tensor.ArgMax(int, bool)"/>
    public Tensor ArgMax(int axis, bool keepDims = false) => Value.ArgMax(axis, keepDims);

    /// <inheritdoc cref="Tensor.AsSpan{T}"/>
    public Span<T> AsSpan<T>() where T : unmanaged => Value.AsSpan<T>();

    /// <inheritdoc cref="Tensor.AvgPool1d"/>
    public Tensor AvgPool1d(
        int kernelSize, int? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int dilation = 1) =>
        Value.AvgPool1d(kernelSize, stride, padding, ceilMode, countIncludePad, dilation);

    /// <inheritdoc cref="Tensor.AvgPool2d"/>
    public Tensor AvgPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size2? dilation = null) =>
        Value.AvgPool2d(kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride, dilation);

    /// <inheritdoc cref="Tensor.AvgPool3d"/>
    public Tensor AvgPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size3? dilation = null) =>
        Value.AvgPool3d(kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride, dilation);

    /// <inheritdoc cref="Tensor.BatchNorm"/>
    public Tensor BatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        SingleValue singleValue = SingleValue.Error) =>
        Value.BatchNorm(gamma, beta, running, eps, training, singleValue);

    /// <inheritdoc cref="Tensor.BatchRenorm"/>
    public Tensor BatchRenorm(
        Tensor? gamma, Tensor? beta, RunningStatistics running, RenormLimits? limits = null, double eps = 1e-5) =>
        Value.BatchRenorm(gamma, beta, running, limits, eps);

    /// <inheritdoc cref="Tensor.BinaryCrossEntropyWithLogits"/>
    public Tensor BinaryCrossEntropyWithLogits(Tensor target, Tensor? weight = null, Tensor? posWeight = null) =>
        Value.BinaryCrossEntropyWithLogits(target, weight, posWeight);

    /// <inheritdoc cref="Tensor.CELU"/>
    public Tensor CELU(double alpha = 1) => Value.CELU(alpha);

    /// <inheritdoc cref="Tensor.Clamp"/>
    public Tensor Clamp(double min, double max) => Value.Clamp(min, max);

    /// <inheritdoc cref="Tensor.Clone"/>
    public Tensor Clone() => Value.Clone();

    /// <inheritdoc cref="Tensor.Conv1d"/>
    public Tensor Conv1d(
        Tensor weight, Tensor? bias = null, int stride = 1, Padding padding = default, int dilation = 1,
        int groups = 1) =>
        Value.Conv1d(weight, bias, stride, padding, dilation, groups);

    /// <inheritdoc cref="Tensor.Conv2d"/>
    public Tensor Conv2d(
        Tensor weight, Tensor? bias = null, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        int groups = 1) =>
        Value.Conv2d(weight, bias, stride, padding, dilation, groups);

    /// <inheritdoc cref="Tensor.Conv3d"/>
    public Tensor Conv3d(
        Tensor weight, Tensor? bias = null, Size3? stride = null, Padding padding = default, Size3? dilation = null,
        int groups = 1) =>
        Value.Conv3d(weight, bias, stride, padding, dilation, groups);

    /// <inheritdoc cref="Tensor.ConvTranspose1d"/>
    public Tensor ConvTranspose1d(
        Tensor weight, Tensor? bias = null, int stride = 1, Padding padding = default, int outputPadding = 0,
        int groups = 1, int dilation = 1) =>
        Value.ConvTranspose1d(weight, bias, stride, padding, outputPadding, groups, dilation);

    /// <inheritdoc cref="Tensor.ConvTranspose2d"/>
    public Tensor ConvTranspose2d(
        Tensor weight, Tensor? bias = null, Size2? stride = null, Padding padding = default,
        Size2 outputPadding = default, int groups = 1, Size2? dilation = null) =>
        Value.ConvTranspose2d(weight, bias, stride, padding, outputPadding, groups, dilation);

    /// <inheritdoc cref="Tensor.ConvTranspose3d"/>
    public Tensor ConvTranspose3d(
        Tensor weight, Tensor? bias = null, Size3? stride = null, Padding padding = default,
        Size3 outputPadding = default, int groups = 1, Size3? dilation = null) =>
        Value.ConvTranspose3d(weight, bias, stride, padding, outputPadding, groups, dilation);

    /// <inheritdoc cref="Tensor.CopyFrom"/>
    public void CopyFrom(Tensor source) => Value.CopyFrom(source);

    /// <inheritdoc cref="Tensor.CrossEntropy"/>
    public Tensor CrossEntropy(
        Tensor target, Tensor? weight = null, long ignoreIndex = -100, double labelSmoothing = 0) =>
        Value.CrossEntropy(target, weight, ignoreIndex, labelSmoothing);

    /// <inheritdoc cref="Tensor.Detach"/>
    public Tensor Detach() => Value.Detach();

    /// <inheritdoc cref="Tensor.Dropout"/>
    public Tensor Dropout(double probability = 0.5) => Value.Dropout(probability);

    /// <inheritdoc cref="Tensor.Dropout2d"/>
    public Tensor Dropout2d(double probability = 0.5) => Value.Dropout2d(probability);

    /// <inheritdoc cref="Tensor.DynamicErf"/>
    public Tensor DynamicErf(
        Tensor alpha, Tensor shift, Tensor gamma, Tensor beta, bool channelsLast = true) =>
        Value.DynamicErf(alpha, shift, gamma, beta, channelsLast);

    /// <inheritdoc cref="Tensor.DynamicTanh"/>
    public Tensor DynamicTanh(Tensor alpha, Tensor gamma, Tensor beta, bool channelsLast = true) =>
        Value.DynamicTanh(alpha, gamma, beta, channelsLast);

    /// <inheritdoc cref="Tensor.ELU"/>
    public Tensor ELU(double alpha = 1) => Value.ELU(alpha);

    /// <inheritdoc cref="Tensor.Embedding"/>
    public Tensor Embedding(Tensor weight, int? paddingIndex = null) => Value.Embedding(weight, paddingIndex);

    /// <inheritdoc cref="Tensor.Exp"/>
    public Tensor Exp() => Value.Exp();

    /// <inheritdoc cref="Tensor.Fill"/>
    public void Fill(double value) => Value.Fill(value);

    /// <inheritdoc cref="Tensor.FilterResponseNorm"/>
    public Tensor FilterResponseNorm(Tensor? gamma, Tensor? beta, Tensor? tau, double eps = 1e-6) =>
        Value.FilterResponseNorm(gamma, beta, tau, eps);

    /// <inheritdoc cref="Tensor.Flatten"/>
    public Tensor Flatten(int startAxis = 0, int endAxis = -1) => Value.Flatten(startAxis, endAxis);

    /// <inheritdoc cref="Tensor.Gather"/>
    public Tensor Gather(int axis, Tensor index) => Value.Gather(axis, index);

    /// <inheritdoc cref="Tensor.GELU"/>
    public Tensor GELU(bool approximate = false) => Value.GELU(approximate);

    /// <inheritdoc cref="Tensor.GhostBatchNorm"/>
    public Tensor GhostBatchNorm(
        int virtualBatchSize, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5,
        bool? training = null) =>
        Value.GhostBatchNorm(virtualBatchSize, gamma, beta, running, eps, training);

    /// <inheritdoc cref="Tensor.GLU"/>
    public Tensor GLU(int axis = -1) => Value.GLU(axis);

    /// <inheritdoc cref="Tensor.GroupNorm"/>
    public Tensor GroupNorm(int groups, Tensor? gamma, Tensor? beta, double eps = 1e-5) =>
        Value.GroupNorm(groups, gamma, beta, eps);

    /// <inheritdoc cref="Tensor.Hardsigmoid"/>
    public Tensor Hardsigmoid() => Value.Hardsigmoid();

    /// <inheritdoc cref="Tensor.Hardswish"/>
    public Tensor Hardswish() => Value.Hardswish();

    /// <inheritdoc cref="Tensor.Hardtanh"/>
    public Tensor Hardtanh(double min = -1, double max = 1) => Value.Hardtanh(min, max);

    /// <inheritdoc cref="Tensor.Hinge"/>
    public Tensor Hinge(Tensor target) => Value.Hinge(target);

    /// <inheritdoc cref="Tensor.Huber"/>
    public Tensor Huber(Tensor target, double delta = 1) => Value.Huber(target, delta);

    /// <inheritdoc cref="Tensor.InstanceNorm"/>
    public Tensor InstanceNorm(Tensor? gamma, Tensor? beta, RunningStatistics? running = null, double eps = 1e-5) =>
        Value.InstanceNorm(gamma, beta, running, eps);

    /// <inheritdoc cref="Tensor.Item"/>
    public double Item() => Value.Item();

    /// <inheritdoc cref="Tensor.LayerNorm"/>
    public Tensor LayerNorm(Shape normalizedShape, Tensor? gamma, Tensor? beta, double eps = 1e-5) =>
        Value.LayerNorm(normalizedShape, gamma, beta, eps);

    /// <inheritdoc cref="Tensor.LeakyReLU"/>
    public Tensor LeakyReLU(double slope = 0.01) => Value.LeakyReLU(slope);

    /// <inheritdoc cref="Tensor.Linear"/>
    public Tensor Linear(Tensor weight, Tensor? bias = null) => Value.Linear(weight, bias);

    /// <inheritdoc cref="Tensor.LocalResponseNorm"/>
    public Tensor LocalResponseNorm(int size, double alpha = 1e-4, double beta = 0.75, double k = 1) =>
        Value.LocalResponseNorm(size, alpha, beta, k);

    /// <inheritdoc cref="Tensor.Log"/>
    public Tensor Log() => Value.Log();

    /// <inheritdoc cref="Tensor.LogSigmoid"/>
    public Tensor LogSigmoid() => Value.LogSigmoid();

    /// <inheritdoc cref="Tensor.LogSoftmax"/>
    public Tensor LogSoftmax(int axis = -1) => Value.LogSoftmax(axis);

    /// <inheritdoc cref="Tensor.MaskedBatchNorm"/>
    public Tensor MaskedBatchNorm(
        Tensor mask, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        SingleValue singleValue = SingleValue.Error) =>
        Value.MaskedBatchNorm(mask, gamma, beta, running, eps, training, singleValue);

    /// <inheritdoc cref="Tensor.MatMul"/>
    public Tensor MatMul(Tensor other, bool transposeA = false, bool transposeB = false) =>
        Value.MatMul(other, transposeA, transposeB);

    /// <inheritdoc cref="Tensor.Max(int, bool)"/>
    public Tensor Max(int axis, bool keepDims = false) => Value.Max(axis, keepDims);

    /// <inheritdoc cref="Tensor.Max()"/>
    public Tensor Max() => Value.Max();

    /// <inheritdoc cref="Tensor.Maximum"/>
    public Tensor Maximum(Tensor other) => Value.Maximum(other);

    /// <inheritdoc cref="Tensor.MaxPool1d"/>
    public Tensor MaxPool1d(
        int kernelSize, int? stride = null, Padding padding = default, int dilation = 1,
        bool ceilMode = false) =>
        Value.MaxPool1d(kernelSize, stride, padding, dilation, ceilMode);

    /// <inheritdoc cref="Tensor.MaxPool2d"/>
    public Tensor MaxPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        bool ceilMode = false) =>
        Value.MaxPool2d(kernelSize, stride, padding, dilation, ceilMode);

    /// <inheritdoc cref="Tensor.MaxPool3d"/>
    public Tensor MaxPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, Size3? dilation = null,
        bool ceilMode = false) =>
        Value.MaxPool3d(kernelSize, stride, padding, dilation, ceilMode);

    /// <inheritdoc cref="Tensor.Mean"/>
    public Tensor Mean(ReadOnlySpan<int> axes = default, bool keepDims = false) => Value.Mean(axes, keepDims);

    /// <inheritdoc cref="Tensor.MeanAbsoluteError"/>
    public Tensor MeanAbsoluteError(Tensor target) => Value.MeanAbsoluteError(target);

    /// <inheritdoc cref="Tensor.MeanSquaredError"/>
    public Tensor MeanSquaredError(Tensor target) => Value.MeanSquaredError(target);

    /// <inheritdoc cref="Tensor.Minimum"/>
    public Tensor Minimum(Tensor other) => Value.Minimum(other);

    /// <inheritdoc cref="Tensor.Mish"/>
    public Tensor Mish() => Value.Mish();

    /// <inheritdoc cref="Tensor.MultiClassHinge"/>
    public Tensor MultiClassHinge(Tensor labels) => Value.MultiClassHinge(labels);

    /// <inheritdoc cref="Tensor.NegativeLogLikelihood"/>
    public Tensor NegativeLogLikelihood(Tensor labels, Tensor? weight = null, long ignoreIndex = -100) =>
        Value.NegativeLogLikelihood(labels, weight, ignoreIndex);

    /// <inheritdoc cref="Tensor.Normalize"/>
    public Tensor Normalize(ReadOnlySpan<int> axes, double p = 2, double eps = 1e-12) =>
        Value.Normalize(axes, p, eps);

    /// <inheritdoc cref="Tensor.Permute"/>
    public Tensor Permute(params ReadOnlySpan<int> axes) => Value.Permute(axes);

    /// <inheritdoc cref="Tensor.PixelShuffle"/>
    public Tensor PixelShuffle(int upscaleFactor) => Value.PixelShuffle(upscaleFactor);

    /// <inheritdoc cref="Tensor.Pow(double)"/>
    public Tensor Pow(double exponent) => Value.Pow(exponent);

    /// <inheritdoc cref="Tensor.Pow(Tensor)"/>
    public Tensor Pow(Tensor exponent) => Value.Pow(exponent);

    /// <inheritdoc cref="Tensor.PReLU"/>
    public Tensor PReLU(Tensor weight) => Value.PReLU(weight);

    /// <inheritdoc cref="Tensor.ReLU"/>
    public Tensor ReLU() => Value.ReLU();

    /// <inheritdoc cref="Tensor.ReLU6"/>
    public Tensor ReLU6() => Value.ReLU6();

    /// <inheritdoc cref="Tensor.Reshape(ReadOnlySpan{int})"/>
    [OverloadResolutionPriority(1)]
    public Tensor Reshape(params ReadOnlySpan<int> dimensions) => Value.Reshape(dimensions);

    /// <inheritdoc cref="Tensor.Reshape(Shape)"/>
    public Tensor Reshape(Shape shape) => Value.Reshape(shape);

    /// <inheritdoc cref="Tensor.RMSNorm"/>
    public Tensor RMSNorm(Shape normalizedShape, Tensor? gamma, double? eps = null) =>
        Value.RMSNorm(normalizedShape, gamma, eps);

    /// <inheritdoc cref="Tensor.SELU"/>
    public Tensor SELU() => Value.SELU();

    /// <inheritdoc cref="Tensor.Sigmoid"/>
    public Tensor Sigmoid() => Value.Sigmoid();

    /// <inheritdoc cref="Tensor.SiLU"/>
    public Tensor SiLU() => Value.SiLU();

    /// <inheritdoc cref="Tensor.Slice"/>
    public Tensor Slice(int axis, int start, int length) => Value.Slice(axis, start, length);

    /// <inheritdoc cref="Tensor.SmoothL1"/>
    public Tensor SmoothL1(Tensor target, double beta = 1) => Value.SmoothL1(target, beta);

    /// <inheritdoc cref="Tensor.Softmax"/>
    public Tensor Softmax(int axis = -1) => Value.Softmax(axis);

    /// <inheritdoc cref="Tensor.Softplus"/>
    public Tensor Softplus(double beta = 1, double threshold = 20) => Value.Softplus(beta, threshold);

    /// <inheritdoc cref="Tensor.Softsign"/>
    public Tensor Softsign() => Value.Softsign();

    /// <inheritdoc cref="Tensor.Split(int, int)"/>
    public Tensor[] Split(int size, int axis = 0) => Value.Split(size, axis);

    /// <inheritdoc cref="Tensor.Split(ReadOnlySpan{int}, int)"/>
    public Tensor[] Split(ReadOnlySpan<int> sizes, int axis = 0) => Value.Split(sizes, axis);

    /// <inheritdoc cref="Tensor.Sqrt"/>
    public Tensor Sqrt() => Value.Sqrt();

    /// <inheritdoc cref="Tensor.Square"/>
    public Tensor Square() => Value.Square();

    /// <inheritdoc cref="Tensor.Sum"/>
    public Tensor Sum(ReadOnlySpan<int> axes = default, bool keepDims = false) => Value.Sum(axes, keepDims);

    /// <inheritdoc cref="Tensor.SyncBatchNorm"/>
    public Tensor SyncBatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        ReadOnlySpan<int> parts = default) =>
        Value.SyncBatchNorm(gamma, beta, running, eps, training, parts);

    /// <inheritdoc cref="Tensor.Tanh"/>
    public Tensor Tanh() => Value.Tanh();

    /// <inheritdoc cref="Tensor.ToArray{T}"/>
    public T[] ToArray<T>() where T : unmanaged => Value.ToArray<T>();

    /// <inheritdoc cref="Tensor.Transpose"/>
    public Tensor Transpose(int axis0, int axis1) => Value.Transpose(axis0, axis1);

    /// <inheritdoc cref="Tensor.Upsample"/>
    public Tensor Upsample(
        Size2? size = null, Scale2? scaleFactor = null, UpsampleMode mode = UpsampleMode.Nearest,
        bool alignCorners = false) =>
        Value.Upsample(size, scaleFactor, mode, alignCorners);

    /// <inheritdoc cref="Tensor.Variance"/>
    public Tensor Variance(ReadOnlySpan<int> axes = default, bool keepDims = false, int correction = 1) =>
        Value.Variance(axes, keepDims, correction);

    /// <inheritdoc cref="Tensor.ZeroPad2d(int)"/>
    public Tensor ZeroPad2d(int padding) => Value.ZeroPad2d(padding);

    /// <inheritdoc cref="Tensor.ZeroPad2d(int, int, int, int)"/>
    public Tensor ZeroPad2d(int left, int right, int top, int bottom) => Value.ZeroPad2d(left, right, top, bottom);
}
