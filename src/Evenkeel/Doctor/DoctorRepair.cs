using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>Which repairs <see cref="Doctor.Fix"/> does.</summary>
public sealed record RepairOptions
{
    /// <summary>Whether running statistics become those of the samples. Default: true.</summary>
    public bool Recalibrate { get; init; } = true;

    /// <summary>Whether channels that are constant are removed. Default: true.</summary>
    public bool Prune { get; init; } = true;

    /// <summary>
    /// Whether norms become part of the layers next to them. The network is then for inference. Default: false.
    /// </summary>
    public bool Fold { get; init; }

    /// <summary>Whether biases before a batch norm, which takes them away again, are removed. Default: true.</summary>
    public bool RemoveBiases { get; init; } = true;
}

/// <summary>One repair.</summary>
/// <param name="Name"><c>recalibrate</c>, <c>prune</c>, <c>biases</c> or <c>fold</c>.</param>
/// <param name="IsDone">Whether it is in the new network; if not, <paramref name="Message"/> says why.</param>
/// <param name="Message">What was done, with the proof; or why it was left out.</param>
public sealed record RepairStep(string Name, bool IsDone, string Message);

/// <summary>What <see cref="Doctor.Fix"/> has done.</summary>
/// <param name="Model">The repaired network. The one that was given is as it was.</param>
/// <param name="Steps">The repairs, in their order.</param>
public sealed record DoctorRepair(Module Model, IReadOnlyList<RepairStep> Steps)
{
    /// <summary>A line per repair.</summary>
    public override string ToString() => string.Join('\n',
        Steps.Select(static step => $"{step.Name}: {(step.IsDone ? "" : "left out: ")}{step.Message}"));
}
