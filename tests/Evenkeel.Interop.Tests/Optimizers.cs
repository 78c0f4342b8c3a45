using Evenkeel.Tests.Optim;
using static TorchSharp.torch;
using Values = TorchSharp.torch.Tensor;
using Weights = TorchSharp.Modules.Parameter;

namespace Evenkeel.Interop.Tests;

/// <summary>PyTorch's side of <see cref="OptimizerCases"/>.</summary>
/// <remarks>
/// TorchSharp's optimizers are its own, on PyTorch's tensors. They are taken where they do what PyTorch 2.10 does. Its
/// NAdam (the product of momenta stays 0) and its RAdam (the learning rate counts twice) do not, and it lacks some
/// options. There PyTorch's formulas are written out over its tensors (<see cref="NAdam"/>, <see cref="RAdam"/>).
/// </remarks>
internal static class Optimizers
{
    /// <summary>Changes the weights along a gradient. The step counts from 1.</summary>
    private delegate void Update(Values gradient, double rate, int step);

    private static readonly Dictionary<string, (double Rate, Func<Weights, Update> Create)> s_cases =
        new(StringComparer.Ordinal)
        {
            ["sgd"] = (0.1, Of(static p => optim.SGD(p, 0.1))),
            ["sgd weight_decay"] = (0.1, Of(static p => optim.SGD(p, 0.1, weight_decay: 0.05))),
            ["sgd momentum"] = (0.1, Of(static p => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.05))),
            ["sgd dampening"] =
                (0.1, Of(static p => optim.SGD(p, 0.1, momentum: 0.8, dampening: 0.3, weight_decay: 0.05))),
            ["sgd maximize"] =
                (0.1, Maximize(Of(static p => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.05)))),
            ["sgd nesterov"] =
                (0.1, Of(static p => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.05, nesterov: true))),
            ["rmsprop"] = (0.01, Of(static p => optim.RMSProp(p, 0.01, weight_decay: 0.05))),
            ["rmsprop momentum"] =
                (0.01, Of(static p => optim.RMSProp(p, 0.01, alpha: 0.9, eps: 1e-6, momentum: 0.7))),
            ["rmsprop centered"] =
                (0.01, Of(static p => optim.RMSProp(p, 0.01, alpha: 0.9, eps: 1e-3, momentum: 0.7, centered: true))),
            ["rmsprop maximize"] = (0.01, Maximize(Of(static p => optim.RMSProp(p, 0.01, weight_decay: 0.05)))),
            ["adam"] = (0.02, Of(static p => optim.Adam(p, 0.02, beta2: 0.999))),
            ["adam weight_decay"] = (0.02, Of(static p => optim.Adam(p, 0.02, 0.8, 0.95, 1e-6, weight_decay: 0.05))),
            ["adam amsgrad"] =
                (0.02, Of(static p => optim.Adam(p, 0.02, 0.8, 0.95, weight_decay: 0.05, amsgrad: true))),
            ["adam maximize"] =
                (0.02, Of(static p => optim.Adam(p, 0.02, beta2: 0.999, weight_decay: 0.05, maximize: true))),
            ["adamw"] = (0.02, Of(static p => optim.AdamW(p, 0.02, beta2: 0.999, weight_decay: 0.01))),
            ["adamw weight_decay"] = (0.02, Of(static p => optim.AdamW(p, 0.02, beta2: 0.999, weight_decay: 0.3))),
            ["adamw amsgrad"] =
                (0.02, Of(static p => optim.AdamW(p, 0.02, 0.8, 0.95, weight_decay: 0.3, amsgrad: true))),
            ["adamw maximize"] =
                (0.02, Maximize(Of(static p => optim.AdamW(p, 0.02, beta2: 0.999, weight_decay: 0.01)))),
            ["nadam"] = (0.02, static w => NAdam(w)),
            ["nadam weight_decay"] = (0.02, static w => NAdam(w, 0.8, 0.95, 1e-6, decay: 0.05)),
            ["nadam momentum_decay"] = (0.02, static w => NAdam(w, momentumDecay: 0.3)),
            ["nadam decoupled"] = (0.02, static w => NAdam(w, decay: 0.3, isDecoupled: true)),
            ["nadam maximize"] = (0.02, Maximize(static w => NAdam(w, decay: 0.05))),
            ["radam"] = (0.02, static w => RAdam(w)),
            ["radam weight_decay"] = (0.02, static w => RAdam(w, 0.8, 0.95, 1e-6, decay: 0.05)),
            ["radam decoupled"] = (0.02, static w => RAdam(w, decay: 0.3, isDecoupled: true)),
            ["radam maximize"] = (0.02, Maximize(static w => RAdam(w, decay: 0.05))),
            ["adagrad"] = (0.1, Of(static p => optim.Adagrad(p, 0.1))),
            ["adagrad weight_decay"] = (0.1, Of(static p => optim.Adagrad(p, 0.1, weight_decay: 0.05, eps: 1e-6))),
            ["adagrad lr_decay"] = (0.1, Of(static p => optim.Adagrad(p, 0.1, lr_decay: 0.1))),
            ["adagrad initial_accumulator_value"] =
                (0.1, Of(static p => optim.Adagrad(p, 0.1, initial_accumulator_value: 0.5))),
            ["adagrad maximize"] = (0.1, Maximize(Of(static p => optim.Adagrad(p, 0.1, weight_decay: 0.05)))),
        };

    public static Family Family { get; } = Family.Of(
        "optimizers",
        s_cases.ToDictionary(
            static one => one.Key,
            static one => (Func<ScalarType, double[]>)(dtype => Run(one.Value.Rate, one.Value.Create, dtype))),
        OptimizerCases.All.Keys, OptimizerCases.Run);

    private static double[] Run(double rate, Func<Weights, Update> create, ScalarType dtype)
    {
        double[] start = [.. Enumerable.Range(0, OptimizerCases.Count).Select(OptimizerCases.Weight)];
        var weights = new Weights(tensor(start, dtype));
        Update update = create(weights);
        var result = new List<double>();
        for (int t = 0; t < OptimizerCases.Steps; t++)
        {
            if (t == OptimizerCases.Halved) rate *= 0.5;
            double[] gradient =
                [.. Enumerable.Range(0, OptimizerCases.Count).Select(i => OptimizerCases.Gradient(i, t))];
            update(tensor(gradient, dtype), rate, t + 1);
            if (t is 9 or OptimizerCases.Steps - 1) result.AddRange(weights.detach().to(float64).data<double>());
        }

        return [.. result];
    }

    /// <summary>An optimizer of TorchSharp.</summary>
    private static Func<Weights, Update> Of(Func<Weights[], optim.Optimizer> create) => weights =>
    {
        optim.Optimizer optimizer = create([weights]);
        return (gradient, rate, _) =>
        {
            foreach (optim.ILearningRateController group in optimizer.ParamGroups) group.LearningRate = rate;
            optimizer.zero_grad();
            (weights * gradient).sum().backward();
            optimizer.step();
        };
    };

    /// <summary>PyTorch's maximize: the same with the negative gradient.</summary>
    private static Func<Weights, Update> Maximize(Func<Weights, Update> create) => weights =>
    {
        Update update = create(weights);
        return (gradient, rate, step) => update(-gradient, rate, step);
    };

    /// <summary>torch/optim/nadam.py of PyTorch 2.10, with a product of momenta in double.</summary>
    private static Update NAdam(Weights weights, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
        double decay = 0, double momentumDecay = 4e-3, bool isDecoupled = false)
    {
        Values m = zeros_like(weights), v = zeros_like(weights);
        double product = 1;
        return (gradient, rate, step) =>
        {
            using IDisposable scope = no_grad();
            gradient = Decay(weights, gradient, rate, decay, isDecoupled);
            m.mul_(beta1).add_(gradient, alpha: 1 - beta1);
            v.mul_(beta2).addcmul_(gradient, gradient, value: 1 - beta2);
            double mu = beta1 * (1 - 0.5 * Math.Pow(0.96, step * momentumDecay)),
                next = beta1 * (1 - 0.5 * Math.Pow(0.96, (step + 1) * momentumDecay));
            product *= mu;
            Values root = v.div(1 - Math.Pow(beta2, step)).sqrt().add_(eps);
            weights.addcdiv_(gradient, root, value: -rate * (1 - mu) / (1 - product));
            weights.addcdiv_(m, root, value: -rate * next / (1 - product * next));
        };
    }

    /// <summary>torch/optim/radam.py of PyTorch 2.10.</summary>
    private static Update RAdam(Weights weights, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
        double decay = 0, bool isDecoupled = false)
    {
        Values m = zeros_like(weights), v = zeros_like(weights);
        double most = 2 / (1 - beta2) - 1;
        return (gradient, rate, step) =>
        {
            using IDisposable scope = no_grad();
            gradient = Decay(weights, gradient, rate, decay, isDecoupled);
            m.mul_(beta1).add_(gradient, alpha: 1 - beta1);
            v.mul_(beta2).addcmul_(gradient, gradient, value: 1 - beta2);
            double correction2 = 1 - Math.Pow(beta2, step),
                worth = most - 2 * step * Math.Pow(beta2, step) / correction2;
            Values update = m / (1 - Math.Pow(beta1, step)) * rate;
            if (worth > 5)
            {
                double rectified = (worth - 4) * (worth - 2) * most / ((most - 4) * (most - 2) * worth);
                update = update * (Math.Sqrt(correction2) / v.sqrt().add_(eps)) * Math.Sqrt(rectified);
            }

            weights.sub_(update);
        };
    }

    private static Values Decay(Weights weights, Values gradient, double rate, double decay, bool isDecoupled)
    {
        if (!isDecoupled) return gradient.add(weights, alpha: decay);
        weights.mul_(1 - rate * decay);
        return gradient;
    }
}
