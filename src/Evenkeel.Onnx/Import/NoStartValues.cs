using Evenkeel.Random;

namespace Evenkeel.Onnx.Import;

/// <summary>The start values of layers whose weights a file has: zeros, for nothing.</summary>
internal sealed class NoStartValues : IRandomStream
{
    public static NoStartValues Stream { get; } = new();

    public RandomStreamState State
    {
        get => throw new NotSupportedException("The start values of an imported layer are not drawn.");
        set => throw new NotSupportedException("The start values of an imported layer are not drawn.");
    }

    public uint NextUInt32() => 0;

    public ulong NextUInt64() => 0;

    public double NextDouble() => 0;

    public double NextNormal() => 0;

    public int NextInt(int exclusiveMax) => 0;

    public void Shuffle(Span<int> values)
    {
    }

    public void Fill(Span<float> destination) => destination.Clear();

    public void Fill(Span<double> destination) => destination.Clear();

    public void FillNormal(Span<float> destination) => destination.Clear();

    public void FillNormal(Span<double> destination) => destination.Clear();

    public void FillUniform(Span<float> destination, double low, double high) => destination.Clear();

    public void FillUniform(Span<double> destination, double low, double high) => destination.Clear();
}
