using Evenkeel.Optim;

namespace Evenkeel.Tests.Optim;

/// <summary>
/// The cases of the golden family "optimizers": each option of each optimizer, over the same weights and gradients.
/// tests/Evenkeel.Interop.Tests has PyTorch's side of each name.
/// </summary>
internal static class OptimizerCases
{
    /// <summary>Number of weights: two packs of Float64 and a rest.</summary>
    public const int Count = 19;

    /// <summary>Number of steps. The learning rate is halved before step <see cref="Halved"/>.</summary>
    public const int Steps = 50;

    /// <summary>The step, from 0 on, before which the learning rate is halved.</summary>
    public const int Halved = 30;

    public static readonly IReadOnlyDictionary<string, Func<IEnumerable<Parameter>, Optimizer>> All =
        new Dictionary<string, Func<IEnumerable<Parameter>, Optimizer>>(StringComparer.Ordinal)
        {
            ["sgd"] = static p => new SGD(p, 0.1),
            ["sgd weight_decay"] = static p => new SGD(p, 0.1, weightDecay: 0.05),
            ["sgd momentum"] = static p => new SGD(p, 0.1, momentum: 0.9, weightDecay: 0.05),
            ["sgd dampening"] = static p => new SGD(p, 0.1, momentum: 0.8, dampening: 0.3, weightDecay: 0.05),
            ["sgd maximize"] = static p => new SGD(p, 0.1, momentum: 0.9, weightDecay: 0.05) { Maximize = true },
            ["sgd nesterov"] = static p => new SGD(p, 0.1, momentum: 0.9, weightDecay: 0.05, nesterov: true),
            ["rmsprop"] = static p => new RMSprop(p, 0.01, weightDecay: 0.05),
            ["rmsprop momentum"] = static p => new RMSprop(p, 0.01, alpha: 0.9, eps: 1e-6, momentum: 0.7),
            ["rmsprop centered"] =
                static p => new RMSprop(p, 0.01, alpha: 0.9, eps: 1e-3, momentum: 0.7, centered: true),
            ["rmsprop maximize"] = static p => new RMSprop(p, 0.01, weightDecay: 0.05) { Maximize = true },
            ["adam"] = static p => new Adam(p, 0.02),
            ["adam weight_decay"] = static p => new Adam(p, 0.02, 0.8, 0.95, 1e-6, weightDecay: 0.05),
            ["adam amsgrad"] = static p => new Adam(p, 0.02, 0.8, 0.95, weightDecay: 0.05) { AmsGrad = true },
            ["adam maximize"] = static p => new Adam(p, 0.02, weightDecay: 0.05) { Maximize = true },
            ["adamw"] = static p => new AdamW(p, 0.02),
            ["adamw weight_decay"] = static p => new AdamW(p, 0.02, weightDecay: 0.3),
            ["adamw amsgrad"] = static p => new AdamW(p, 0.02, 0.8, 0.95, weightDecay: 0.3) { AmsGrad = true },
            ["adamw maximize"] = static p => new AdamW(p, 0.02) { Maximize = true },
            ["nadam"] = static p => new NAdam(p, 0.02),
            ["nadam weight_decay"] = static p => new NAdam(p, 0.02, 0.8, 0.95, 1e-6, weightDecay: 0.05),
            ["nadam momentum_decay"] = static p => new NAdam(p, 0.02) { MomentumDecay = 0.3 },
            ["nadam decoupled"] = static p => new NAdam(p, 0.02, weightDecay: 0.3) { DecoupledWeightDecay = true },
            ["nadam maximize"] = static p => new NAdam(p, 0.02, weightDecay: 0.05) { Maximize = true },
            ["radam"] = static p => new RAdam(p, 0.02),
            ["radam weight_decay"] = static p => new RAdam(p, 0.02, 0.8, 0.95, 1e-6, weightDecay: 0.05),
            ["radam decoupled"] = static p => new RAdam(p, 0.02, weightDecay: 0.3) { DecoupledWeightDecay = true },
            ["radam maximize"] = static p => new RAdam(p, 0.02, weightDecay: 0.05) { Maximize = true },
            ["adagrad"] = static p => new Adagrad(p, 0.1),
            ["adagrad weight_decay"] = static p => new Adagrad(p, 0.1, eps: 1e-6, weightDecay: 0.05),
            ["adagrad lr_decay"] = static p => new Adagrad(p, 0.1) { LearningRateDecay = 0.1 },
            ["adagrad initial_accumulator_value"] = static p => new Adagrad(p, 0.1) { InitialAccumulatorValue = 0.5 },
            ["adagrad maximize"] = static p => new Adagrad(p, 0.1, weightDecay: 0.05) { Maximize = true },
        };

    /// <summary>Weight i at the start. It is the same number in both element types.</summary>
    public static double Weight(int i) => ((i * 37 % 23) - 11) / 8.0;

    /// <summary>Gradient i of step t, from 0 on. It is the same number in both element types.</summary>
    public static double Gradient(int i, int t) => (((i * 29) + (t * 17)) % 31 - 15) / 16.0;

    /// <summary>The weights after ten steps, then those after all steps.</summary>
    public static double[] Run(string name, DType dtype)
    {
        double[] start = [.. Enumerable.Range(0, Count).Select(Weight)];
        var parameter = new Parameter(Tensor.From(start, [Count]).To(dtype));
        Optimizer optimizer = All[name]([parameter]);
        var result = new List<double>();
        for (int t = 0; t < Steps; t++)
        {
            if (t == Halved) optimizer.LearningRate *= 0.5;
            double[] gradient = [.. Enumerable.Range(0, Count).Select(i => Gradient(i, t))];
            Tensor loss = (new Tape().Watch(parameter) * Tensor.From(gradient, [Count]).To(dtype)).Sum();
            parameter.ZeroGrad();
            loss.Backward();
            optimizer.Step();
            if (t is 9 or Steps - 1) result.AddRange(parameter.Value.To(DType.Float64).ToArray<double>());
        }

        return [.. result];
    }
}
