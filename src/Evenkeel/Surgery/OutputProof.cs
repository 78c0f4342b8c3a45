using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Proves that a changed network computes what the original does: in the network's type, and in Float64, where only the
/// rounding of double is left.
/// </summary>
/// <param name="operation">The method, for errors: <c>Fold</c>.</param>
/// <param name="changed">What the new network is called: <c>folded</c>.</param>
/// <param name="model">The original.</param>
/// <param name="inputs">The inputs on which outputs are compared.</param>
internal sealed class OutputProof(string operation, string changed, Module model, FoldInputs inputs)
{
    /// <summary>The largest difference that rounding may make in Float64, as a share of the largest output.</summary>
    public const double Float64Bound = 1e-9;

    /// <summary>The same in Float32.</summary>
    public const double Float32Bound = 1e-4;

    /// <summary>Compares the networks, and throws if they differ by more than rounding.</summary>
    /// <param name="result">The changed network.</param>
    /// <param name="inDouble">Makes it again with the weights before they were rounded to the network's type.</param>
    /// <param name="isChanged">Whether anything was changed, so that there is something to prove.</param>
    /// <param name="bound">The largest difference that passes; null: by the type.</param>
    /// <param name="float64Bound">The same in Float64.</param>
    public (FoldProof Proof, FoldProof Float64Proof) Of(
        Module result, Func<Module> inDouble, bool isChanged, double? bound = null,
        double float64Bound = Float64Bound)
    {
        DType dtype = inputs.First.DType;
        FoldProof proof = Compare(model, result, inputs);

        // Everything is in double: the original weights are widened, and the new ones are those before rounding.
        Module wide = model.Clone(), resultWide = inDouble();
        wide.To(DType.Float64);
        resultWide.To(DType.Float64);
        FoldProof wideProof;
        try
        {
            wideProof = Compare(wide, resultWide, inputs.InDouble());
        }
        catch (Exception mixed)
            when ((mixed is ArgumentException or InvalidOperationException) && dtype != DType.Float64)
        {
            throw new InvalidOperationException(
                $"{model.TypeName}.{operation}: expected a network that computes in Float64 too, where it is proved "
                + $"without the rounding of {dtype}; its copy did not ({mixed.Message}) Keep "
                + "constant tensors as buffers (RegisterBuffer), which To converts, and read values in the type they "
                + "have.", mixed);
        }

        if (isChanged && (proof.Outputs == 0 || proof is { LargestOutput: 0, MaxDifference: 0 }))
        {
            throw new InvalidOperationException(
                $"{model.TypeName}.{operation}: expected outputs to compare the two networks by, got "
                + $"{(proof.Outputs == 0 ? "none that is a number" : "zeros only, which many networks would give")}; "
                + $"nothing would be proved. Pass some real inputs, "
                + $"and look for the first layer without a signal with Inspect.");
        }

        Require(wideProof, float64Bound,
            "a module looks at values past the operations of the tape, or is not deterministic in Eval");
        Require(proof, bound ?? (dtype == DType.Float64 ? float64Bound : Float32Bound),
            "in Float64 it does compute the same, so rounding does this: a running variance near 0, or a scale that is "
            + "taken back later. Pass a larger bound if that will do");
        return (proof, wideProof);
    }

    private FoldProof Compare(Module one, Module other, FoldInputs on)
    {
        Tensor expected = on.Run(one), got = on.Run(other);
        return expected.Shape == got.Shape
            ? FoldProof.Of(expected, got)
            : throw new InvalidOperationException($"{model.TypeName}.{operation}: expected outputs of shape "
                + $"{expected.Shape} from the {changed} network, got {got.Shape}. A module decides by the values or "
                + "types of its layers.");
    }

    private void Require(FoldProof proof, double bound, string cause)
    {
        if (!(proof.RelativeDifference <= bound) && !double.IsPositiveInfinity(bound))
        {
            throw new InvalidOperationException($"{model.TypeName}.{operation}: expected outputs within {bound:g3} of "
                + $"the largest, got {proof}. The {changed} network does not compute the same: {cause}.");
        }
    }
}
