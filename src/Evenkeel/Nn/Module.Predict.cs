namespace Evenkeel.Nn;

public abstract partial class Module
{
    /// <summary>
    /// Runs the module in Eval on any number of samples, in chunks along the first axis, and returns a plain tensor. It uses a tape of its own: nothing is
    /// recorded, and a training pass under way is not disturbed.
    /// </summary>
    /// <param name="x">Samples along axis 0, outside or on any tape.</param>
    /// <param name="chunk">
    /// Samples computed at a time: bounds the memory. The same chunk gives the same bits; with another one the last bits may differ, for the order of a matrix product's sums may depend
    /// on its rows.
    /// </param>
    /// <exception cref="InvalidOperationException">A batch norm has no running statistics: it would normalize over whatever samples share a chunk.</exception>
    /// <exception cref="ArgumentException">There are no samples, the chunk is below 1, or the module does not keep axis 0.</exception>
    public Tensor Predict(Tensor x, int chunk = 256)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        if (x.Shape.Rank == 0 || x.Shape[0] == 0)
            throw new ArgumentException($"{TypeName}.Predict: expected at least one sample along axis 0, got shape {x.Shape}. Reshape a single sample to (1, ...).", nameof(x));
        foreach ((string name, Module module) in NamedModules())
        {
            if (module is BatchNorm { Running: null })
                throw new InvalidOperationException($"{TypeName}.Predict: expected layers that treat each sample by itself in Eval, got {(name.Length == 0 ? module.TypeName : $"{name} ({module.TypeName})")} without running statistics: predictions would depend on the other samples of the chunk. Create it with trackRunningStats: true, or use Forward with the whole batch that is meant.");
        }

        int samples = x.Shape[0];
        int rowBytes = x.Count / samples * x.DType.SizeInBytes();
        var tape = new Tape(Mode.Eval);
        Tensor? result = null;
        for (int start = 0; start < samples; start += chunk)
        {
            int count = Math.Min(chunk, samples - start);
            tape.Reset();
            Tensor part = tape.NewTensor(x.Shape.With(0, count), x.DType);
            x.Bytes().Slice(start * rowBytes, count * rowBytes).CopyTo(part.Bytes());
            Tensor y = Forward(part);
            if (y.Shape.Rank == 0 || y.Shape[0] != count)
                throw new ArgumentException($"{TypeName}.Predict: expected a module that returns one row a sample, got shape {y.Shape} for {count} samples. Use Forward on a tape instead.", nameof(x));
            result ??= Tensor.Empty(y.Shape.With(0, samples), y.DType);
            Span<byte> source = y.Bytes();
            source.CopyTo(result.Bytes()[(start * (source.Length / count))..]);
        }

        return result!;
    }
}
