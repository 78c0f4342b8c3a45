namespace Evenkeel.Examination;

/// <summary>EK120: a momentum or an eps of another library's convention.</summary>
internal sealed class OtherConvention : FileRule
{
    private const double KerasEps = 1e-3;

    public override string Id => "EK120";

    public override string Title => "other convention";

    public override double Bound => 0.5;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        ExaminedNorm[] batch = [.. network.Norms.Where(static norm => norm.Family == NormFamily.Batch)];
        ExaminedNorm[] swapped = [.. batch.Where(norm => norm.StoredMomentum < findings.Bound)];
        if (swapped.Length > 0)
        {
            double momentum = swapped[0].StoredMomentum!.Value;
            findings.Add(FindingLevel.Note, swapped.Length == 1 ? swapped[0].Name : "", [], momentum,
                $"{Ratios.Listed([.. swapped.Select(static norm => norm.Name)])}: the momentum is {momentum:G3}. "
                + "ONNX's is the weight of the old value, so PyTorch's 0.1 is written as 0.9; this looks like "
                + "PyTorch's number.",
                "Predictions do not use it. Before training on, set the momentum that is meant.");
        }

        string[] keras = [.. batch.Where(static norm => norm is { IsEpsKnown: false, Eps: KerasEps })
            .Select(static norm => norm.Name)];
        if (keras.Length == 0) return;
        findings.Add(FindingLevel.Note, keras.Length == 1 ? keras[0] : "", [], KerasEps, 1e-5,
            $"{Ratios.Listed(keras)}: the names are those of Keras, whose eps is 1e-3 and momentum 0.99. PyTorch's "
            + "layers with 1e-5 and 0.1 give other outputs with the same numbers.",
            "Load them into BatchNormalization(features, NormConvention.Keras), or pass eps: 1e-3, momentum: 0.01.");
    }
}
