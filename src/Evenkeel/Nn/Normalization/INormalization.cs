namespace Evenkeel.Nn;

/// <summary>
/// The layers that normalize: code that asks for any of them asks for this, so that none is forgotten.
/// </summary>
internal interface INormalization
{
    /// <summary>
    /// Whether the output for a sample depends on the other samples of the batch in every mode: a batch norm without
    /// running statistics.
    /// </summary>
    bool MixesSamples => false;
}
