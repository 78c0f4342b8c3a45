namespace Evenkeel.Random;

/// <summary>The position of a random stream, as a checkpoint saves it.</summary>
public sealed class RandomStreamState
{
    private readonly ulong[] _words;

    /// <summary>A state read back from a checkpoint.</summary>
    /// <param name="kind">
    /// The kind of stream, <see cref="Philox.Kind"/>, <see cref="NumPyRandomState.Kind"/> or
    /// <see cref="TorchGenerator.Kind"/>.
    /// </param>
    /// <param name="words">The numbers of the stream. They are copied.</param>
    public RandomStreamState(string kind, ReadOnlySpan<ulong> words)
    {
        ArgumentException.ThrowIfNullOrEmpty(kind);
        Kind = kind;
        _words = words.ToArray();
    }

    /// <summary>The kind of stream that wrote this state and can read it.</summary>
    public string Kind { get; }

    /// <summary>The numbers. Only the stream's kind gives them a meaning.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    /// <summary>A new stream of the same kind that continues at this position.</summary>
    /// <exception cref="ArgumentException">The kind is unknown, or the words do not fit it.</exception>
    public IRandomStream CreateStream()
    {
        IRandomStream stream = StreamOf(Kind);
        stream.State = this;
        return stream;
    }

    /// <summary>
    /// The words of a state, after a check that <paramref name="owner"/> can read the kind and the count.
    /// </summary>
    internal static ReadOnlySpan<ulong> Expect(RandomStreamState state, string owner, string kind, int count)
    {
        if (!string.Equals(state.Kind, kind, StringComparison.Ordinal))
        {
            throw new ArgumentException($"{owner}: expected a state of kind \"{kind}\", got \"{state.Kind}\". "
                + "Restore it into the kind of stream that wrote it.", nameof(state));
        }

        if (state._words.Length != count)
        {
            throw new ArgumentException($"{owner}: expected a state of {count} words, got {state._words.Length}. "
                + "The checkpoint is damaged or of another version.", nameof(state));
        }

        return state._words;
    }

    private static IRandomStream StreamOf(string kind) => kind switch
    {
        Philox.Kind => new Philox(0),
        NumPyRandomState.Kind => new NumPyRandomState(0),
        TorchGenerator.Kind => new TorchGenerator(0),
        _ => throw new ArgumentException($"RandomStreamState: unknown kind \"{kind}\"; expected \"{Philox.Kind}\", "
            + $"\"{NumPyRandomState.Kind}\" or \"{TorchGenerator.Kind}\". "
            + "Was the checkpoint written by a newer version?", nameof(kind)),
    };
}
