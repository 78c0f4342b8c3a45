namespace Evenkeel;

/// <summary>What a pass is for. It is a setting of the <see cref="Tape"/>, so nobody forgets to switch a model back.</summary>
public enum Mode
{
    /// <summary>Statistics come from the batch and update the running ones; dropout drops.</summary>
    Train,

    /// <summary>Normalization uses the running statistics; dropout does nothing. The mode of a module without a tape.</summary>
    Eval,
}
