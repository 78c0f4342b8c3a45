namespace Evenkeel.Nn;

/// <summary>
/// Local response normalization across channels: y[c] = x[c]/(k + (alpha/size)·Σ x[c']²)^beta, the sum over the size
/// channels around c.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, ...) with at least three dimensions; output: the same shape. Nothing is learned, and train and
/// eval are the same.</para>
/// <para>Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
/// 2012; torch.nn.LocalResponseNorm.</para>
/// </remarks>
public sealed class LocalResponseNorm : Module, INormalization
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="size">Channels of a window, 1 or more: size/2 of them (rounded down) before c.</param>
    /// <param name="alpha">Weight of the mean square.</param>
    /// <param name="beta">The power.</param>
    /// <param name="k">The value that is added to the mean square.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1, or a constant is not finite.</exception>
    public LocalResponseNorm(int size, double alpha = 1e-4, double beta = 0.75, double k = 1)
    {
        LocalResponseNormOp.Check(size, alpha, beta, k);
        (Size, Alpha, Beta, K) = (size, alpha, beta, k);
    }

    /// <summary>Channels of a window.</summary>
    public int Size { get; }

    /// <summary>Weight of the mean square.</summary>
    public double Alpha { get; }

    /// <summary>The power.</summary>
    public double Beta { get; }

    /// <summary>The value that is added to the mean square.</summary>
    public double K { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LocalResponseNorm(Size, Alpha, Beta, K);

    /// <inheritdoc/>
    public override string ToString() =>
        $"LocalResponseNorm({Size}, alpha={PythonNumber.Format(Alpha)}, beta={PythonNumber.Format(Beta)}, "
        + $"k={PythonNumber.Format(K)})";
}
