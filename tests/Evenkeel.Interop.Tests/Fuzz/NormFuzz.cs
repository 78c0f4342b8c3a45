using System.Globalization;
using Evenkeel.Nn;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Norms: batch, layer, group, instance and RMS norm, local response norm, and lengths of 1.</summary>
internal static class NormFuzz
{
    public static FuzzCase Draw(Draw draw) => draw.Int(0, 9) switch
    {
        0 or 1 or 2 => Batch(draw),
        3 or 4 => Layer(draw),
        5 => Group(draw),
        6 => Instance(draw),
        7 => RootMeanSquare(draw),
        8 => Lp(draw),
        _ => LocalResponse(draw),
    };

    private static FuzzCase Batch(Draw draw)
    {
        int spatial = draw.Int(0, 3), channels = draw.Int(1, draw.Chance(0.2) ? 40 : 5);
        int[] shape = [draw.Size(5), channels, .. Planes(draw, spatial)];
        double eps = Eps(draw), momentum = draw.Pick(0.1, 0.0, 1.0, draw.Number(0, 1));
        bool isAffine = draw.Chance(0.7), isTraining = draw.Chance(0.7), tracks = draw.Chance(0.8),
            usesBatch = isTraining || !tracks;
        double[] means = draw.Numbers(channels),
            variances = [.. draw.Numbers(channels).Select(static v => (v * v) + 0.25)];
        int count = channels == 0 ? 0 : Sizes.Count(shape) / channels;
        var groups = new Groups(shape, i => Channel(shape, i), i => Channel(shape, i), channels, channels);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"BatchNorm{Math.Max(1, spatial)}d eps {eps:r} momentum {momentum:r} affine {isAffine} tracks {tracks} "
            + $"{(isTraining ? "training" : "evaluation")} input {Sizes.Text(shape)}"), shape, () =>
            {
                BatchNorm layer = spatial switch
                {
                    0 or 1 => new BatchNorm1d(channels, eps, momentum, isAffine, tracks),
                    2 => new BatchNorm2d(channels, eps, momentum, isAffine, tracks),
                    _ => new BatchNorm3d(channels, eps, momentum, isAffine, tracks),
                };
                if (layer.Running is not { } running) return layer;
                running.Mean.Value.CopyFrom(Tensor.From(means, [channels]).To(DType.Float32));
                running.Variance.Value.CopyFrom(Tensor.From(variances, [channels]).To(DType.Float32));
                return layer;
            }, (x, w) =>
            {
                // TorchSharp calls the function below this check of PyTorch's own layers.
                if (usesBatch && count == 1) throw new InvalidOperationException("one value per channel");
                Torch? mean = tracks ? torch.tensor(means, torch.float32).to(x.dtype) : null,
                    variance = tracks ? torch.tensor(variances, torch.float32).to(x.dtype) : null;
                Torch y = F.batch_norm(x, mean!, variance!, isAffine ? w[0] : null!, isAffine ? w[1] : null!, usesBatch,
                    momentum, eps);
                return tracks ? [y, mean!, variance!] : [y];
            })
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = isAffine ? Affine(draw, channels) : [],
            Mode = isTraining ? Mode.Train : Mode.Eval,
            Statistics = static layer => layer is BatchNorm { Running: { } running }
                ? [running.Mean.Value, running.Variance.Value] : [],
            Bound = n => groups.Terms(
                n, eps, usesBatch ? null : (means, variances), tracks ? (means, variances) : null),
        };
    }

    private static FuzzCase Layer(Draw draw)
    {
        int[] outer = new int[draw.Int(0, 2)], inner = new int[draw.Int(1, 3)];
        foreach (ref int size in outer.AsSpan()) size = draw.Size(6);
        foreach (ref int size in inner.AsSpan()) size = draw.Int(1, inner.Length == 1 ? 60 : 6);
        int[] shape = [.. outer, .. inner];
        if (draw.Chance(0.02)) shape[^1]++;
        double eps = Eps(draw);
        bool isAffine = draw.Chance(0.7);
        int length = Sizes.Count(inner);
        var groups = new Groups(shape, i => i / length, i => i % length, Sizes.Count(outer), length);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"LayerNorm {Sizes.Text(inner)} eps {eps:r} affine {isAffine} input {Sizes.Text(shape)}"), shape,
            () => new LayerNorm(new Shape(inner), eps, isAffine),
            (x, w) => F.layer_norm(
                x, Sizes.Long(inner), isAffine ? w[0] : null!, isAffine ? w[1] : null!, eps))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = isAffine ? Affine(draw, inner) : [],
            Bound = n => groups.Terms(n, eps, null, null),
        };
    }

    private static FuzzCase Group(Draw draw)
    {
        int parts = draw.Int(1, 5), channels = (parts * draw.Int(1, 4)) + (draw.Chance(0.02) ? 1 : 0);
        int[] shape = [draw.Size(3), channels, .. Planes(draw, draw.Int(0, 3))];
        double eps = Eps(draw);
        bool isAffine = draw.Chance(0.7);
        int length = Math.Max(1, Sizes.Count(shape.AsSpan(1)) / parts);
        var groups = new Groups(shape, i => i / length, i => Channel(shape, i), shape[0] * parts, channels);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"GroupNorm {parts} of {channels} eps {eps:r} affine {isAffine} input {Sizes.Text(shape)}"), shape,
            () => new GroupNorm(parts, channels, eps, isAffine), (x, w) => F.group_norm(
                x, parts, isAffine ? w[0] : null!, isAffine ? w[1] : null!, eps))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = isAffine ? Affine(draw, channels) : [],
            Excluded = (channels / parts * Sizes.Count(shape.AsSpan(2))) switch
            {
                1 => "cases of one value per group: the library refuses, PyTorch's output is beta",
                0 => "cases of no values per group: PyTorch's gradient of gamma is NaN, the library's 0",
                _ => null,
            },
            Bound = n => groups.Terms(n, eps, null, null),
        };
    }

    private static FuzzCase Instance(Draw draw)
    {
        int spatial = draw.Int(1, 3), channels = draw.Int(1, 5);
        int[] shape = [draw.Size(3), channels, .. Planes(draw, spatial)];
        double eps = Eps(draw);
        bool isAffine = draw.Chance(0.5);
        int length = Math.Max(1, Sizes.Count(shape.AsSpan(2)));
        var groups = new Groups(shape, i => i / length, i => Channel(shape, i), shape[0] * channels, channels);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"InstanceNorm{spatial}d eps {eps:r} affine {isAffine} input {Sizes.Text(shape)}"), shape,
            () => spatial switch
            {
                1 => new InstanceNorm1d(channels, eps, affine: isAffine),
                2 => new InstanceNorm2d(channels, eps, affine: isAffine),
                _ => new InstanceNorm3d(channels, eps, affine: isAffine),
            }, (x, w) => Sizes.Count(shape.AsSpan(2)) == 1
                ? throw new InvalidOperationException("one value per instance")
                : F.instance_norm(x, null!, null!, isAffine ? w[0] : null!, isAffine ? w[1] : null!, true, 0.1, eps))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = isAffine ? Affine(draw, channels) : [],
            Bound = n => groups.Terms(n, eps, null, null),
        };
    }

    /// <summary>TorchSharp has no RMS norm. dx = r·(g·w - x̂·mean(g·w·x̂)).</summary>
    private static FuzzCase RootMeanSquare(Draw draw)
    {
        int length = draw.Int(1, 60);
        int[] shape = [draw.Size(6), length];
        if (draw.Chance(0.3)) shape = [draw.Size(3), .. shape];
        double eps = Eps(draw);
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"RMSNorm {length} eps {eps:r} input {Sizes.Text(shape)}"), shape, () => new RMSNorm(length, eps),
            (x, w) => x * (x * x).mean([-1], keepdim: true).add(eps).rsqrt() * w[0])
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Weights = [Weight.Of(draw, "weight", length)],
            Bound = n =>
            {
                double[] y = new double[n.X.Length], dx = new double[n.X.Length], dw = new double[length];
                for (int row = 0; row < n.X.Length / length; row++)
                {
                    double squares = 0, mean = 0;
                    for (int i = 0; i < length; i++) squares += n.X[(row * length) + i] * n.X[(row * length) + i];
                    double r = 1 / Math.Sqrt((squares / length) + eps);
                    for (int i = 0; i < length; i++)
                    {
                        int at = (row * length) + i;
                        double unit = Math.Abs(n.X[at]) * r;
                        y[at] = unit * Math.Abs(n.Weights[0][i]);
                        dw[i] += unit * Math.Abs(n.Dy[at]);
                        mean += unit * Math.Abs(n.Weights[0][i] * n.Dy[at]) / length;
                    }

                    for (int i = 0; i < length; i++)
                    {
                        int at = (row * length) + i;
                        dx[at] = r * (Math.Abs(n.Weights[0][i] * n.Dy[at]) + (2 * Math.Abs(n.X[at]) * r * mean));
                    }
                }

                int rows = n.X.Length / length;
                return [new(y, length + 8), new(dx, (2 * length) + 16), new(dw, length + rows + 8)];
            },
        };
    }

    /// <summary>y = x/N with N = (Σ|x|^p)^(1/p); dx = (dy - sign(x)·|x/N|^(p-1)·Σ dy·x/N)/N.</summary>
    private static FuzzCase Lp(Draw draw)
    {
        int[] shape = new int[draw.Int(1, 3)];
        foreach (ref int size in shape.AsSpan()) size = draw.Size(9);
        int dim = draw.Int(-shape.Length, shape.Length - 1), axis = dim < 0 ? dim + shape.Length : dim;
        double p = draw.Pick(1, 2, 2, 3, 1.5, double.PositiveInfinity), eps = draw.Pick(1e-12, 1e-12, 0.3);
        int length = shape[axis], inner = Sizes.Count(shape.AsSpan(axis + 1));
        double[] values = draw.Numbers(Sizes.Count(shape));
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"LpNormalization p {p:r} dim {dim} eps {eps:r} input {Sizes.Text(shape)}"), shape,
            () => new LpNormalization(p, dim, eps), (x, _) => F.normalize(x, p, dim, eps))
        {
            Input = values,
            Excluded = double.IsInfinity(p) && HasTies(values, length, inner)
                ? "equal largest magnitudes of a length with p = infinity: PyTorch divides their gradient" : null,
            Bound = n =>
            {
                double[] y = new double[n.X.Length], dx = new double[n.X.Length];
                for (int row = 0; length > 0 && row < n.X.Length / length; row++)
                {
                    int first = (row / inner * length * inner) + (row % inner);
                    double norm = 0, all = 0;
                    for (int i = 0; i < length; i++)
                    {
                        double size = Math.Abs(n.X[first + (i * inner)]);
                        norm = double.IsInfinity(p) ? Math.Max(norm, size) : norm + Math.Pow(size, p);
                    }

                    norm = Math.Max(eps, double.IsInfinity(p) ? norm : Math.Pow(norm, 1 / p));
                    for (int i = 0; i < length; i++)
                    {
                        int at = first + (i * inner);
                        y[at] = Math.Abs(n.X[at]) / norm;
                        all += y[at] * Math.Abs(n.Dy[at]);
                    }

                    for (int i = 0; i < length; i++)
                    {
                        int at = first + (i * inner);
                        double bend = double.IsInfinity(p) ? (y[at] < 1 ? 0 : 1) : Math.Pow(y[at], p - 1);
                        dx[at] = (Math.Abs(n.Dy[at]) + (2 * bend * all)) / norm;
                    }
                }

                return [new(y, length + 16), new(dx, (2 * length) + 32)];
            },
        };
    }

    private static bool HasTies(double[] values, int length, int inner)
    {
        for (int row = 0; length > 0 && row < values.Length / length; row++)
        {
            int first = (row / inner * length * inner) + (row % inner);
            double[] sizes = [.. Enumerable.Range(0, length).Select(i => Math.Abs(values[first + (i * inner)]))];
            if (sizes.Count(size => size == sizes.Max()) > 1) return true;
        }

        return false;
    }

    /// <summary>
    /// y = x·D^-beta, D = k + alpha/size·Σ x²; dx = dy·D^-beta - 2·alpha·beta/size·x·Σ dy·x·D^(-beta - 1).
    /// </summary>
    private static FuzzCase LocalResponse(Draw draw)
    {
        int channels = draw.Int(1, 9), size = draw.Int(1, 7);
        int[] shape = [draw.Size(3), channels, .. Planes(draw, draw.Int(1, 3))];
        double alpha = draw.Pick(1e-4, 0.5, draw.Number(0, 2)), beta = draw.Pick(0.75, 0.5, draw.Number(0, 2)),
            k = draw.Pick(1, 2, draw.Number(0.1, 3));
        int inner = Sizes.Count(shape.AsSpan(2));
        return new FuzzCase(string.Create(CultureInfo.InvariantCulture,
            $"LocalResponseNorm {size} alpha {alpha:r} beta {beta:r} k {k:r} input {Sizes.Text(shape)}"), shape,
            () => new LocalResponseNorm(size, alpha, beta, k),
            (x, _) => F.local_response_norm(x, size, alpha, beta, k))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Bound = n =>
            {
                double[] y = new double[n.X.Length], dx = new double[n.X.Length], d = new double[n.X.Length];
                for (int i = 0; i < d.Length; i++)
                {
                    double squares = 0;
                    foreach (int j in Near(i, -(size / 2), (size - 1) / 2)) squares += n.X[j] * n.X[j];
                    d[i] = k + (alpha / size * squares);
                    y[i] = Math.Abs(n.X[i]) * Math.Pow(d[i], -beta);
                }

                for (int i = 0; i < d.Length; i++)
                {
                    double sum = 0;
                    foreach (int j in Near(i, -((size - 1) / 2), size / 2))
                        sum += Math.Abs(n.Dy[j]) * y[j] / d[j];
                    dx[i] = (Math.Abs(n.Dy[i]) * Math.Pow(d[i], -beta))
                        + (2 * alpha * beta / size * Math.Abs(n.X[i]) * sum);
                }

                // D is right to size + 4 roundings; its power multiplies them by beta + 1 at most.
                double count = ((size + 4) * (beta + 1)) + 16;
                return [new(y, count), new(dx, count + size)];

                IEnumerable<int> Near(int i, int low, int high)
                {
                    int channel = i / inner % channels;
                    for (int j = Math.Max(0, channel + low); j <= Math.Min(channels - 1, channel + high); j++)
                        yield return i + ((j - channel) * inner);
                }
            },
        };
    }

    private static int[] Planes(Draw draw, int spatial)
    {
        int[] sizes = new int[spatial];
        foreach (ref int size in sizes.AsSpan()) size = draw.Size(draw.Chance(0.1) ? 40 / spatial : 9 - (2 * spatial));
        return sizes;
    }

    private static int Channel(int[] shape, int i) => i / Sizes.Count(shape.AsSpan(2)) % shape[1];

    private static double Eps(Draw draw) => draw.Pick(1e-5, 1e-5, 1e-3, 0.1, 1e-8);

    private static Weight[] Affine(Draw draw, params int[] shape) =>
        [Weight.Of(draw, "weight", shape), Weight.Of(draw, "bias", shape)];
}
