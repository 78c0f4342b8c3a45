namespace Evenkeel.Nn;

/// <summary>
/// A module that takes a second input: a <see cref="TwoInputModule"/>; a <see cref="BatchNormalization"/> or
/// <see cref="SyncBatchNorm"/>, whose mask may be left out; or an <see cref="Identity"/> in the place of one.
/// </summary>
public interface ITwoInputs
{
    /// <summary>
    /// Runs the module on two inputs, then its hooks, which see the first one. Everything that holds for
    /// <see cref="Module.Forward"/> holds here.
    /// </summary>
    /// <param name="x">The first input.</param>
    /// <param name="second">The second input, on the first one's tape or, as a mask or a label, on none.</param>
    Tensor Forward(Tensor x, Tensor second);
}
