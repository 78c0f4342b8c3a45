using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>Finds what is wrong with the normalization layers of a network.</summary>
public static partial class Doctor
{
    /// <summary>All built-in rules, by id.</summary>
    public static IReadOnlyList<DoctorRule> Rules { get; } = [.. FileRules.All];

    /// <summary>Checks the rules that need weights and statistics alone. Nothing is run or changed.</summary>
    /// <param name="network">The network.</param>
    /// <param name="subject">What the diagnosis calls it.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    public static Diagnosis Examine(ExaminedNetwork network, string subject, DoctorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        options ??= new DoctorOptions();
        var sinks = new List<FindingSink>();
        foreach (DoctorRule rule in Rules.Concat(options.Rules))
        {
            if (options.Disabled.Contains(rule.Id)) continue;
            var sink = new FindingSink(rule, options);
            sinks.Add(sink);
            if (rule is FileRule file) file.Check(network, sink);
        }

        return new Diagnosis(subject, network,
            [.. ByHarm(network, sinks.SelectMany(static sink => sink.Findings)
                .Where(finding => !options.Allowed.Contains((finding.Rule, finding.Layer))))],
            [.. sinks.SelectMany(static sink => sink.Unchecked)]);
    }

    /// <summary>
    /// Checks a file of tensors: safetensors (also several with an index), PyTorch, npz, npy or TorchSharp. ONNX files
    /// are those of the package Evenkeel.Onnx.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <inheritdoc cref="ExaminedNetwork.Read" path="/exception"/>
    public static Diagnosis Examine(string path, DoctorOptions? options = null) =>
        Examine(ExaminedNetwork.Read(path), path, options);

    /// <summary>Checks a network by its weights and statistics alone. It is not run or changed.</summary>
    /// <param name="model">The network.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    public static Diagnosis Examine(Module model, DoctorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Examine(ExaminedNetwork.Of(model), model.TypeName, options);
    }

    /// <summary>
    /// Findings with the most harmful first: by level, by how far the bound was passed, by the order of the layers, by
    /// the id of the rule.
    /// </summary>
    internal static IEnumerable<Finding> ByHarm(ExaminedNetwork network, IEnumerable<Finding> findings)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (ExaminedLayer layer in network.Layers) places.TryAdd(layer.Name, places.Count);
        return findings.OrderByDescending(static finding => finding.Level)
            .ThenByDescending(Distance)
            .ThenBy(finding => places.GetValueOrDefault(finding.Layer, -1))
            .ThenBy(static finding => finding.Rule, StringComparer.Ordinal);
    }

    /// <summary>How many times the bound was passed, in either direction; infinite for rules without a bound.</summary>
    private static double Distance(Finding finding)
    {
        double ratio = Math.Abs(finding.Measured / finding.Bound);
        return double.IsNaN(ratio) || ratio == 0 ? double.PositiveInfinity : Math.Max(ratio, 1 / ratio);
    }
}
