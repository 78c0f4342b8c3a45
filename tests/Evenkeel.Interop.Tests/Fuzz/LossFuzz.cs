using System.Globalization;
using Evenkeel.Losses;
using Evenkeel.Nn;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Losses, as layers of the prediction.</summary>
internal static class LossFuzz
{
    public static FuzzCase Draw(Draw draw) => draw.Chance(0.5) ? Difference(draw) : Classes(draw);

    private static FuzzCase Difference(Draw draw)
    {
        int[] shape = new int[draw.Int(1, 3)];
        foreach (ref int size in shape.AsSpan()) size = draw.Int(1, 9);
        double p = draw.Pick(1, 0.5, draw.Number(0.1, 4));
        int count = Sizes.Count(shape);
        double[] targets = draw.Numbers(count);
        string name = draw.Pick("MSE", "L1", "Huber", "SmoothL1", "BCEWithLogits");
        if (name == "BCEWithLogits")
            for (int i = 0; i < count; i++) targets[i] = draw.Chance(0.5) ? draw.Int(0, 1) : draw.Number(0, 1);
        Loss loss = name switch
        {
            "MSE" => new MSELoss(),
            "L1" => new L1Loss(),
            "Huber" => new HuberLoss(p),
            "SmoothL1" => new SmoothL1Loss(p),
            _ => new BCEWithLogitsLoss(),
        };
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture, $"{name} {p:r} input {Sizes.Text(shape)}"),
            shape, () => new LossLayer(x => loss.Forward(x, Tensor.From(targets, x.Shape).To(x.DType))), (x, _) =>
            {
                Torch t = torch.tensor(targets, x.dtype).reshape(x.shape);
                return name switch
                {
                    "MSE" => F.mse_loss(x, t),
                    "L1" => F.l1_loss(x, t),
                    "Huber" => F.huber_loss(x, t, p),
                    "SmoothL1" => F.smooth_l1_loss(x, t, beta: p),
                    _ => F.binary_cross_entropy_with_logits(x, t),
                };
            })
        {
            Input = draw.Numbers(count),
            Bound = n =>
            {
                double sum = 0;
                double[] dx = new double[count];
                for (int i = 0; i < count; i++)
                {
                    double d = Math.Abs(n.X[i]) + Math.Abs(targets[i]), x = Math.Abs(n.X[i]);
                    (double value, double slope) = name switch
                    {
                        "MSE" => (d * d, 2 * d),
                        "L1" => (d, 1),
                        "Huber" => (p * (d + p), p + d),
                        "SmoothL1" => (d + p, 1 + (d / p)),
                        // max(x, 0) - x·t + ln(1 + e^-|x|), and σ(x) - t.
                        _ => (2 * x + 1, 2),
                    };
                    sum += value / count;
                    dx[i] = slope * Math.Abs(n.Dy[0]) / count;
                }

                return [new([sum], count + 16), new(dx, 16)];
            },
        };
    }

    /// <summary>
    /// y = -Σ w·(log p of the label)/Σ w. A logarithm of p is x - m - ln Σ: its terms are at most 3·max|x| + ln C.
    /// </summary>
    private static FuzzCase Classes(Draw draw)
    {
        int classes = draw.Int(2, 9);
        int[] shape = [draw.Int(1, 8), classes];
        if (draw.Chance(0.3)) shape = [.. shape, draw.Int(1, 4)];
        bool isNLL = draw.Chance(0.3);
        double[]? weight = draw.Chance(0.4) ? [.. draw.Numbers(classes).Select(static w => Math.Abs(w) + 0.125)] : null;
        double smoothing = !isNLL && draw.Chance(0.4) ? draw.Number(0, 1) : 0;
        int[] places = [shape[0], .. shape[2..]];
        long[] labels = new long[Sizes.Count(places)];
        foreach (ref long label in labels.AsSpan())
            label = !isNLL && draw.Chance(0.1) ? -100 : draw.Int(0, classes - 1);
        if (draw.Chance(0.02)) labels[0] = classes;
        if (labels.All(static label => label < 0)) labels[0] = 0;
        Tensor? given = weight is null ? null : Tensor.From(weight, [classes]);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"{(isNLL ? "NLL" : "CrossEntropy")} weights {weight is not null} smoothing {smoothing:r} "
            + $"input {Sizes.Text(shape)}"), shape,
            () => new LossLayer(x => (isNLL ? (Loss)new NLLLoss(given?.To(x.DType))
                : new CrossEntropyLoss(given?.To(x.DType), labelSmoothing: smoothing))
                .Forward(x, Tensor.From(labels, new Shape(places)))), (x, _) =>
            {
                Torch t = torch.tensor(labels).reshape(Sizes.Long(places));
                Torch? w = weight is null ? null : torch.tensor(weight, x.dtype);
                return isNLL ? F.nll_loss(x, t, w!) : F.cross_entropy(x, t, w!, label_smoothing: smoothing);
            })
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Bound = n =>
            {
                double largest = n.X.Max(Math.Abs), heaviest = weight?.Max() ?? 1, lightest = weight?.Min() ?? 1,
                    mean = heaviest / lightest, each = (4 * largest) + Math.Log(classes) + 1;
                double[] dx = new double[n.X.Length];
                Array.Fill(dx, Math.Abs(n.Dy[0]) * mean * each);
                int count = labels.Length + (2 * classes) + 16;
                return [new([mean * each], count), new(dx, count)];
            },
        };
    }

    private sealed class LossLayer(Func<Tensor, Tensor> loss) : Module
    {
        protected override Tensor ForwardCore(Tensor x) => loss(x);
    }
}
