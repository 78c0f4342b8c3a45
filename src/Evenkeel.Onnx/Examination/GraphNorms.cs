using Evenkeel.Examination;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx.Examining;

/// <summary>The norms of a graph.</summary>
internal static class GraphNorms
{
    /// <summary>Whether a node is a norm with weights.</summary>
    public static bool IsNorm(Node node) => OnnxModel.IsOnnx(node.Proto.Domain) && FamilyOf(node) is not null;

    /// <summary>Why a norm computes with the batch's statistics; null if it does not.</summary>
    public static string? TrainingMode(Node node)
    {
        if (node.Op != "BatchNormalization") return null;
        if (node.Int("training_mode", 0) != 0) return "training_mode = 1";
        if (node.Opset < 7 && node.Int("is_test", 0) == 0) return "is_test = 0";
        int outputs = node.Outputs.Count(static output => output.Length > 0);
        return outputs > 1 ? $"{outputs} outputs, which only training has" : null;
    }

    /// <summary>A norm without its neighbours.</summary>
    public static ExaminedNorm Read(Node node, string name, GraphConstants constants)
    {
        NormFamily family = FamilyOf(node)!.Value;
        var bad = new List<(string, long)>();
        double[]? gamma = Vector(1, "scale"), beta = Vector(2, "B");
        bool isBatch = family == NormFamily.Batch;
        double[]? mean = isBatch ? Vector(3, "mean") : null, variance = isBatch ? Vector(4, "var") : null;
        int channels = mean?.Length ?? variance?.Length ?? gamma?.Length ?? 0;
        double? keep = isBatch && node.HasAttribute("momentum") ? Safe(() => node.Float("momentum", 0.9)) : null;
        return new ExaminedNorm(name, node.Op, family, channels)
        {
            Gamma = gamma,
            Beta = beta,
            Mean = mean,
            Variance = variance,
            Eps = Safe(() => node.Float("epsilon", 1e-5)) ?? 1e-5,
            IsEpsKnown = true,
            StoredMomentum = keep,
            Momentum = 1 - (keep ?? 0.9),
            IsMomentumKnown = keep is not null,
            StoredType = constants.Floats(node.Has(isBatch ? 4 : 1) ? node.Inputs[isBatch ? 4 : 1] : "") is { } stored
                ? stored.Type.Element!.Name : "F32",
            Groups = node.Op == "GroupNormalization" ? (int)Math.Clamp(node.Int("num_groups", 1), 1, int.MaxValue) : 1,
            NotFinite = bad,
            Misfit = Misfit(),
        };

        double[]? Vector(int input, string part)
        {
            if (!node.Has(input)) return null;
            double[]? values = constants.Vector(node.Inputs[input]);
            if (NotFinite.Count(values) is > 0 and var count) bad.Add((part, count));
            return values;
        }

        string? Misfit()
        {
            foreach (string input in node.Inputs)
            {
                if (input.Length > 0 && constants.ProblemOf(input) is { } problem) return problem;
            }

            (string Name, double[]? Values)[] parts =
                [("scale", gamma), ("B", beta), ("mean", mean), ("var", variance)];
            // A norm of groups may have a scale per group, and one number may serve all channels.
            bool isFree = family is not NormFamily.Batch and not NormFamily.Instance;
            bool fits = isFree || parts.All(part => part.Values is null || part.Values.Length == channels
                || (part.Name is "scale" or "B" && part.Values.Length == 1));
            return fits ? null : "expected as many values as channels, got " + string.Join(", ", parts
                .Where(static part => part.Values is not null)
                .Select(static part => $"{part.Values!.Length} in {part.Name}"));
        }
    }

    private static double? Safe(Func<double> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static NormFamily? FamilyOf(Node node) => node.Op switch
    {
        "BatchNormalization" => NormFamily.Batch,
        "InstanceNormalization" => NormFamily.Instance,
        "GroupNormalization" => NormFamily.Group,
        "LayerNormalization" => NormFamily.Layer,
        "RMSNormalization" => NormFamily.Rms,
        _ => null,
    };
}
