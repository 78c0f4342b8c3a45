namespace Evenkeel;

/// <summary>Is told during a backward pass which gradients of parameters are complete.</summary>
internal interface IGradientListener
{
    /// <summary>Nothing of this pass adds to the parameter's gradient any more.</summary>
    void Complete(Parameter parameter);
}
