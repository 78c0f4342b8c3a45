using Evenkeel.Tests.Losses;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;
using Weights = TorchSharp.Modules.Parameter;

namespace Evenkeel.Interop.Tests;

/// <summary>PyTorch's side of <see cref="LossCases"/>.</summary>
internal static class Losses
{
    private static readonly Dictionary<string, Func<Torch, Torch, Torch>> s_torchSharp = new(StringComparer.Ordinal)
    {
        ["cross_entropy"] = static (x, t) => cross_entropy(x, t),
        ["cross_entropy weight"] = static (x, t) => cross_entropy(x, t, ClassWeights(x)),
        ["cross_entropy ignore_index"] = static (x, t) => cross_entropy(x, t, ignore_index: 2),
        ["cross_entropy label_smoothing"] = static (x, t) => cross_entropy(x, t, label_smoothing: 0.1),
        ["cross_entropy all"] = static (x, t) => cross_entropy(x, t, ClassWeights(x), label_smoothing: 0.3),
        ["cross_entropy images"] = static (x, t) => cross_entropy(x, t),
        ["cross_entropy images all"] = static (x, t) => cross_entropy(x, t, ClassWeights(x), label_smoothing: 0.3),
        ["cross_entropy probabilities"] = static (x, t) => cross_entropy(x, t),
        ["cross_entropy probabilities all"] =
            static (x, t) => cross_entropy(x, t, ClassWeights(x), label_smoothing: 0.3),
        ["cross_entropy probabilities images"] =
            static (x, t) => cross_entropy(x, t, ClassWeights(x), label_smoothing: 0.3),
        ["nll_loss"] = static (x, t) => nll_loss(log_softmax(x, 1), t),
        ["nll_loss all"] = static (x, t) => nll_loss(log_softmax(x, 1), t, ClassWeights(x)),
        // TorchSharp's nll_loss has no ignore_index; this is the same loss.
        ["nll_loss images"] = static (x, t) => cross_entropy(x, t, ClassWeights(x), ignore_index: 2),
        ["binary_cross_entropy"] = static (x, t) => binary_cross_entropy_with_logits(x, t),
        ["binary_cross_entropy weight"] = static (x, t) => binary_cross_entropy_with_logits(x, t, SampleWeights(x)),
        ["binary_cross_entropy pos_weight"] =
            static (x, t) => binary_cross_entropy_with_logits(x, t, pos_weights: ClassWeights(x)),
        ["binary_cross_entropy all"] =
            static (x, t) => binary_cross_entropy_with_logits(x, t, SampleWeights(x), pos_weights: ClassWeights(x)),
        ["mse_loss"] = static (x, t) => mse_loss(x, t),
        ["l1_loss"] = static (x, t) => l1_loss(x, t),
        ["huber_loss"] = static (x, t) => huber_loss(x, t),
        ["huber_loss delta"] = static (x, t) => huber_loss(x, t, delta: 0.3),
        ["smooth_l1_loss"] = static (x, t) => smooth_l1_loss(x, t),
        ["smooth_l1_loss beta"] = static (x, t) => smooth_l1_loss(x, t, beta: 0.3),
        ["smooth_l1_loss beta 0"] = static (x, t) => smooth_l1_loss(x, t, beta: 0),
        // The library does not divide by the number of classes.
        ["multi_margin_loss"] = static (x, t) => multi_margin_loss(x, t) * LossCases.Classes,
        // PyTorch has no loss of this name.
        ["hinge"] = static (x, t) => (1 - t * x).clamp(min: 0).mean(),
        ["mse_loss and l1_loss"] = static (x, t) => mse_loss(x, t) + (0.25 * l1_loss(x, t)),
    };

    public static Family Family { get; } = Family.Of(
        "losses",
        s_torchSharp.ToDictionary(static one => one.Key,
            static one => (Func<ScalarType, double[]>)(dtype => Run(LossCases.All[one.Key], one.Value, dtype))),
        LossCases.All.Keys, LossCases.Run);

    private static double[] Run(LossCase one, Func<Torch, Torch, Torch> loss, ScalarType dtype)
    {
        long[] shape = [.. one.Shape.Select(static size => (long)size)];
        int count = one.Shape.Aggregate(1, static (a, b) => a * b);
        Torch target = Target(one, shape, count, dtype);
        Torch x = Values(count, LossCases.Prediction, dtype, shape).requires_grad_();
        Torch value = loss(x, target);
        value.backward();
        List<double> result = [value.to(float64).item<double>(), .. Doubles(x.grad!)];

        int outputs = count / LossCases.Samples;
        var weights = new Weights(
            Values(LossCases.Features * outputs, LossCases.Weight, dtype, LossCases.Features, outputs));
        Torch features = Values(LossCases.Samples * LossCases.Features, LossCases.Feature, dtype,
            LossCases.Samples, LossCases.Features);
        optim.Optimizer optimizer = optim.SGD([weights], LossCases.LearningRate);
        for (int t = 0; t < LossCases.Steps; t++)
        {
            optimizer.zero_grad();
            value = loss(features.matmul(weights).reshape(shape), target);
            value.backward();
            optimizer.step();
            result.Add(value.to(float64).item<double>());
        }

        result.AddRange(Doubles(weights));
        return [.. result];
    }

    private static Torch Target(LossCase one, long[] shape, int count, ScalarType dtype)
    {
        if (one.Target is not (CaseTarget.Labels or CaseTarget.SomeIgnored))
            return Values(count, i => LossCases.Number(i, one.Target, one.Shape), dtype, shape);
        long[] labels = [.. Enumerable.Range(0, count / LossCases.Classes)
            .Select(i => LossCases.Label(i, one.Target == CaseTarget.SomeIgnored))];
        return tensor(labels).reshape([LossCases.Samples, .. shape[2..]]);
    }

    private static Torch Values(int count, Func<int, double> value, ScalarType dtype, params long[] shape) =>
        tensor(Enumerable.Range(0, count).Select(value).ToArray(), dtype).reshape(shape);

    private static double[] Doubles(Torch values) => values.detach().to(float64).contiguous().data<double>().ToArray();

    private static Torch ClassWeights(Torch x) =>
        Values(LossCases.Classes, LossCases.ClassWeight, x.dtype, LossCases.Classes);

    private static Torch SampleWeights(Torch x) =>
        Values(LossCases.Samples, LossCases.SampleWeight, x.dtype, LossCases.Samples, 1);
}
