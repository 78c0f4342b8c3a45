using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// The notebook's <c>FullyConnectedNet</c>: {linear, norm, ReLU, dropout} x (L-1), linear. Weights are drawn layer by
/// layer, each as (in, out) in NumPy's order,
/// biases and betas are 0, gammas 1; batch norm follows the notebook's running average.
/// </summary>
internal sealed class FullyConnectedNet
{
    public const string BatchNorm = "batchnorm";
    public const string LayerNorm = "layernorm";
    public const string None = "none";

    private FullyConnectedNet(Sequential model, IReadOnlyList<(string Name, Parameter Parameter)> parameters) =>
        (Model, Parameters) = (model, parameters);

    /// <summary>The layers; <c>Sequential</c> fuses each norm with the ReLU behind it.</summary>
    public Sequential Model { get; }

    /// <summary>
    /// All parameters under the notebook's names, sorted as it prints them: W1, W2, b1, beta1, gamma1, ...
    /// </summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>
    /// Builds a net and draws its weights, <paramref name="weightScale"/>·randn; <paramref name="dropout"/> is the
    /// share that is dropped (the notebook names the share that is kept).
    /// </summary>
    public static FullyConnectedNet Create(
        NumPyRandomState random, int inputs, ReadOnlySpan<int> hidden, int classes, double weightScale,
            string normalization, DType dtype, double dropout = 0)
    {
        var model = new Sequential();
        var parameters = new List<(string Name, Parameter Parameter)>();
        int width = inputs;
        for (int layer = 0; layer <= hidden.Length; layer++)
        {
            int outputs = layer < hidden.Length ? hidden[layer] : classes;
            Add(new Linear(width, outputs), width, outputs, layer + 1);
            width = outputs;
            if (layer == hidden.Length) break;
            AddNorm(outputs, layer + 1);
            model.Add(new ReLU());
            if (dropout > 0) model.Add(new Dropout(dropout));
        }

        if (dtype != DType.Float32)
        {
            // The draws are doubles: in float64 they are taken whole, not rounded to float32 on the way.
            model.To(dtype);
        }

        foreach ((string name, Parameter parameter) in parameters)
        {
            if (name[0] == 'W') Draw(parameter, random, weightScale);
        }

        parameters.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new FullyConnectedNet(model, parameters);

        void Add(Linear linear, int from, int to, int number)
        {
            model.Add(linear);
            linear.Bias!.Value.Fill(0);
            parameters.Add(($"W{number}", linear.Weight));
            parameters.Add(($"b{number}", linear.Bias));
        }

        void AddNorm(int features, int number)
        {
            if (normalization == BatchNorm)
            {
                var norm = new BatchNorm1d(features, Cs231n.Average);
                model.Add(norm);
                parameters.Add(($"gamma{number}", norm.Weight!));
                parameters.Add(($"beta{number}", norm.Bias!));
            }
            else if (normalization == LayerNorm)
            {
                var norm = new LayerNorm(features);
                model.Add(norm);
                parameters.Add(($"gamma{number}", norm.Weight!));
                parameters.Add(($"beta{number}", norm.Bias!));
            }
        }
    }

    /// <summary>Takes the numbers a net's weights would take from the stream, without making the net.</summary>
    public static void Skip(NumPyRandomState random, int inputs, ReadOnlySpan<int> hidden, int classes)
    {
        int width = inputs, count = 0;
        foreach (int outputs in (ReadOnlySpan<int>)[.. hidden, classes])
        {
            count += width * outputs;
            width = outputs;
        }

        for (int i = 0; i < count; i++) random.NextNormal();
    }

    /// <summary>The notebook's W is (in, out), drawn row by row; ours is (out, in).</summary>
    private static void Draw(Parameter weight, NumPyRandomState random, double scale)
    {
        int outputs = weight.Shape[0], inputs = weight.Shape[1];
        for (int i = 0; i < inputs; i++)
        {
            for (int o = 0; o < outputs; o++)
            {
                double value = scale * random.NextNormal();
                if (weight.DType == DType.Float64) weight.Value.AsSpan<double>()[(o * inputs) + i] = value;
                else weight.Value.AsSpan<float>()[(o * inputs) + i] = (float)value;
            }
        }
    }
}
