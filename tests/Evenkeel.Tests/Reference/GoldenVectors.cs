using System.Text.Json;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Reference;

/// <summary>
/// The golden vectors of one family, by the names of their cases. tests/Evenkeel.Interop.Tests and
/// tests/golden/generate_schedules.py write the files from PyTorch: FAMILY.json has the cases, FAMILY.npy has their
/// numbers in Float64, one case after another.
/// </summary>
internal sealed class GoldenVectors
{
    /// <summary>Rounding of some ten updates or a short formula in Float64.</summary>
    private const double Float64Tolerance = 1e-12;

    /// <summary>The same in Float32, against PyTorch in Float64.</summary>
    private const double Float32Tolerance = 2e-6;

    private readonly Dictionary<string, double[]> _vectors = new(StringComparer.Ordinal);
    private readonly string _family;

    /// <summary>Reads the files of a family from the resources.</summary>
    public GoldenVectors(string family)
    {
        _family = family;
        using var document = JsonDocument.Parse(GoldenFiles.Open(family + ".json"));
        double[] numbers = Npy.Read(GoldenFiles.Open(family + ".npy"), family).ToArray<double>();
        foreach (JsonElement one in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            int at = one.GetProperty("at").GetInt32(), count = one.GetProperty("count").GetInt32();
            _vectors.Add(one.GetProperty("name").GetString()!, numbers[at..(at + count)]);
        }
    }

    public IReadOnlyCollection<string> Names => _vectors.Keys;

    /// <summary>
    /// Demands that each number is PyTorch's within the tolerance of the type, times the number where it is above 1.
    /// </summary>
    public void Compare(string name, DType dtype, double[] actual)
    {
        double[] expected = _vectors[name];
        double tolerance = dtype == DType.Float64 ? Float64Tolerance : Float32Tolerance;
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(actual[i] - expected[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])),
                $"{_family}, {name}, {dtype} [{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
