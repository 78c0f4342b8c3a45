using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// A weighted sum of losses of one prediction and one target: Σ weight·loss. For example
/// <c>new CombinedLoss((new MSELoss(), 1), (new L1Loss(), 0.1))</c>.
/// </summary>
public sealed class CombinedLoss : Loss
{
    private readonly (Loss Loss, double Weight)[] _parts;

    /// <summary>Makes the loss.</summary>
    /// <param name="parts">One loss or more, each with its finite weight.</param>
    /// <exception cref="ArgumentException">
    /// There is no part, a weight is not finite, or no target fits all parts.
    /// </exception>
    public CombinedLoss(params ReadOnlySpan<(Loss Loss, double Weight)> parts)
    {
        if (parts.IsEmpty)
        {
            throw new ArgumentException(
                "CombinedLoss: expected one loss or more, got none. Write (new MSELoss(), 1).", nameof(parts));
        }

        foreach ((Loss loss, double weight) in parts)
        {
            ArgumentNullException.ThrowIfNull(loss, nameof(parts));
            if (!double.IsFinite(weight))
            {
                throw new ArgumentException(
                    $"CombinedLoss: expected finite weights, got {weight} for {loss}.", nameof(parts));
            }

            Targets = Common(Targets, loss.Targets) ?? throw new ArgumentException($"CombinedLoss: expected losses "
                + $"that take the same targets, got {Targets} before {loss}, which takes {loss.Targets}. Make one loss "
                + $"of both with Loss.Of.", nameof(parts));
        }

        _parts = parts.ToArray();
    }

    /// <summary>The losses and their weights.</summary>
    public IReadOnlyList<(Loss Loss, double Weight)> Parts => _parts;

    /// <summary>What all parts take.</summary>
    public override TargetKind Targets { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        Tensor? sum = null;
        foreach ((Loss loss, double weight) in _parts)
        {
            Tensor part = loss.Forward(prediction, target) * weight;
            sum = sum is null ? part : sum + part;
        }

        return sum!;
    }

    /// <summary>The metrics of all parts, each name once.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() =>
        [.. _parts.SelectMany(static part => part.Loss.DefaultMetrics())
            .DistinctBy(static metric => metric.Name, StringComparer.Ordinal)];

    /// <inheritdoc/>
    public override string ToString() =>
        $"CombinedLoss({string.Join(" + ", _parts.Select(static part => $"{part.Weight}·{part.Loss}"))})";

    /// <summary>What fits both; null if nothing does.</summary>
    private static TargetKind? Common(TargetKind a, TargetKind b) => (a, b) switch
    {
        (TargetKind.Any, _) => b,
        (_, TargetKind.Any) => a,
        (TargetKind.ClassLabelsOrNumbers, _) => b,
        (_, TargetKind.ClassLabelsOrNumbers) => a,
        _ => a == b ? a : null,
    };
}
