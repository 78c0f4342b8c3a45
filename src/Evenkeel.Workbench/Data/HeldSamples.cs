using Evenkeel.Data;

namespace Evenkeel.Workbench.Data;

/// <summary>Samples that are read more than once: kept in memory if they are not too many.</summary>
internal static class HeldSamples
{
    private const long MostBytes = 1L << 29;

    /// <summary>The same samples, in memory if they take at most 512 MB; labels are not kept.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="cancellation">Stops.</param>
    public static IDataset Of(IDataset samples, CancellationToken cancellation)
    {
        long bytes = (long)samples.Count * samples.SampleShape.Count * sizeof(float);
        if (samples is TensorDataset || samples.Count == 0 || bytes > MostBytes) return samples;
        float[] values = new float[samples.Count * samples.SampleShape.Count];
        int at = 0;
        using var loader = new DataLoader(
            samples, batchSize: 64, lastBatch: LastBatch.Keep, workers: Math.Min(4, Environment.ProcessorCount),
            cancellationToken: cancellation);
        foreach (Batch batch in loader)
        {
            if (batch.Inputs.DType != DType.Float32) return samples;
            ReadOnlySpan<float> some = batch.Inputs.AsSpan<float>();
            some.CopyTo(values.AsSpan(at));
            at += some.Length;
        }

        Shape one = samples.SampleShape;
        return new TensorDataset(
            Tensor.From(values, [samples.Count, .. one]), Tensor.Zeros([samples.Count], DType.Int64));
    }
}
