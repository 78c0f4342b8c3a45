namespace Evenkeel.Nn;

/// <summary>
/// The tapes that a module keeps between calls of Predict: a call takes one, or makes one, and gives it back.
/// </summary>
/// <remarks>
/// They belong to the module, so they are collected with it, and they keep no other network's parameters alive. At most
/// one per processor is kept up to <see cref="KeptBytes"/>, and one per processor above, which the garbage collector
/// takes when it next looks at old memory. Until then the next call has no fresh pages to fault in.
/// </remarks>
internal sealed class PredictTapes
{
    /// <summary>The most memory that a tape may hold for good: one photograph in a ResNet-50.</summary>
    public const long KeptBytes = 32L << 20;

    private readonly Tape?[] _idle = new Tape?[Environment.ProcessorCount];
    private readonly WeakReference<Tape>?[] _large = new WeakReference<Tape>?[Environment.ProcessorCount];

    /// <summary>A tape that nobody else uses until it is returned.</summary>
    public Tape Rent()
    {
        while (Take(_large) is { } large)
        {
            if (large.TryGetTarget(out Tape? kept)) return kept;
        }

        return Take(_idle) ?? Tape.Small(Mode.Eval);
    }

    /// <summary>
    /// Keeps a tape for a later call, if there is room for it. Tensors computed on it are no longer valid.
    /// </summary>
    public void Return(Tape tape)
    {
        tape.Reset();
        if (tape.CapacityInBytes > KeptBytes) Put(_large, new WeakReference<Tape>(tape));
        else Put(_idle, tape);
    }

    private static T? Take<T>(T?[] slots) where T : class
    {
        foreach (ref T? slot in slots.AsSpan())
        {
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } taken) return taken;
        }

        return null;
    }

    private static void Put<T>(T?[] slots, T item) where T : class
    {
        foreach (ref T? slot in slots.AsSpan())
        {
            if (slot is null && Interlocked.CompareExchange(ref slot, item, null) is null) return;
        }
    }
}
