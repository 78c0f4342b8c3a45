namespace Evenkeel.Nn;

/// <summary>
/// The tapes that a module keeps between calls of Predict: a call takes one, or makes one, and gives it back.
/// </summary>
/// <remarks>
/// They belong to the module, so they are collected with it, and they keep no other network's parameters alive. At most
/// one per processor is kept, and none above <see cref="KeptBytes"/>: the garbage collector takes a larger one.
/// </remarks>
internal sealed class PredictTapes
{
    /// <summary>The most memory that a kept tape may hold: one photograph in a ResNet-50.</summary>
    public const long KeptBytes = 32L << 20;

    private readonly Tape?[] _idle = new Tape?[Environment.ProcessorCount];

    /// <summary>A tape that nobody else uses until it is returned.</summary>
    public Tape Rent()
    {
        foreach (ref Tape? slot in _idle.AsSpan())
        {
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } tape) return tape;
        }

        return Tape.Small(Mode.Eval);
    }

    /// <summary>
    /// Keeps a tape for a later call, if there is room for it. Tensors computed on it are no longer valid.
    /// </summary>
    public void Return(Tape tape)
    {
        if (tape.CapacityInBytes > KeptBytes) return;
        tape.Reset();
        foreach (ref Tape? slot in _idle.AsSpan())
        {
            if (slot is null && Interlocked.CompareExchange(ref slot, tape, null) is null) return;
        }
    }
}
