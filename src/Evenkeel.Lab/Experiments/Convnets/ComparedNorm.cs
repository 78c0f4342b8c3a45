using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>A norm under comparison.</summary>
/// <param name="Name">In figures.</param>
/// <param name="Label">In charts and tables.</param>
/// <param name="Kind">The norm.</param>
/// <param name="DependsOnBatch">Whether its statistics, in training, are taken over several samples.</param>
/// <param name="NeedsPlanes">Whether it leaves fully connected layers as they are: in a net of them it is no norm at
/// all.</param>
internal sealed record ComparedNorm(string Name, string Label, NormKind Kind, bool DependsOnBatch = false,
    bool NeedsPlanes = false)
{
    public const string None = "none";
    public const string Batch = "batchnorm";
    public const string Layer = "layernorm";
    public const string Group = "groupnorm";

    /// <summary>Groups that channels fall into at most; six channels make three.</summary>
    private const int Groups = 4;

    /// <summary>Every norm, in the order of tables and charts.</summary>
    public static IReadOnlyList<ComparedNorm> All { get; } =
    [
        new(None, "none", NormKind.None),
        new(Batch, "batch norm", NormKind.BatchNorm, DependsOnBatch: true),
        new(Layer, "layer norm", NormKind.LayerNorm),
        new(Group, "group norm", NormKind.GroupNorm(Groups)),
        new("instancenorm", "instance norm", NormKind.InstanceNorm, NeedsPlanes: true),
        new("rmsnorm", "RMS norm", NormKind.RMSNorm),
    ];

    /// <summary>Batch norm.</summary>
    public static ComparedNorm BatchNormed { get; } = All.Single(static norm => norm.Name == Batch);
}
