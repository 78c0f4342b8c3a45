namespace Evenkeel.Nn;

/// <summary>Marks the layers that normalize: code that asks for any of them asks for this, so that none is forgotten.</summary>
internal interface INormalization
{
}
