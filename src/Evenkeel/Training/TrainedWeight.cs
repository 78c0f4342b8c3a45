using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// The weights of a layer (<see cref="ParameterRole.Weight"/>) as the rules of a training see them. Of more than 1,024
/// values, 1,024 are looked at: 16 blocks of 64, evenly spaced.
/// </summary>
public sealed class TrainedWeight
{
    private const int MostValues = 1024, BlockValues = 64;

    /// <summary>How far from a right angle a gradient may be to weights whose scale does not count.</summary>
    private const double ScaleFreeCosine = 1e-3;

    private readonly double[] _before;
    private readonly double[] _after;

    private readonly double[] _silent;

    internal TrainedWeight(
        string name, string layer, Module module, Parameter parameter, Func<string, int, double[]> memory)
    {
        (Name, Layer, Module, Parameter) = (name, layer, module, parameter);
        int count = parameter.Count;
        _before = new double[Math.Min(count, MostValues)];
        _after = new double[_before.Length];
        // The outputs are the first dimension; those of a transposed convolution are not, and rows of an embedding are
        // no outputs.
        Outputs = module is Linear or ConvNd ? parameter.Shape[0] : 0;
        _silent = Outputs == 0 ? [] : memory($"silent.{name}", Outputs);
    }

    /// <summary>The key of the parameter, for example <c>conv1.weight</c>.</summary>
    public string Name { get; }

    /// <summary>The name of the layer, for example <c>conv1</c>.</summary>
    public string Layer { get; }

    /// <summary>The layer.</summary>
    public Module Module { get; }

    /// <summary>The parameter.</summary>
    public Parameter Parameter { get; }

    /// <summary>The outputs of a linear layer or a convolution; 0 for another layer.</summary>
    public int Outputs { get; }

    /// <summary>Whether the backward pass of this step has written a gradient.</summary>
    public bool HasGradient { get; internal set; }

    /// <summary>
    /// Whether the scale of the weights does not count, as before a norm: the gradient was at a right angle to them in
    /// the first three steps (Euler's theorem for functions that are constant along each ray).
    /// </summary>
    public bool IsScaleFree { get; internal set; }

    /// <summary>The root mean square of the weights before the step.</summary>
    public double Rms { get; private set; }

    /// <summary>The root mean square of the gradient, without a penalty.</summary>
    public double GradientRms { get; private set; }

    /// <summary>
    /// The angle in radians between the weights before and after the step: the chord on the unit sphere, which is less
    /// than 1 % short of the angle below 0.5.
    /// </summary>
    public double Turn { get; private set; }

    /// <summary>|Δw|/|w|: how long the step was, against the weights before it.</summary>
    public double Update { get; private set; }

    /// <summary>In how many looks in a row all gradients of an output were exactly zero.</summary>
    /// <param name="output">The output.</param>
    public int SilentLooks(int output) => (int)_silent[output];

    internal void TakeBefore()
    {
        Copy(Parameter.Value, _before);
        Rms = RootMeanSquare(_before);
    }

    internal void TakeGradient()
    {
        HasGradient = Parameter.Gradient is not null;
        GradientRms = 0;
        if (Parameter.Gradient is not { } gradient) return;
        Copy(gradient, _after);
        GradientRms = RootMeanSquare(_after);
    }

    internal void TakeAfter()
    {
        Copy(Parameter.Value, _after);
        double before = 0, after = 0, moved = 0;
        for (int i = 0; i < _after.Length; i++)
        {
            double difference = _after[i] - _before[i];
            before += _before[i] * _before[i];
            after += _after[i] * _after[i];
            moved += difference * difference;
        }

        double stretch = Math.Sqrt(after) - Math.Sqrt(before), product = Math.Sqrt(before) * Math.Sqrt(after);
        Update = before > 0 ? Math.Sqrt(moved / before) : 0;
        Turn = product > 0 ? Math.Sqrt(Math.Max(0, moved - (stretch * stretch)) / product) : 0;
    }

    /// <summary>
    /// Whether the gradient is at a right angle to the weights: to the filter of each output (batch norm behind it), or
    /// to all of them together (layer norm).
    /// </summary>
    internal bool IsGradientAcross()
    {
        if (Parameter.Gradient is not { } gradient) return false;
        return Parameter.DType == DType.Float64
            ? IsAcross<double>(Parameter.Value.AsSpan<double>(), gradient.AsSpan<double>())
            : IsAcross<float>(Parameter.Value.AsSpan<float>(), gradient.AsSpan<float>());
    }

    /// <summary>
    /// Counts for each output in how many looks in a row its gradients were all zero.
    /// </summary>
    internal void CountSilent()
    {
        if (Outputs == 0 || Parameter.Gradient is not { } gradient) return;
        int inputs = gradient.Count / Outputs;
        for (int output = 0; output < Outputs; output++)
        {
            bool isZero = gradient.DType == DType.Float64
                ? !gradient.AsSpan<double>().Slice(output * inputs, inputs).ContainsAnyExcept(0.0)
                : !gradient.AsSpan<float>().Slice(output * inputs, inputs).ContainsAnyExcept(0f);
            _silent[output] = isZero ? _silent[output] + 1 : 0;
        }
    }

    private bool IsAcross<T>(ReadOnlySpan<T> weights, ReadOnlySpan<T> gradients)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        int rows = Math.Max(1, Outputs), inputs = weights.Length / rows;
        double sum = 0, absolute = 0, most = 0;
        for (int row = 0; row < rows; row++)
        {
            double product = 0, ww = 0, gg = 0;
            for (int i = row * inputs; i < (row + 1) * inputs; i++)
            {
                double w = double.CreateTruncating(weights[i]), g = double.CreateTruncating(gradients[i]);
                product += w * g;
                ww += w * w;
                gg += g * g;
            }

            sum += product;
            absolute += Math.Abs(product);
            most += Math.Sqrt(ww) * Math.Sqrt(gg);
        }

        return most > 0 && (absolute <= ScaleFreeCosine * most || Math.Abs(sum) <= ScaleFreeCosine * absolute);
    }

    private static double RootMeanSquare(double[] values)
    {
        double squares = 0;
        foreach (double value in values) squares += value * value;
        return Math.Sqrt(squares / values.Length);
    }

    private static void Copy(Tensor tensor, double[] into)
    {
        if (tensor.DType == DType.Float64) Copy<double>(tensor.AsSpan<double>(), into);
        else Copy<float>(tensor.AsSpan<float>(), into);
    }

    private static void Copy<T>(ReadOnlySpan<T> values, double[] into)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        if (values.Length == into.Length)
        {
            for (int i = 0; i < into.Length; i++) into[i] = double.CreateTruncating(values[i]);
            return;
        }

        const int Blocks = MostValues / BlockValues;
        for (int block = 0; block < Blocks; block++)
        {
            int from = (int)((long)(values.Length - BlockValues) * block / (Blocks - 1));
            ReadOnlySpan<T> source = values.Slice(from, BlockValues);
            Span<double> target = into.AsSpan(block * BlockValues, BlockValues);
            for (int i = 0; i < target.Length; i++) target[i] = double.CreateTruncating(source[i]);
        }
    }
}
