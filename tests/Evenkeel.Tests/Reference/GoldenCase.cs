namespace Evenkeel.Tests.Reference;

/// <summary>
/// One case of a golden file: a layer's settings and the passes it goes through; tests/golden/generate.py
/// says what the numbers mean.
/// </summary>
internal sealed record GoldenCase
{
    public required string Name { get; init; }

    public required string Layer { get; init; }

    public required uint Seed { get; init; }

    public required double? Eps { get; init; }

    public required bool Affine { get; init; }

    public required GoldenPass[] Passes { get; init; }

    /// <summary>Number of channels; 0 for norms over the trailing dimensions.</summary>
    public int Features { get; init; }

    public int Groups { get; init; }

    /// <summary>Samples of a virtual batch; 0 for none.</summary>
    public int Virtual { get; init; }

    /// <summary>The limits of r and d of a renormalization.</summary>
    public double[]? Limits { get; init; }

    /// <summary>The trailing dimensions that are normalized together.</summary>
    public int[]? Normalized { get; init; }

    public double? Momentum { get; init; }

    public bool Track { get; init; }

    /// <summary>Running statistics are drawn instead of being at their start values.</summary>
    public bool Given { get; init; }

    /// <summary>Inputs have all digits of a double: such a case exists in float64 only.</summary>
    public bool Wide { get; init; }

    /// <summary>The only element type of the case; null for both.</summary>
    public string? Types { get; init; }

    /// <summary>PyTorch's message, where it refuses.</summary>
    public string? Raises { get; init; }

    /// <summary>Why the library does something else on purpose.</summary>
    public string? Differs { get; init; }

    /// <summary>Where the case's numbers begin.</summary>
    public int At { get; init; }

    /// <summary>The names in PyTorch's state dict.</summary>
    public string[] Keys { get; init; } = [];

    public Shape ParameterShape => Normalized is null ? [Features] : new Shape(Normalized);

    public bool Has(DType type) =>
        Types is null || string.Equals(Types, type.ToString(), StringComparison.OrdinalIgnoreCase);
}

/// <summary>One pass of a <see cref="GoldenCase"/>: its mode and its input.</summary>
internal sealed record GoldenPass
{
    public required string Mode { get; init; }

    public required int[] Shape { get; init; }

    public required string Kind { get; init; }

    public required double Offset { get; init; }

    public required double Spread { get; init; }

    /// <summary>Element i is of class i / Inner % Count: its channel or row.</summary>
    public required int Inner { get; init; }

    public required int Count { get; init; }

    /// <summary>
    /// The input, from uniform numbers in [0, 1): the arithmetic of `draw` in generate.py, operation for operation.
    /// </summary>
    public double[] Input(double[] uniform)
    {
        ReadOnlySpan<double> spreads = [1.0, 0.1, 0.01, 0.001];
        double[] x = new double[uniform.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int k = i / Math.Max(1, Inner) % Math.Max(1, Count);
            double v = 2 * uniform[i] - 1;
            x[i] = Kind switch
            {
                "uniform" => Offset + Spread * v,
                "channels" => Offset * (k + 1.0) + Spread * spreads[k % 4] * v,
                "constant" => Offset * (k + 1.0),
                "half" => k % 2 == 0 ? Offset * (k + 1.0) : Offset + Spread * v,
                "outlier" => i == 0 ? 10000.0 : Offset + Spread * v,
                "integers" => Math.Floor(9 * uniform[i]) - 4 + Offset,
                _ => throw new InvalidDataException($"Golden case: expected a known kind of input, got {Kind}."),
            };
        }

        return x;
    }
}
