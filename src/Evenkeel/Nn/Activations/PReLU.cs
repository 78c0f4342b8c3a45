using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// y = x for x &gt; 0, w·x elsewhere, with a learned slope w: one for all values, or one for each channel (dimension
/// 1). Source: torch.nn.PReLU.
/// </summary>
/// <remarks>
/// The slope's role is <see cref="ParameterRole.Other"/>: weight decay by role leaves it out, as the paper demands
/// (He et al. 2015). <see cref="Module.Initialize(Init, ulong)"/> sets it to its start value again.
/// </remarks>
public sealed class PReLU : Module, IInitializable
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numParameters">1, or the number of channels.</param>
    /// <param name="startSlope">The start value of the slopes: PyTorch's <c>init</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The number is below 1, or the start value is not finite.
    /// </exception>
    public PReLU(int numParameters = 1, double startSlope = 0.25)
    {
        if (numParameters < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(numParameters),
                $"PReLU: expected 1 slope, or one for each channel, got {numParameters}.");
        }

        if (!double.IsFinite(startSlope))
        {
            throw new ArgumentOutOfRangeException(
                nameof(startSlope), $"PReLU: expected a finite start value of the slope, got {startSlope}.");
        }

        NumParameters = numParameters;
        StartSlope = startSlope;
        Weight = Register("weight", Tensor.Full([numParameters], startSlope), ParameterRole.Other);
    }

    /// <summary>Number of slopes: 1, or the number of channels.</summary>
    public int NumParameters { get; }

    /// <summary>The start value of the slopes.</summary>
    public double StartSlope { get; }

    /// <summary>The slopes w, shape (1) or (C).</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    public void SetStartValues(Init init, IRandomStream random) => Weight.Fill(StartSlope);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.PReLU(Weight);

    /// <inheritdoc/>
    public override string ToString() => $"PReLU(num_parameters={NumParameters})";
}
