namespace Evenkeel.Examination;

/// <summary>Another preparation of inputs: a layout, an order of channels, a scale and a shift per channel.</summary>
/// <param name="Text">What is done, for people: <c>divided by 255</c>.</param>
/// <param name="Code">The same as a line of code.</param>
internal sealed record Preparation(string Text, string Code)
{
    /// <summary>Whether the memory of a sample is read as (H, W, C).</summary>
    public bool IsChannelsLast { get; init; }

    /// <summary>Whether the order of the channels is reversed.</summary>
    public bool IsReversed { get; init; }

    /// <summary>The factor of each channel of the result.</summary>
    public required double[] Scale { get; init; }

    /// <summary>What is added to each channel of the result.</summary>
    public required double[] Shift { get; init; }

    /// <summary>The inputs (N, C, ...) of a tape, prepared anew.</summary>
    public Tensor Apply(Tensor x)
    {
        Tensor y = x.Tape!.NewTensor(x.Shape, x.DType);
        if (x.DType == DType.Float64) Apply<double>(x, y);
        else Apply<float>(x, y);
        return y;
    }

    private void Apply<T>(Tensor x, Tensor y) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> from = x.AsSpan<T>();
        Span<T> to = y.AsSpan<T>();
        int samples = x.Shape[0], channels = Scale.Length, size = x.Count / samples, points = size / channels;
        for (int n = 0; n < samples; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                int source = IsReversed ? channels - 1 - c : c;
                (double scale, double shift) = (Scale[c], Shift[c]);
                Span<T> plane = to.Slice((n * size) + (c * points), points);
                for (int i = 0; i < points; i++)
                {
                    T value = IsChannelsLast
                        ? from[(n * size) + (i * channels) + source]
                        : from[(n * size) + (source * points) + i];
                    plane[i] = T.CreateTruncating((scale * double.CreateTruncating(value)) + shift);
                }
            }
        }
    }
}
