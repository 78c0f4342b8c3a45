namespace Evenkeel;

/// <summary>
/// The mode of a pass. It is a setting of the <see cref="Tape"/>, so nobody forgets to switch a model back.
/// </summary>
public enum Mode
{
    /// <summary>Normalization uses the batch's statistics and updates the running ones; dropout drops.</summary>
    Train,

    /// <summary>
    /// Normalization uses the running statistics; dropout does nothing. A module without a tape runs in this mode.
    /// </summary>
    Eval,
}
