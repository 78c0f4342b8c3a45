namespace Evenkeel.Nn;

/// <summary>
/// What training may change in a norm that keeps running statistics. The state belongs to the layer, and no
/// <see cref="Mode"/> of a tape changes it.
/// </summary>
public enum NormState
{
    /// <summary>The statistics follow the batches, and gamma and beta learn: as the mode of the pass says.</summary>
    Active,

    /// <summary>The running statistics are constant, in training too. gamma and beta still learn.</summary>
    FrozenStatistics,

    /// <summary>
    /// Running statistics, gamma and beta are all constant. The layer is one fixed scale and shift per channel.
    /// </summary>
    Frozen,
}
