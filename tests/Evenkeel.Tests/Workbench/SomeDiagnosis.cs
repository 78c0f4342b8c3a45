using Evenkeel.Examination;

namespace Evenkeel.Tests.Workbench;

/// <summary>A diagnosis made by hand, with every kind of text and number that outputs must bear.</summary>
internal static class SomeDiagnosis
{
    public const string Evil = "<script>alert(1)</script>";

    /// <summary>An error, two warnings, a note of five layers; values that are not finite; names that are markup.
    /// </summary>
    public static Diagnosis Make()
    {
        var layers = new List<ExaminedLayer>();
        for (int i = 0; i < 6; i++)
        {
            var linear = new ExaminedLinear($"conv{i}", "convolution", [4, 3, 3, 3], 4) { FilterNorms = [1, 2, 0, 3] };
            layers.Add(linear);
            layers.Add(new ExaminedNorm(i == 0 ? Evil : $"bn{i}", "BatchNorm2d", NormFamily.Batch, 4)
            {
                Gamma = [1, 2, 0, -1],
                Beta = [0, 0, -9, 1],
                Mean = [0, double.NaN, 1, 2],
                Variance = [1, 2, 1e-9, double.PositiveInfinity],
                Batches = 100,
                Before = linear,
                Activation = FollowingActivation.ReLU,
            });
        }

        layers.Add(new ExaminedNorm("ln", "LayerNorm", NormFamily.Layer, 3) { Gamma = [1, 1, 1], Beta = [0, 0, 0] });
        var findings = new List<Finding>
        {
            new("EK101", FindingLevel.Error, Evil, [1], double.NaN, double.NaN, $"1 value of {Evil} is `NaN`.",
                "`evenkeel recalibrate a.onnx`"),
            new("EK107", FindingLevel.Warning, "conv1", [2], 0, 1e-3, "1 of 4 filters has collapsed.", "Prune it."),
            new("OWN1", FindingLevel.Warning, "", [], 2, 1, "A rule of the user.", ""),
        };
        findings.AddRange(Enumerable.Range(1, 5).Select(static i =>
            new Finding("EK124", FindingLevel.Note, $"bn{i}", [], 1, double.NaN, $"Layer {i} can go.", "Fold.")));
        return new Diagnosis("folder with space/net.onnx", new ExaminedNetwork("ONNX", layers)
        {
            Assumptions = ["eps is 1e-5: the file has none."],
            Remarks =
            [
                new GraphRemark(GraphRemarkKind.DecomposedNorm, "ln", "layer norm"),
                .. Enumerable.Range(1, 5).Select(static i =>
                    new GraphRemark(GraphRemarkKind.Unsupported, $"If \"{i}{Evil}\"", "its inner graph is not read")),
                new GraphRemark(GraphRemarkKind.Unsupported, "torn", "its axis is damaged"),
            ],
        }, findings, [.. Enumerable.Range(201, 14).Select(static id => new UncheckedRule($"EK{id}", "no data")),
            new UncheckedRule("EK105", "no counts"), new UncheckedRule("OWN2", "no counts")])
        {
            Drift = new Dictionary<string, IReadOnlyList<double>>(StringComparer.Ordinal) { ["bn1"] = [0, 0.5, -3, 1] },
        };
    }
}
