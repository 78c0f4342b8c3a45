using Evenkeel.Tests.Optim;
using static TorchSharp.torch;
using Weights = TorchSharp.Modules.Parameter;

namespace Evenkeel.Interop.Tests;

/// <summary>PyTorch's side of <see cref="OptimizerCases"/>.</summary>
internal static class Optimizers
{
    private static readonly Dictionary<string, Func<Weights[], optim.Optimizer>> s_torchSharp =
        new(StringComparer.Ordinal)
        {
            ["sgd"] = static p => optim.SGD(p, 0.1),
            ["sgd weight_decay"] = static p => optim.SGD(p, 0.1, weight_decay: 0.05),
            ["sgd momentum"] = static p => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.05),
            ["sgd dampening"] = static p => optim.SGD(p, 0.1, momentum: 0.8, dampening: 0.3, weight_decay: 0.05),
            ["sgd nesterov"] = static p => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.05, nesterov: true),
            ["rmsprop"] = static p => optim.RMSProp(p, 0.01, weight_decay: 0.05),
            ["rmsprop momentum"] = static p => optim.RMSProp(p, 0.01, alpha: 0.9, eps: 1e-6, momentum: 0.7),
            ["rmsprop centered"] =
                static p => optim.RMSProp(p, 0.01, alpha: 0.9, eps: 1e-3, momentum: 0.7, centered: true),
            ["adam"] = static p => optim.Adam(p, 0.02, beta2: 0.999),
            ["adam weight_decay"] = static p => optim.Adam(p, 0.02, 0.8, 0.95, 1e-6, weight_decay: 0.05),
            ["adamw"] = static p => optim.AdamW(p, 0.02, beta2: 0.999, weight_decay: 0.01),
            ["adamw weight_decay"] = static p => optim.AdamW(p, 0.02, beta2: 0.999, weight_decay: 0.3),
        };

    public static Family Family { get; } = Family.Of(
        "optimizers",
        s_torchSharp.ToDictionary(
            static one => one.Key, static one => (Func<ScalarType, double[]>)(dtype => Run(one.Value, dtype))),
        OptimizerCases.All.Keys, OptimizerCases.Run);

    private static double[] Run(Func<Weights[], optim.Optimizer> create, ScalarType dtype)
    {
        double[] start = [.. Enumerable.Range(0, OptimizerCases.Count).Select(OptimizerCases.Weight)];
        var weights = new Weights(tensor(start, dtype));
        optim.Optimizer optimizer = create([weights]);
        var result = new List<double>();
        for (int t = 0; t < OptimizerCases.Steps; t++)
        {
            if (t == OptimizerCases.Halved)
            {
                foreach (optim.ILearningRateController group in optimizer.ParamGroups) group.LearningRate *= 0.5;
            }

            double[] gradient =
                [.. Enumerable.Range(0, OptimizerCases.Count).Select(i => OptimizerCases.Gradient(i, t))];
            optimizer.zero_grad();
            (weights * tensor(gradient, dtype)).sum().backward();
            optimizer.step();
            if (t is 9 or OptimizerCases.Steps - 1) result.AddRange(weights.detach().to(float64).data<double>());
        }

        return [.. result];
    }
}
