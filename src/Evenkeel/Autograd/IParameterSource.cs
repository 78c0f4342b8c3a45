namespace Evenkeel;

/// <summary>What computes the value of a parameter from others, which are trained in its place.</summary>
internal interface IParameterSource
{
    /// <summary>One of the others, of the same shape and type as the result.</summary>
    Parameter Raw { get; }

    /// <summary>All of the others.</summary>
    IReadOnlyList<Parameter> Trained { get; }

    /// <summary>The value: on a pass's tape, with its mode; without one for plain mathematics in Eval.</summary>
    Tensor Compute(Tape? tape);
}
