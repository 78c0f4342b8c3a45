namespace Evenkeel.Examination;

/// <summary>What the doctor looks at, and from which bounds on it speaks.</summary>
public sealed record DoctorOptions
{
    /// <summary>The ids of rules that are not checked, for example <c>EK114</c>. Default: none.</summary>
    public IReadOnlySet<string> Disabled { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Layers in which a rule says nothing: (id, name of the layer). Default: none.
    /// </summary>
    public IReadOnlySet<(string Rule, string Layer)> Allowed { get; init; } = new HashSet<(string, string)>();

    /// <summary>Bounds by the id of the rule, in place of <see cref="DoctorRule.Bound"/>. Default: none.</summary>
    public IReadOnlyDictionary<string, double> Bounds { get; init; } =
        new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Rules of your own, checked after the built-in ones. Default: none.</summary>
    public IReadOnlyList<DoctorRule> Rules { get; init; } = [];

    /// <summary>
    /// The samples in a batch of the training that is planned: for the rules on values per channel and on the last
    /// batch. Null if it is not known; those rules are then not checked. Default: null.
    /// </summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// The type in which the network is to be stored, Float16 by its name in safetensors (<c>F16</c>); null keeps the
    /// types of the file. Default: null.
    /// </summary>
    public string? TargetType { get; init; }

    /// <summary>The bound of a rule: the user's, or the rule's own.</summary>
    internal double BoundOf(DoctorRule rule) => Bounds.TryGetValue(rule.Id, out double bound) ? bound : rule.Bound;
}
