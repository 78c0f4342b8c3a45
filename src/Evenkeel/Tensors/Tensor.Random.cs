using Evenkeel.Random;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>Independent standard normal values, drawn in row-major order.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="random">The stream that the values are drawn from.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor RandomNormal(Shape shape, IRandomStream random, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(random);
        Tensor tensor = Empty(shape, dtype);
        if (dtype == DType.Float32) random.FillNormal(tensor.AsSpan<float>());
        else random.FillNormal(tensor.AsSpan<double>());
        return tensor;
    }

    /// <summary>Independent values uniform in [0, 1), drawn in row-major order.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="random">The stream that the values are drawn from.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor RandomUniform(Shape shape, IRandomStream random, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(random);
        Tensor tensor = Empty(shape, dtype);
        if (dtype == DType.Float32) random.Fill(tensor.AsSpan<float>());
        else random.Fill(tensor.AsSpan<double>());
        return tensor;
    }
}
