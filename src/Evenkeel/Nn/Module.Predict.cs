using System.Globalization;
using System.Runtime.CompilerServices;

namespace Evenkeel.Nn;

public abstract partial class Module
{
    private PredictTapes? _predictTapes;
    private long _checkedNetwork;

    /// <summary>
    /// Runs the module in Eval on any number of samples, in chunks along the first axis, and returns a plain tensor. It
    /// uses a tape of its own: nothing is recorded, and a training pass under way is not disturbed.
    /// </summary>
    /// <remarks>
    /// <para>Any number of threads may call it on one module at a time, and each gets the bits that it would get alone,
    /// while nobody changes the module (trains it, loads into it, converts it) and as long as the user's own layers
    /// write no fields in their forward pass.</para>
    /// <para>The module keeps the tapes for the next call, so a call allocates little more than its answer: at most one
    /// tape per processor, each of at most 32 MB; a larger one stays until the garbage collector looks at old memory.
    /// An activation that a layer keeps is over when the call returns; <see cref="Tensor.Clone"/> it within the pass.
    /// If a hook looks, the tape is a new one.</para>
    /// <para>The library's own layers treat each sample by itself in Eval. A network with layers of the user's own is
    /// tried in its first call with two samples or more, and again once its layers change: the first chunk is computed
    /// a second time with copies of the first sample in place of all others, and the answer to the first sample has to
    /// stay as it is, to √ε of its largest value. A layer whose output has no effect at that time (a gamma of 0) is not
    /// noticed, and a network that is random in Eval, or that a hook looks at, is not tried.</para>
    /// </remarks>
    /// <param name="x">Samples along axis 0, outside or on any tape.</param>
    /// <param name="chunk">
    /// Number of samples computed at a time. It limits the memory. The same chunk gives the same bits. Another chunk
    /// may change the last bits, because the order of a matrix product's sums may depend on its rows.
    /// </param>
    /// <param name="cancellationToken">Ends the call between two chunks.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">
    /// A batch norm has no running statistics, or the answer to a sample depends on the others in its chunk for another
    /// reason.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// There are no samples, the chunk is below 1, or the module does not keep axis 0.
    /// </exception>
    public Tensor Predict(Tensor x, int chunk = 256, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Predict(x, second: null, chunk, nameof(x), cancellationToken);
    }

    private protected Tensor Predict(
        Tensor x, Tensor? second, int chunk, string name, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        if (x.Shape.Rank == 0 || x.Shape[0] == 0)
        {
            throw new ArgumentException(
                $"{TypeName}.Predict: expected at least one sample along axis 0, got shape {x.Shape}. "
                + "Reshape a single sample to (1, ...).", name);
        }

        var network = new NetworkLook(x.Shape.Rank);
        Look(this, ref network);
        if (network.HasNormWithoutStatistics) throw NormWithoutStatistics();

        int samples = x.Shape[0];
        // A hook may keep what it sees: its tape is not used again.
        PredictTapes? tapes = network.HasHooks ? null : _predictTapes
            ?? Interlocked.CompareExchange(ref _predictTapes, new PredictTapes(), null) ?? _predictTapes;
        Tape tape = tapes?.Rent() ?? Tape.Small(Mode.Eval);
        Tensor? result = null;
        for (int start = 0, number = 1; start < samples; start += chunk, number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(chunk, samples - start);
            tape.Reset();
            tape.RandomStep = number;
            Tensor part = Entered(tape, x, start, count);
            Tensor y = Run(part, second is null ? null : Entered(tape, second, start, count));
            if (y.Shape.Rank == 0 || y.Shape[0] != count)
            {
                throw new ArgumentException(
                    $"{TypeName}.Predict: expected a module that returns one row per sample, got shape {y.Shape} for "
                    + $"{count} samples. Use Forward on a tape instead.", name);
            }

            result ??= Tensor.Empty(y.Shape.With(0, samples), y.DType);
            Span<byte> source = y.Bytes();
            source.CopyTo(result.Bytes()[(start * (source.Length / count))..]);
            if (start == 0 && count > 1 && network.IsToBeTried(_checkedNetwork)
                && SamplesAreIndependent(tape, x, second, count, result))
                Volatile.Write(ref _checkedNetwork, network.Mark);
        }

        tapes?.Return(tape);
        return result!;
    }

    /// <summary>Some samples on a tape.</summary>
    private static Tensor Entered(Tape tape, Tensor x, int start, int count)
    {
        int rowBytes = RowBytes(x);
        Tensor part = tape.NewTensor(x.Shape.With(0, count), x.DType);
        x.Bytes().Slice(start * rowBytes, count * rowBytes).CopyTo(part.Bytes());
        return part;
    }

    /// <summary>As many copies of the first sample on a tape.</summary>
    private static Tensor Repeated(Tape tape, Tensor x, int count)
    {
        int rowBytes = RowBytes(x);
        Tensor copies = tape.NewTensor(x.Shape.With(0, count), x.DType);
        for (int i = 0; i < count; i++) x.Bytes()[..rowBytes].CopyTo(copies.Bytes()[(i * rowBytes)..]);
        return copies;
    }

    /// <summary>Whether one of the first samples is another one than the first.</summary>
    private static bool HasAnother(Tensor x, int count)
    {
        int rowBytes = RowBytes(x);
        Span<byte> rows = x.Bytes()[..(count * rowBytes)], first = rows[..rowBytes];
        for (int i = 1; i < count; i++)
        {
            if (!first.SequenceEqual(rows.Slice(i * rowBytes, rowBytes))) return true;
        }

        return false;
    }

    private static int RowBytes(Tensor x) => x.Count / x.Shape[0] * x.DType.SizeInBytes();

    /// <summary>What the Predict methods need to know about a network. It is gathered without allocating.</summary>
    private struct NetworkLook(int rank)
    {
        public bool HasHooks;
        public bool HasOwnLayers;
        public bool HasNormWithoutStatistics;

        /// <summary>
        /// A number for the modules, their order, and the rank of their input. No network has the number 0.
        /// </summary>
        public long Mark = rank + 1;

        public readonly bool IsToBeTried(long known) => HasOwnLayers && !HasHooks && Mark != known;
    }

    private static void Look(Module module, ref NetworkLook network)
    {
        network.HasHooks |= module.HasHooks;
        network.HasOwnLayers |= IsUsersOwn(module);
        network.HasNormWithoutStatistics |= module is INormalization { MixesSamples: true };
        network.Mark = (network.Mark * 31) + RuntimeHelpers.GetHashCode(module);
        foreach ((_, Module child) in module._children) Look(child, ref network);
    }

    /// <summary>
    /// Whether the answer to the first sample is the same beside copies of itself; false as well if the others are
    /// copies already, so that nothing can be seen.
    /// </summary>
    private bool SamplesAreIndependent(Tape tape, Tensor x, Tensor? second, int count, Tensor answers)
    {
        if (!HasAnother(x, count) && (second is null || !HasAnother(second, count))) return false;
        Tensor asBefore = answers.Rows(0, 1);
        tape.Reset();
        tape.RandomStep = 1;
        Tensor copies = Repeated(tape, x, count);
        double change = Change(asBefore, Run(copies, second is null ? null : Repeated(tape, second, count)));
        if (change == 0) return true;

        // A network that is random in Eval changes its answer to the same samples too.
        tape.Reset();
        tape.RandomStep = 1;
        Tensor again = Entered(tape, x, 0, count);
        if (Change(asBefore, Run(again, second is null ? null : Entered(tape, second, 0, count))) != 0) return true;
        throw new InvalidOperationException(
            $"{TypeName}.Predict: expected layers that treat each sample by itself in Eval, got an answer to the first "
            + $"sample that changes by {change.ToString("G2", CultureInfo.InvariantCulture)} of its largest value "
            + $"with the other samples of the chunk. The layers that are not the library's own are {OwnLayers()}. "
            + $"Keep running statistics for Eval in them (a buffer that Train updates), "
            + $"or use Forward with the whole batch that is meant.");
    }

    /// <summary>The change of the first row, as a share of its largest value; 0 within √ε of the type.</summary>
    private static double Change(Tensor before, Tensor after)
    {
        if (!before.DType.IsFloatingPoint() || after.DType != before.DType)
            return before.Bytes().SequenceEqual(after.Bytes()[..before.Bytes().Length]) ? 0 : 1;
        double largest = 0, change = 0;
        for (int i = 0; i < before.Count; i++)
        {
            double b = before.ValueAt(i), a = after.ValueAt(i);
            if (b.Equals(a)) continue;
            if (!double.IsFinite(b) || !double.IsFinite(a)) return double.PositiveInfinity;
            change = Math.Max(change, Math.Abs(b - a));
        }

        for (int i = 0; i < before.Count; i++)
            largest = Math.Max(largest, Math.Max(Math.Abs(before.ValueAt(i)), Math.Abs(after.ValueAt(i))));
        double tolerance = before.DType == DType.Float64
            ? Math.Sqrt(double.BitIncrement(1) - 1)
            : Math.Sqrt(float.BitIncrement(1) - 1);
        return change <= tolerance * largest ? 0 : change / largest;
    }

    private InvalidOperationException NormWithoutStatistics()
    {
        (string name, Module module) = NamedModules()
            .First(static entry => entry.Module is INormalization { MixesSamples: true });
        return new InvalidOperationException(
            $"{TypeName}.Predict: expected layers that treat each sample by itself in Eval, got {module.Label(name)} "
            + "without running statistics: predictions would depend on the other samples of the chunk. Create it with "
            + "trackRunningStats: true, or use Forward with the whole batch that is meant.");
    }

    /// <summary>The user's own layers, without those that only hold others unless there is nothing else.</summary>
    private string OwnLayers()
    {
        const int shown = 4;
        (string Name, Module Module)[] own = [.. NamedModules().Where(static entry => IsUsersOwn(entry.Module))];
        (string Name, Module Module)[] leaves = Array.FindAll(own, static entry => entry.Module._children.Count == 0);
        if (leaves.Length > 0) own = leaves;
        return string.Join(", ", own.Take(shown).Select(static entry => entry.Module.Label(entry.Name)))
            + (own.Length > shown ? ", ..." : "");
    }

    private static bool IsUsersOwn(Module module) => module.GetType().Assembly != typeof(Module).Assembly;
}
