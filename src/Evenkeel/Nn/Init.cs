using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>The function that follows a layer: it decides the gain of Xavier's and Kaiming's start values.</summary>
public enum Nonlinearity
{
    /// <summary>None: gain 1.</summary>
    Linear,

    /// <summary>Logistic sigmoid: gain 1.</summary>
    Sigmoid,

    /// <summary>Hyperbolic tangent: gain 5/3.</summary>
    Tanh,

    /// <summary>max(x, 0): gain √2.</summary>
    ReLU,

    /// <summary>max(x, slope·x): gain √(2 / (1 + slope²)).</summary>
    LeakyReLU,

    /// <summary>Scaled exponential linear unit: gain 3/4.</summary>
    SELU,
}

/// <summary>
/// How start values are drawn: a value to give to <see cref="Module.Initialize(Init, ulong)"/>, or to use on a tensor
/// with a random stream of one's own. Every member that is not a number gives an Init; tensors of ones and zeros are
/// <see cref="Tensor.Ones"/> and <see cref="Tensor.Zeros"/>.
/// </summary>
/// <remarks>
/// Symbols: a weight has shape (out, in, k...); fan_in = in·Πk, fan_out = out·Πk; U(±b) is uniform in [-b, b), N(0, s²)
/// normal. Numbers are drawn row by row; Philox and NumPy's stream draw them in double and round, so that a model has
/// the same start values in both element types. With a <see cref="TorchGenerator"/> they are those that PyTorch draws
/// from the same seed in the same order: uniform ones to the last bit, normal ones as that class says. As in PyTorch, a
/// variance of 1/fan_in keeps the scale of a linear layer's output; ReLU halves it, hence the gain √2. PyTorch's
/// default, U(±1/√fan_in), has the variance 1/(3·fan_in): through ReLU layers the scale falls by √(1/6) = 0.408 per
/// layer. Sources: Glorot and Bengio 2010; He et al. 2015; torch.nn.init.
/// </remarks>
public sealed class Init
{
    private enum Kind
    {
        Default,
        Constant,
        Normal,
        Uniform,
        XavierUniform,
        XavierNormal,
        KaimingUniform,
        KaimingNormal,
    }

    /// <summary>
    /// PyTorch draws its default by kaiming_uniform with a = √5: the gain of LeakyReLU with that slope, √(1/3) but for
    /// rounding.
    /// </summary>
    private static readonly double s_defaultGain = Gain(Nonlinearity.LeakyReLU, Math.Sqrt(5));

    private readonly Kind _kind;
    private readonly double _a;
    private readonly double _b;
    private readonly double _gain;
    private readonly bool _fanOut;

    private Init(Kind kind, double a = 0, double b = 0, double gain = 1, bool fanOut = false) =>
        (_kind, _a, _b, _gain, _fanOut) = (kind, a, b, gain, fanOut);

    /// <summary>PyTorch's default of <c>Linear</c> and <c>Conv</c>: weights and biases from U(±1/√fan_in).</summary>
    public static Init Default { get; } = new(Kind.Default);

    /// <summary>U(±g·√(6 / (fan_in + fan_out))), g = 1 unless <see cref="For"/> says otherwise.</summary>
    public static Init XavierUniform { get; } = new(Kind.XavierUniform);

    /// <summary>N(0, g²·2 / (fan_in + fan_out)), g = 1 unless <see cref="For"/> says otherwise.</summary>
    public static Init XavierNormal { get; } = new(Kind.XavierNormal);

    /// <summary>U(±g·√(3 / fan_in)), g = √2 (ReLU) unless <see cref="For"/> says otherwise.</summary>
    public static Init KaimingUniform { get; } = new(Kind.KaimingUniform, gain: Math.Sqrt(2));

    /// <summary>N(0, g² / fan_in), g = √2 (ReLU) unless <see cref="For"/> says otherwise.</summary>
    public static Init KaimingNormal { get; } = new(Kind.KaimingNormal, gain: Math.Sqrt(2));

    /// <summary>Every element is <paramref name="value"/>; nothing is drawn.</summary>
    public static Init Constant(double value) => new(Kind.Constant, value);

    /// <summary>N(mean, std²).</summary>
    /// <param name="std">The standard deviation, 0 or more. Default: 1.</param>
    /// <param name="mean">The mean. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="std"/> is negative or NaN.</exception>
    public static Init Normal(double std = 1, double mean = 0) => std >= 0
        ? new(Kind.Normal, mean, std)
        : throw new ArgumentOutOfRangeException(
            nameof(std), $"Init.Normal: expected a standard deviation of 0 or more, got {std}.");

    /// <summary>Uniform in [low, high).</summary>
    /// <param name="low">The lower bound, which can be drawn.</param>
    /// <param name="high">The upper bound, at least <paramref name="low"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The interval is empty or not finite.</exception>
    public static Init Uniform(double low, double high) => double.IsFinite(high - low) && low <= high
        ? new(Kind.Uniform, low, high)
        : throw new ArgumentOutOfRangeException(
            nameof(high), $"Init.Uniform: expected finite bounds, low <= high, got [{low}, {high}).");

    /// <summary>The gain of a nonlinearity, equal to <c>torch.nn.init.calculate_gain</c>.</summary>
    /// <param name="nonlinearity">The function after the layer.</param>
    /// <param name="negativeSlope">The slope of LeakyReLU for x &lt; 0.</param>
    public static double Gain(Nonlinearity nonlinearity, double negativeSlope = 0.01) => nonlinearity switch
    {
        Nonlinearity.Tanh => 5.0 / 3.0,
        Nonlinearity.ReLU => Math.Sqrt(2),
        Nonlinearity.LeakyReLU => Math.Sqrt(2 / (1 + negativeSlope * negativeSlope)),
        Nonlinearity.SELU => 0.75,
        _ => 1,
    };

    /// <summary>Xavier's or Kaiming's values with the gain of another nonlinearity.</summary>
    /// <param name="nonlinearity">What follows the layer.</param>
    /// <param name="negativeSlope">The slope of a leaky ReLU below 0; others have none. Default: 0.01.</param>
    /// <exception cref="InvalidOperationException">This kind of start values has no gain.</exception>
    public Init For(Nonlinearity nonlinearity, double negativeSlope = 0.01) =>
        WithGain(Gain(nonlinearity, negativeSlope));

    /// <summary>Xavier's or Kaiming's values with a gain g of one's own.</summary>
    /// <exception cref="InvalidOperationException">This kind of start values has no gain.</exception>
    public Init WithGain(double gain) => _kind >= Kind.XavierUniform
        ? new(_kind, _a, _b, gain, _fanOut)
        : throw new InvalidOperationException(
            $"{this}: expected Xavier's or Kaiming's values for a gain. Put the scale into its own argument.");

    /// <summary>
    /// Kaiming's values with fan_out instead of fan_in: they keep the scale of the gradients instead of that of the
    /// activations.
    /// </summary>
    /// <exception cref="InvalidOperationException">These are not Kaiming's values.</exception>
    public Init WithFanOut() => _kind >= Kind.KaimingUniform
        ? new(_kind, _a, _b, _gain, fanOut: true)
        : throw new InvalidOperationException($"{this}: expected Kaiming's values for fan_out.");

    /// <summary>fan_in and fan_out of a weight of shape (out, in, k...).</summary>
    /// <exception cref="ArgumentException">The shape has fewer than two dimensions.</exception>
    public static (int FanIn, int FanOut) Fans(Shape weight)
    {
        if (weight.Rank < 2)
        {
            throw new ArgumentException(
                $"Init: expected a weight of shape (out, in, ...) to take fan_in and fan_out from, got {weight}. "
                + $"Use Normal, Uniform or Constant for vectors.",
                nameof(weight));
        }

        int window = 1;
        for (int axis = 2; axis < weight.Rank; axis++) window *= weight[axis];
        return (weight[1] * window, weight[0] * window);
    }

    /// <summary>Draws all elements of a tensor, in row-major order.</summary>
    /// <param name="tensor">A floating-point tensor; for Default, Xavier and Kaiming of shape (out, in, ...).</param>
    /// <param name="random">The stream of the numbers. Constants draw none.</param>
    /// <exception cref="ArgumentException">The tensor is a vector where fans are needed, or holds integers.</exception>
    public void Fill(Tensor tensor, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(random);
        if (!tensor.DType.IsFloatingPoint())
        {
            throw new ArgumentException(
                $"{this}: expected a floating-point tensor, got {tensor.DType} of shape {tensor.Shape}.",
                nameof(tensor));
        }

        switch (_kind)
        {
            case Kind.Constant: tensor.Fill(_a); break;
            case Kind.Normal: FillNormal(tensor, random, _a, _b); break;
            case Kind.Uniform: FillUniform(tensor, random, _a, _b); break;
            case Kind.Default:
            case Kind.XavierUniform:
            case Kind.KaimingUniform: FillSymmetric(tensor, random, Math.Sqrt(3) * Std(tensor.Shape)); break;
            default: FillNormal(tensor, random, 0, Std(tensor.Shape)); break;
        }
    }

    /// <summary>
    /// The standard deviation of the drawn numbers for a weight of that shape, in PyTorch's order of operations, so
    /// that the last bit is PyTorch's too.
    /// </summary>
    internal double Std(Shape weight) => _kind switch
    {
        Kind.Constant => 0,
        Kind.Normal => _b,
        Kind.Uniform => (_b - _a) / Math.Sqrt(12),
        Kind.Default => s_defaultGain / Math.Sqrt(Math.Max(1, Fans(weight).FanIn)),
        Kind.XavierUniform or Kind.XavierNormal => _gain * Math.Sqrt(2.0 / FanSum(weight)),
        _ => _gain / Math.Sqrt(Fan(weight)),
    };

    /// <summary>Whether fan-in and fan-out are needed: a tensor of one dimension has none.</summary>
    internal bool NeedsFans => _kind is Kind.Default or >= Kind.XavierUniform;

    /// <summary>The mean of the drawn numbers.</summary>
    internal double Mean => _kind switch
    {
        Kind.Constant or Kind.Normal => _a,
        Kind.Uniform => (_a + _b) / 2,
        _ => 0,
    };

    /// <summary>
    /// The distribution of a weight of that shape, with numbers: <c>U(±0.0625)</c>, <c>N(0, 0.0884²)</c>.
    /// </summary>
    internal string Distribution(Shape weight) => _kind switch
    {
        Kind.Constant => Text(_a),
        Kind.Uniform => $"U({Text(_a)}, {Text(_b)})",
        Kind.Normal or Kind.XavierNormal or Kind.KaimingNormal => $"N({Text(Mean)}, {Text(Std(weight))}²)",
        _ => $"U(±{Text(Math.Sqrt(3) * Std(weight))})",
    };

    /// <summary>A new tensor of these start values.</summary>
    /// <inheritdoc cref="Fill"/>
    public Tensor Create(Shape shape, IRandomStream random, DType dtype = DType.Float32)
    {
        Tensor tensor = Tensor.Zeros(shape, dtype);
        Fill(tensor, random);
        return tensor;
    }

    /// <summary>
    /// The rule for the bias of a layer with a weight: 0, except with <see cref="Default"/>, which draws it from
    /// U(±1/√fan_in).
    /// </summary>
    internal void FillBias(Tensor bias, Shape weight, IRandomStream random)
    {
        if (_kind == Kind.Default) FillSymmetric(bias, random, 1 / Math.Sqrt(Math.Max(1, Fans(weight).FanIn)));
        else bias.Fill(0);
    }

    /// <summary>The name and settings, as written in code.</summary>
    public override string ToString() => _kind switch
    {
        Kind.Constant => $"Init.Constant({_a})",
        Kind.Normal => $"Init.Normal(std: {_b}, mean: {_a})",
        Kind.Uniform => $"Init.Uniform({_a}, {_b})",
        _ => $"Init.{_kind}",
    };

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private int Fan(Shape shape)
    {
        (int fanIn, int fanOut) = Fans(shape);
        return Math.Max(1, _fanOut ? fanOut : fanIn);
    }

    private static long FanSum(Shape shape)
    {
        (int fanIn, int fanOut) = Fans(shape);
        return Math.Max(1, (long)fanIn + fanOut);
    }

    private static void FillSymmetric(Tensor tensor, IRandomStream random, double bound) =>
        FillUniform(tensor, random, -bound, bound);

    private static void FillUniform(Tensor tensor, IRandomStream random, double low, double high)
    {
        if (tensor.DType == DType.Float32) random.FillUniform(tensor.AsSpan<float>(), low, high);
        else random.FillUniform(tensor.AsSpan<double>(), low, high);
    }

    private static void FillNormal(Tensor tensor, IRandomStream random, double mean, double std)
    {
        if (tensor.DType == DType.Float32) random.FillNormal(tensor.AsSpan<float>(), mean, std);
        else random.FillNormal(tensor.AsSpan<double>(), mean, std);
    }
}
