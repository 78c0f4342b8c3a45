namespace Evenkeel.Nn;

/// <summary>What training may change in a norm that keeps running statistics. It is the layer's own, and sticky: no <see cref="Mode"/> of a tape changes it.</summary>
public enum NormState
{
    /// <summary>The statistics follow the batches, and gamma and beta learn: as the mode of the pass says.</summary>
    Active,

    /// <summary>The running statistics are constants, in training too; gamma and beta still learn.</summary>
    FrozenStatistics,

    /// <summary>All is constant: running statistics, gamma and beta. The layer is a fixed scale and shift a channel.</summary>
    Frozen,
}
