namespace Evenkeel.Training;

/// <summary>Adds the gradient of one part to that of another.</summary>
internal static unsafe class GradientSum
{
    /// <summary>into += from. What has no gradient adds nothing; the first one is copied.</summary>
    public static void Add(Parameter from, Parameter into)
    {
        if (from.Gradient is not { } gradient) return;
        if (into.Gradient is not { } sum)
        {
            into.GradientMemory.CopyFrom(gradient);
            into.HasGradient = true;
        }
        else if (sum.DType == DType.Float64)
        {
            fixed (double* source = gradient.AsSpan<double>(), target = sum.AsSpan<double>())
                Kernels.Accumulate.Add(source, target, sum.Count);
        }
        else
        {
            fixed (float* source = gradient.AsSpan<float>(), target = sum.AsSpan<float>())
                Kernels.Accumulate.Add(source, target, sum.Count);
        }
    }
}
