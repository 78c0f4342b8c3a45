using System.Globalization;
using System.Text;
using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>The start values of one weight.</summary>
/// <param name="Name">Dotted name of the layer.</param>
/// <param name="Type">Type of the layer.</param>
/// <param name="Shape">Shape of the weight.</param>
/// <param name="FanIn">Number of inputs of one output.</param>
/// <param name="FanOut">Number of outputs of one input.</param>
/// <param name="Distribution">The distribution from which the scheme draws: <c>U(±0.0625)</c>.</param>
/// <param name="ExpectedVariance">Variance of that distribution.</param>
/// <param name="MeasuredVariance">Variance of the actual values about their mean.</param>
/// <param name="Through">
/// What follows the weight: the name of an activation, or <c>normalization</c>, or <c>nothing</c>.
/// </param>
/// <param name="Gain">
/// The expected factor of the signal's root mean square through this layer: √(fan_in·E[w²]·s), with s = 1 without an
/// activation and s = ½(1 + slope²) for ReLU and LeakyReLU. For tanh and sigmoid it is the factor of a small signal,
/// with s = 1 and s = 1/16. Null if a normalization layer sets the scale, or if the factor depends on the scale (GELU,
/// softmax).
/// </param>
public sealed record InitLayer(
    string Name, string Type, Shape Shape, int FanIn, int FanOut, string Distribution, double ExpectedVariance,
    double MeasuredVariance, string Through, double? Gain)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(InitLayer), PrintMembers);
}

/// <summary>
/// What the start values of a network are, and how they change a signal: one row per weight. <see cref="ToString"/> is
/// a table.
/// </summary>
public sealed class InitReport
{
    internal InitReport(IReadOnlyList<InitLayer> layers) => Layers = layers;

    /// <summary>The layers with weights, in the order of registration.</summary>
    public IReadOnlyList<InitLayer> Layers { get; }

    /// <summary>The table.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(
            3, "Layer", "Type", "Weight", "fan in", "fan out", "drawn from", "variance", "measured", "then", "gain");
        foreach (InitLayer layer in Layers)
        {
            grid.Add(
                layer.Name, layer.Type, layer.Shape.ToString(), layer.FanIn.ToString(CultureInfo.InvariantCulture),
                layer.FanOut.ToString(CultureInfo.InvariantCulture), layer.Distribution,
                TextGrid.Number(layer.ExpectedVariance), TextGrid.Number(layer.MeasuredVariance), layer.Through,
                layer.Gain is { } gain ? gain.ToString("0.000", CultureInfo.InvariantCulture) : "-");
        }

        var text = new StringBuilder();
        grid.AppendTo(text);
        return text.Append("Gain: expected factor of the root mean square of a signal through the layer and what "
            + "follows; 1 keeps its scale.\n")
            .ToString();
    }
}

/// <summary>Makes an <see cref="InitReport"/>.</summary>
public static class InitReporting
{
    /// <summary>Reports on the start values of every weight in a network.</summary>
    /// <param name="model">A network that has not been trained yet.</param>
    /// <param name="init">The scheme that drew them. Null means the layers' own default.</param>
    /// <param name="through">
    /// What follows each weight, for networks whose activations are not registered as modules (or not next to their
    /// weights). Null takes the module that follows in the order of registration.
    /// </param>
    public static InitReport InitReport(this Module model, Init? init = null, Nonlinearity? through = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        init ??= Init.Default;
        Module[] leaves = [.. model.NamedModules().Where(static entry => entry.Module.Children.Count == 0).Select(
            static entry => entry.Module)];
        var layers = new List<InitLayer>();
        foreach ((string name, Module module) in model.NamedModules())
        {
            foreach ((_, Parameter parameter) in module.OwnParameters)
            {
                // A weight of one dimension has no fan-in.
                if (parameter.Role != ParameterRole.Weight || parameter.Shape.Rank < 2) continue;
                (int fanIn, int fanOut) = Init.Fans(parameter.Shape);
                double std = init.Std(parameter.Shape);
                (string next, double? factor) = through is { } given
                    ? (given.ToString(), FactorOf(given))
                    : Next(leaves, Array.IndexOf(leaves, module));
                TensorStatistics values = TensorStatistics.Of(parameter.Value);
                layers.Add(new InitLayer(
                    name, module.TypeName, parameter.Shape, fanIn, fanOut, init.Distribution(parameter.Shape),
                    std * std, values.Count > 1 ? values.Std * values.Std * (values.Count - 1) / values.Count : 0, next,
                    factor is { } s ? Math.Sqrt(fanIn * (std * std + init.Mean * init.Mean) * s) : null));
            }
        }

        return new InitReport(layers);
    }

    /// <summary>What is between a weight and the next one: a normalization layer, an activation, or nothing.</summary>
    private static (string Name, double? Factor) Next(Module[] leaves, int weight)
    {
        for (int i = weight + 1; weight >= 0 && i < leaves.Length && !Inspection.HasWeight(leaves[i]); i++)
        {
            switch (leaves[i])
            {
                case var norm when Inspection.SetsScale(norm): return ("normalization", null);
                case ReLU: return ("ReLU", FactorOf(Nonlinearity.ReLU));
                case LeakyReLU leaky: return ("LeakyReLU", 0.5 * (1 + leaky.NegativeSlope * leaky.NegativeSlope));
                case Tanh: return ("Tanh", FactorOf(Nonlinearity.Tanh));
                case Sigmoid: return ("Sigmoid", FactorOf(Nonlinearity.Sigmoid));
                case GELU or Softmax or LogSoftmax or ReLU6 or Hardtanh or Hardswish or Hardsigmoid or SiLU or ELU
                    or SELU or CELU or PReLU or Softplus or Softsign or Mish or GLU or LogSigmoid:
                    return (leaves[i].TypeName, null);
            }
        }

        return ("nothing", 1);
    }

    private static double FactorOf(Nonlinearity nonlinearity) => nonlinearity switch
    {
        Nonlinearity.ReLU => 0.5,
        Nonlinearity.LeakyReLU => 0.5 * (1 + 0.01 * 0.01),
        Nonlinearity.Sigmoid => 1.0 / 16,
        _ => 1,
    };
}
