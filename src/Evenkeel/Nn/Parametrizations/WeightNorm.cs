using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// w = g·v/‖v‖: a length g and a direction v for each slice along a dimension, or for the whole weight.
/// </summary>
internal sealed class WeightNorm : WeightParametrization
{
    private readonly int[] _axes;

    public WeightNorm(Parameter weight, int? dim)
    {
        Dim = dim;
        _axes = [.. Enumerable.Range(0, weight.Shape.Rank).Where(axis => axis != dim)];
        Tensor v = weight.Value.Detach();
        Length = Register("original0", LengthOf(v), ParameterRole.Weight);
        Direction = Register("original1", v, ParameterRole.Weight);
        Length.RequiresGradient = Direction.RequiresGradient = weight.RequiresGradient;
    }

    /// <summary>The dimension whose slices have a length each; null for one length.</summary>
    public int? Dim { get; }

    /// <summary>g, of the weight's rank, 1 in every dimension but <see cref="Dim"/>; a scalar without it.</summary>
    public Parameter Length { get; }

    /// <summary>v, of the weight's shape.</summary>
    public Parameter Direction { get; }

    /// <inheritdoc/>
    public override Parameter Raw => Direction;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Old, string New)> OlderKeys =>
        [("weight_g", $"{Place}.original0"), ("weight_v", $"{Place}.original1")];

    /// <inheritdoc/>
    public override Tensor Compute(Tape? tape) =>
        On(tape, Direction).Normalize(_axes, p: 2, eps: 0) * On(tape, Length);

    /// <summary>v is drawn, and g becomes its length.</summary>
    public override void SetStartValues(Init init, IRandomStream random)
    {
        init.Fill(Direction.Value, random);
        Length.Value.CopyFrom(LengthOf(Direction.Value.Detach()));
    }

    /// <inheritdoc/>
    public override string ToString() => $"WeightNorm(dim={(Dim is { } dim ? $"{dim}" : "None")})";

    private Tensor LengthOf(Tensor v) => v.Square().Sum(_axes, keepDims: Dim is not null).Sqrt();
}
