using System.Text;
using System.Text.Json;
using Evenkeel.Serialization;
using TorchSharp;

namespace Evenkeel.Interop.Tests;

/// <summary>One vector of numbers, by PyTorch and by the library.</summary>
/// <param name="Name">The case, named the same in the family's golden file.</param>
/// <param name="PyTorch">PyTorch's numbers, computed in an element type.</param>
/// <param name="Ours">The library's numbers, computed in an element type.</param>
internal sealed record Comparison(
    string Name, Func<torch.ScalarType, double[]> PyTorch, Func<DType, double[]> Ours);

/// <summary>The cases of one golden file.</summary>
internal sealed record Family(string Name, IReadOnlyList<Comparison> Cases)
{
    /// <summary>
    /// A family with a case for each name of <paramref name="ours"/>. PyTorch's side must have the same names.
    /// </summary>
    public static Family Of(string name, IReadOnlyDictionary<string, Func<torch.ScalarType, double[]>> pytorch,
        IEnumerable<string> ours, Func<string, DType, double[]> run)
    {
        string[] names = [.. ours];
        string[] odd = [.. names.Except(pytorch.Keys), .. pytorch.Keys.Except(names)];
        return odd.Length == 0
            ? new Family(name, [.. names.Select(one => new Comparison(one, pytorch[one], dtype => run(one, dtype)))])
            : throw new InvalidOperationException(
                $"{name}: expected the same cases on both sides, got these on one only: {string.Join(", ", odd)}.");
    }

    /// <summary>
    /// Writes NAME.json and NAME.npy: PyTorch's Float64 numbers of all cases, one case after another. See
    /// tests/Evenkeel.Tests/Reference/GoldenVectors.cs.
    /// </summary>
    public void Write(string folder)
    {
        var numbers = new List<double>();
        var json = new StringBuilder("{\"pytorch\": \"2.10.0\", \"cases\": [\n");
        foreach (Comparison one in Cases)
        {
            double[] values = Run(one.PyTorch, torch.float64);
            json.Append(numbers.Count == 0 ? "" : ",\n").Append($"{{\"name\": {JsonSerializer.Serialize(one.Name)}, ")
                .Append($"\"at\": {numbers.Count}, \"count\": {values.Length}}}");
            numbers.AddRange(values);
        }

        json.Append("\n]}\n");
        File.WriteAllText(Path.Combine(folder, Name + ".json"), json.ToString());
        Npy.Write(Path.Combine(folder, Name + ".npy"), Tensor.From(numbers.ToArray(), [numbers.Count]));
    }

    /// <summary>
    /// Compares both sides in both element types. A number may differ by the tolerance, times the number if it is
    /// above 1.
    /// </summary>
    /// <returns>The cases that differ by more, and one line on all of them.</returns>
    public IEnumerable<(bool Fits, string Text)> Check()
    {
        foreach ((DType ours, torch.ScalarType theirs, double tolerance) in new[]
            { (DType.Float64, torch.float64, 1e-12), (DType.Float32, torch.float32, 2e-6) })
        {
            double largest = 0;
            int leftOut = 0;
            foreach (Comparison one in Cases)
            {
                double distance = Distance(one.Ours(ours), Run(one.PyTorch, theirs));
                if (!(distance <= tolerance) && ours == DType.Float32 && IsPyTorchAlone(one))
                {
                    leftOut++;
                    continue;
                }

                largest = Math.Max(largest, distance);
                if (!(distance <= tolerance))
                    yield return (false, $"{Name}, {one.Name}, {ours}: differs by {distance:g3}");
            }

            string left = leftOut == 0 ? ""
                : $", without {leftOut} in which PyTorch's Float32 is not its Float64 on this processor, and ours is";
            yield return (true, $"{Name}, {ours}: {Cases.Count - leftOut} cases, largest distance {largest:g3}{left}");
        }
    }

    private static double[] Run(Func<torch.ScalarType, double[]> pytorch, torch.ScalarType dtype)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return pytorch(dtype);
    }

    /// <summary>
    /// Whether our Float32 agrees with PyTorch's Float64, and PyTorch's Float32 does not: on some processors its
    /// convolutions in Float32 are wrong.
    /// </summary>
    private static bool IsPyTorchAlone(Comparison one)
    {
        const double Rounding = 2e-5;
        double[] exact = Run(one.PyTorch, torch.float64);
        return Distance(one.Ours(DType.Float32), exact) <= Rounding
            && !(Distance(Run(one.PyTorch, torch.float32), exact) <= Rounding);
    }

    /// <summary>The largest distance; NaN if one of the numbers is, which fits no tolerance.</summary>
    private static double Distance(double[] ours, double[] theirs) => ours.Length != theirs.Length
        ? double.PositiveInfinity
        : ours.Zip(theirs, static (a, b) => Math.Abs(a - b) / Math.Max(1, Math.Abs(b))).Aggregate(0.0, Math.Max);
}
