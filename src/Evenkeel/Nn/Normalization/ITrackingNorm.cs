namespace Evenkeel.Nn;

/// <summary>
/// A norm that can keep running statistics: the layers of <see cref="BatchNorm"/> and of <see cref="InstanceNorm"/>.
/// </summary>
/// <remarks>
/// <para>Three ideas have three names. <see cref="Mode"/> belongs to the tape, and says what this pass is for.
/// <see cref="TrackRunningStats"/> is decided when the layer is made and never changes: whether there are statistics at
/// all. <see cref="State"/> belongs to the layer and stays until another call changes it: whether training may move
/// them.</para>
/// <para>A frozen layer uses its running statistics in every mode and does not update them.
/// <see cref="Module.ZeroGrad"/> and the mode of a tape leave the state alone;
/// <see cref="Module.Initialize(Init, ulong)"/> and <see cref="Module.LoadStateDict"/> write values, into a frozen
/// layer too, and leave it frozen. <c>model.Save</c> and the trainer's checkpoints keep the state, and <c>Clone</c>
/// copies it.</para>
/// </remarks>
public interface ITrackingNorm
{
    /// <summary>Number of channels C.</summary>
    int NumFeatures { get; }

    /// <summary>The value that is added to the variance.</summary>
    double Eps { get; }

    /// <summary>gamma, one value per channel, 1 at first; null if there is none.</summary>
    Parameter? Weight { get; }

    /// <summary>beta, one value per channel, 0 at first; null if there is none.</summary>
    Parameter? Bias { get; }

    /// <summary>How running statistics follow the batches, if there are any.</summary>
    RunningAverage Average { get; }

    /// <summary>The running statistics; null with <c>trackRunningStats: false</c>.</summary>
    RunningStatistics? Running { get; }

    /// <summary>
    /// Whether the layer keeps running statistics. It cannot be changed later (in PyTorch it can, and eval then still
    /// uses what was tracked before): make a layer without them and load gamma and beta into it, or
    /// <see cref="NormFreezing.FreezeStatistics"/> to stop the updates.
    /// </summary>
    bool TrackRunningStats { get; }

    /// <summary>What training may change; <see cref="NormState.Active"/> at first.</summary>
    NormState State { get; }

    /// <summary>
    /// Whether the statistics of a batch are those of each sample by itself, averaged: instance norm.
    /// </summary>
    internal bool IsPerSample { get; }

    /// <summary>The dimension of the channels, from 0, in an input of this shape.</summary>
    internal int AxisOf(Shape shape);

    /// <summary>An input of the layer as its op takes it: (N, C) or (N, C, ...). A reshape at most.</summary>
    internal Tensor AsPlanes(Tensor x);

    /// <summary>Writes the state and nothing else; <see cref="NormFreezing"/> keeps the rest in step with it.</summary>
    internal void Keep(NormState state);
}
