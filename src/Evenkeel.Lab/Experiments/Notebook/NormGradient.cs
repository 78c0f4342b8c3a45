using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// In[5] and In[15]: the backward pass of a norm against numerical gradients, for the graph and for the closed form.
/// </summary>
internal abstract class NormGradient : Experiment
{
    private const double Allowed = 1e-8;

    public override string Description =>
        "x is 4 samples of 5 features, 5·randn + 12. dx, dgamma and dbeta of the graph of primitive operations and " +
        "of the closed form, against centred differences with h = 1e-5.";

    public override IReadOnlyList<string> Variants => ["graph", "closed-form"];

    public override DType? OnlyDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        var x = new Parameter(random.Randn([4, 5], DType.Float64, scale: 5, shift: 12));
        var gamma = new Parameter(random.Randn([5], DType.Float64));
        var beta = new Parameter(random.Randn([5], DType.Float64));
        Tensor dout = random.Randn([4, 5], DType.Float64);
        var tape = new Tape(Mode.Train);

        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        double worst = 0;
        foreach (string variant in Variants)
        {
            Backward(variant);
            (string Name, Parameter Parameter)[] operands = [("dx", x), ("dgamma", gamma), ("dbeta", beta)];
            double[][] computed = [.. operands.Select(operand => operand.Parameter.Gradient!.ToArray<double>())];
            foreach ((string name, Parameter parameter) in operands) hash.Add($"{variant}.{name}", parameter.Gradient!);
            var row = new List<object?> { variant };
            for (int i = 0; i < operands.Length; i++)
            {
                double[] numerical =
                    NotebookMath.NumericalGradient(() => Forward(variant), operands[i].Parameter.Value, dout);
                double error = NotebookMath.RelativeError(numerical, computed[i]);
                result.Figures[$"{variant}.{operands[i].Name}Error"] = error;
                if (!(error <= worst)) worst = error;
                row.Add(error);
            }

            rows.Add(row);
        }

        result.Tables.Add(new ResultTable("Relative error against centred differences",
            ["backward pass", "dx", "dgamma", "dbeta"], rows, [null, "0.00e+00", "0.00e+00", "0.00e+00"]));
        result.Checks.Add(Check.Judge($"{Lesson}.gradient", "Relative errors are at most 1e-8",
            "largest of dx, dgamma, dbeta of both backward passes <= 1e-8", $"largest {NotebookMath.Short(worst)}",
            worst <= Allowed));
        result.Figures["worstError"] = worst;
        result.WeightsHash = hash.Finish();
        return result;

        Tensor Forward(string variant)
        {
            tape.Reset();
            return Normalize(variant == "graph", tape.Watch(x), tape.Watch(gamma), tape.Watch(beta));
        }

        void Backward(string variant)
        {
            x.ZeroGrad();
            gamma.ZeroGrad();
            beta.ZeroGrad();
            Forward(variant).Backward(dout);
        }
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"relative error <= {NotebookMath.Short(figures["worstError"])}";

    /// <summary>
    /// The norm as a graph of primitive operations, or as the library's op with its closed-form backward pass.
    /// </summary>
    protected abstract Tensor Normalize(bool graph, Tensor x, Tensor gamma, Tensor beta);
}

/// <summary>In[5].</summary>
internal sealed class BatchNormGradient : NormGradient
{
    public override string Name => "batchnorm-gradient";

    public override string Title => "Batch norm's backward pass, checked numerically";

    public override string Lesson => "N6";

    protected override Tensor Normalize(bool graph, Tensor x, Tensor gamma, Tensor beta) =>
        graph ? GraphNorms.BatchNorm(x, gamma, beta) : x.BatchNorm(gamma, beta, running: null);
}

/// <summary>In[15].</summary>
internal sealed class LayerNormGradient : NormGradient
{
    public override string Name => "layernorm-gradient";

    public override string Title => "Layer norm's backward pass, checked numerically";

    public override string Lesson => "N15";

    protected override Tensor Normalize(bool graph, Tensor x, Tensor gamma, Tensor beta) =>
        graph ? GraphNorms.LayerNorm(x, [x.Shape[1]], gamma, beta) : x.LayerNorm([x.Shape[1]], gamma, beta);
}
