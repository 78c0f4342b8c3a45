namespace Evenkeel.Optim;

/// <summary>Limits gradients between <c>Backward()</c> and <c>Step()</c>, in place.</summary>
public static class GradientClipping
{
    /// <summary>
    /// Multiplies all gradients by maxNorm / (norm + 1e-6) if that is below 1. The norm is the 2-norm of all gradients
    /// as one vector. Semantics of <c>torch.nn.utils.clip_grad_norm_</c>.
    /// </summary>
    /// <remarks>
    /// Squares are added in double, in an order that depends on shapes only. The norm is infinite only if it is too
    /// large for double, or if a gradient is not finite. A NaN or infinite norm makes every gradient NaN or zero, as in
    /// PyTorch: check the result.
    /// </remarks>
    /// <param name="parameters">
    /// The parameters. The sequence is read once. One that appears twice (tied weights) counts once, and one without a
    /// gradient is skipped.
    /// </param>
    /// <param name="maxNorm">The largest norm allowed.</param>
    /// <returns>The norm before clipping.</returns>
    /// <exception cref="ArgumentException">A parameter is null; no gradient was changed.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxNorm"/> is negative or NaN.</exception>
    public static double Norm(IEnumerable<Parameter> parameters, double maxNorm)
    {
        List<Parameter> distinct = ParameterGroup.Distinct(parameters, "GradientClipping.Norm");
        if (!(maxNorm >= 0))
        {
            throw new ArgumentOutOfRangeException(
                nameof(maxNorm), $"GradientClipping.Norm: expected maxNorm to be 0 or more, got {maxNorm}.");
        }

        double squares = 0;
        foreach (Parameter parameter in distinct)
        {
            if (parameter.Gradient is { } gradient) squares += GradientKernels.SumOfSquares(gradient);
        }

        double norm = squares is >= SmallestSquares and <= double.MaxValue
            ? Math.Sqrt(squares)
            : ScaledNorm(distinct, squares);
        Scale(distinct, norm, maxNorm);
        return norm;
    }

    // Below it the squares of doubles lose digits because they are subnormal.
    private const double SmallestSquares = 1e-290;

    /// <summary>
    /// The norm of gradients whose squares leave the range of double, computed in units of a power of two. If all
    /// gradients are 0, or one is not finite, it is the root of the squares.
    /// </summary>
    private static double ScaledNorm(List<Parameter> parameters, double squares)
    {
        double peak = 0, sum = 0;
        foreach (Parameter parameter in parameters)
        {
            for (int i = 0; i < (parameter.Gradient?.Count ?? 0); i++)
                peak = Math.Max(peak, Math.Abs(parameter.Gradient!.ValueAt(i)));
        }

        if (peak == 0 || !double.IsFinite(peak)) return Math.Sqrt(squares);
        int exponent = Kernels.ValueRange.Exponent(peak);
        foreach (Parameter parameter in parameters)
        {
            for (int i = 0; i < (parameter.Gradient?.Count ?? 0); i++)
                sum += Kernels.ValueRange.Square(Math.ScaleB(parameter.Gradient!.ValueAt(i), -exponent));
        }

        return Math.ScaleB(Math.Sqrt(sum), exponent);
    }

    /// <summary>
    /// The second half of <see cref="Norm"/>, for a caller that knows the norm. Each parameter appears once.
    /// </summary>
    internal static void Scale(IReadOnlyList<Parameter> parameters, double norm, double maxNorm)
    {
        double factor = maxNorm / (norm + 1e-6);
        if (factor >= 1) return;
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Gradient is { } gradient) GradientKernels.Scale(gradient, factor);
        }
    }

    /// <summary>
    /// Limits every gradient element to [-limit, limit]. NaN stays NaN. Semantics of
    /// <c>torch.nn.utils.clip_grad_value_</c>.
    /// </summary>
    /// <param name="parameters">
    /// The parameters. The sequence is read once. One without a gradient is skipped.
    /// </param>
    /// <param name="limit">The largest magnitude allowed.</param>
    /// <exception cref="ArgumentException">A parameter is null; no gradient was changed.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is negative or NaN.</exception>
    public static void Value(IEnumerable<Parameter> parameters, double limit)
    {
        List<Parameter> distinct = ParameterGroup.Distinct(parameters, "GradientClipping.Value");
        if (!(limit >= 0))
        {
            throw new ArgumentOutOfRangeException(
                nameof(limit), $"GradientClipping.Value: expected limit to be 0 or more, got {limit}.");
        }

        foreach (Parameter parameter in distinct)
        {
            if (parameter.Gradient is { } gradient) GradientKernels.Clamp(gradient, limit);
        }
    }
}
