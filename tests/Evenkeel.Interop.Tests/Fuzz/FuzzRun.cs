using System.Runtime.InteropServices;
using Evenkeel.Nn;
using TorchSharp;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>What came of a case.</summary>
/// <param name="Failure">What must not be; null if all is well.</param>
/// <param name="IsRefused">Whether both sides refused it.</param>
/// <param name="Distance">The largest distance, by the sum of the absolute terms.</param>
/// <param name="Share">The largest distance, by what is allowed.</param>
internal readonly record struct Outcome(string? Failure, bool IsRefused, double Distance, double Share);

/// <summary>Runs cases on both sides, one after another.</summary>
internal sealed class FuzzRun
{
    private readonly Tape _training = new(), _evaluation = new(Mode.Eval, recordGradients: true);

    /// <summary>Numbers that were not compared, by rule.</summary>
    public SortedDictionary<string, int> Skipped { get; } = new(StringComparer.Ordinal);

    /// <summary>Runs a case, forward and backward, and compares all results.</summary>
    public Outcome Compare(FuzzCase one, DType dtype, Draw draw)
    {
        (Results? ours, string? refusal) = Ours(one, dtype, draw, out double[] dy);
        Results theirs;
        try
        {
            theirs = Theirs(one, dtype, dy, static value => value);
        }
        catch (Exception e) when (e is ExternalException or ArgumentException or InvalidOperationException)
        {
            if (ours is null) return new Outcome(null, true, 0, 0);
            return Sizes.Count(one.Shape) == 0
                ? Skip("cases without values that PyTorch refuses and the library does not")
                : new Outcome($"only PyTorch refuses, the output is {Sizes.Text(ours.Shape)}: "
                    + e.Message.Split('\n')[0], false, 0, 0);
        }

        if (ours is null)
        {
            if (Sizes.Count(one.Shape) == 0)
                return Skip("cases without values that the library refuses and PyTorch does not");
            return new Outcome($"only the library refuses, PyTorch's output is {Sizes.Text(theirs.Shape)}: {refusal}",
                false, 0, 0);
        }

        return ours.Shape.SequenceEqual(theirs.Shape)
            ? Compare(one, dtype, dy, ours, theirs)
            : new Outcome($"the output is {Sizes.Text(ours.Shape)}, PyTorch's {Sizes.Text(theirs.Shape)}", false, 0, 0);
    }

    private Outcome Compare(FuzzCase one, DType dtype, double[] dy, Results ours, Results theirs)
    {
        Terms[] terms = Bounds(one, dy, theirs);
        double roundoff = dtype == DType.Float64 ? Math.Pow(2, -53) : Math.Pow(2, -24),
            smallest = dtype == DType.Float64 ? Math.Pow(2, -1022) : Math.Pow(2, -126), most = 0, share = 0;
        string? failure = null;
        for (int k = 0; k < theirs.Values.Count; k++)
        {
            double[] a = ours.Values[k], b = theirs.Values[k];
            if (a.Length != b.Length)
                return new Outcome($"{theirs.Names[k]} has {a.Length} values, PyTorch's {b.Length}", false, 0, 0);
            for (int i = 0; i < a.Length; i++)
            {
                if (a[i].Equals(b[i]) || a[i] == b[i]) continue;
                (double sum, double count) = (terms[k].Sums[i], terms[k].Counts[i]);
                double distance = Math.Abs(a[i] - b[i]),
                    bound = (2 * count * roundoff * sum) + (smallest * (terms[k].Floors?[i] ?? (2 * count)));
                if (distance <= bound)
                {
                    if (roundoff * sum > smallest) most = Math.Max(most, distance / sum);
                    share = Math.Max(share, distance / bound);
                    continue;
                }

                if (k < 2 && one.Input?.Length == a.Length && one.Skips?.Invoke(one.Input[i], k == 1) is { } rule)
                {
                    Skipped[rule] = Skipped.GetValueOrDefault(rule) + 1;
                    continue;
                }

                string at = k < 2 && one.Input?.Length == a.Length ? $" for x = {one.Input[i]:r}" : "";
                failure ??= $"{theirs.Names[k]}[{i}] is {a[i]:r}, PyTorch's {b[i]:r}{at}, allowed {bound:g3}";
            }
        }

        return new Outcome(failure, false, most, share);
    }

    private Outcome Skip(string rule)
    {
        Skipped[rule] = Skipped.GetValueOrDefault(rule) + 1;
        return default;
    }

    private (Results? Results, string? Refusal) Ours(FuzzCase one, DType dtype, Draw draw, out double[] dy)
    {
        dy = [];
        Tape tape = one.Mode == Mode.Train ? _training : _evaluation;
        tape.Reset();
        try
        {
            var shape = new Shape(one.Shape);
            Module layer = one.Layer();
            layer.To(dtype);
            Dictionary<string, Parameter> parameters =
                layer.NamedParameters().ToDictionary(static p => p.Name, static p => p.Parameter);
            foreach (Weight weight in one.Weights)
                parameters[weight.Name].CopyFrom(Tensor.From(weight.Values, new Shape(weight.Shape)).To(dtype));
            Tensor x = one.Positions is { } positions
                ? tape.Input(Tensor.From(positions, shape))
                : tape.Input(Tensor.From(one.Input!, shape).To(dtype), requiresGradient: true);
            Tensor y = layer.Forward(x);
            dy = draw.Numbers(y.Count);
            y.Backward(Tensor.From(dy, y.Shape).To(dtype));
            var results = new Results(y.Shape.ToArray());
            results.Add("y", Doubles(y));
            if (one.Positions is null) results.Add("dx", Doubles(x.Gradient));
            foreach (Weight weight in one.Weights)
                results.Add($"d{weight.Name}", Doubles(parameters[weight.Name].Gradient));
            foreach (Tensor statistic in one.Statistics(layer)) results.Add("statistics", Doubles(statistic));
            return (results, null);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return (null, e.Message);
        }
    }

    private static Results Theirs(FuzzCase one, DType dtype, double[] dy, Func<double, double> map)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.ScalarType type = dtype == DType.Float64 ? torch.float64 : torch.float32;
        Torch x = one.Positions is { } positions
            ? torch.tensor(positions).reshape(Sizes.Long(one.Shape))
            : Tensor(one.Input!, one.Shape, one.Chooses ? static value => value : map).requires_grad_();
        Torch[] weights =
            [.. one.Weights.Select(weight => Tensor(weight.Values, weight.Shape, map).requires_grad_())];
        Torch[] outputs = one.PyTorch(x, weights);
        Torch y = outputs[0];
        var results = new Results([.. y.shape.Select(static size => (int)size)]);
        // A library that refused knows no gradient; PyTorch may refuse in its backward pass too.
        int count = (int)y.numel();
        y.backward([Tensor(dy.Length == count ? dy : new double[count], results.Shape, map)]);
        results.Add("y", Doubles(y));
        if (one.Positions is null) results.Add("dx", Gradient(x));
        for (int i = 0; i < weights.Length; i++) results.Add($"d{one.Weights[i].Name}", Gradient(weights[i]));
        foreach (Torch statistic in outputs.Skip(1)) results.Add("statistics", Doubles(statistic));
        return results;

        Torch Tensor(double[] values, int[] shape, Func<double, double> change) =>
            torch.tensor(Array.ConvertAll(values, value => change(value)), type).reshape(Sizes.Long(shape));
    }

    private static Terms[] Bounds(FuzzCase one, double[] dy, Results theirs)
    {
        if (one.Bound is { } bound)
            return bound(new Numbers(one.Input!, [.. one.Weights.Select(static w => w.Values)], dy, theirs.Values[0]));
        Results sums = Theirs(one, DType.Float64, dy, Math.Abs),
            counts = Theirs(one, DType.Float64, dy, static _ => 1);
        var terms = new Terms[sums.Values.Count];
        for (int k = 0; k < terms.Length; k++)
        {
            // n products and n - 1 sums.
            double[] n = Array.ConvertAll(counts.Values[k], count => Math.Abs(count) + one.Roundings);
            terms[k] = new Terms(Array.ConvertAll(sums.Values[k], Math.Abs), n);
        }

        if (one.Chooses) terms[0] = new Terms(new double[terms[0].Sums.Length], 0);
        return terms;
    }

    private static double[] Doubles(Tensor? values) => values is null ? [] : values.To(DType.Float64).ToArray<double>();

    private static double[] Doubles(Torch values) => values.numel() == 0
        ? []
        : values.detach().to(torch.float64).contiguous().data<double>().ToArray();

    private static double[] Gradient(Torch values) =>
        values.grad is { } gradient ? Doubles(gradient) : new double[values.numel()];

    private sealed class Results(int[] shape)
    {
        public int[] Shape { get; } = shape;

        public List<string> Names { get; } = [];

        public List<double[]> Values { get; } = [];

        public void Add(string name, double[] values)
        {
            Names.Add(name);
            Values.Add(values);
        }
    }
}
