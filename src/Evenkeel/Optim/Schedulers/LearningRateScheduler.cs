using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// Changes the learning rate of an optimizer's groups over time. Call <see cref="Step"/> once an epoch, or once a training step: the count is the scheduler's only notion of time.
/// </summary>
/// <remarks>As in PyTorch, a scheduler starts at count 0 when it is created, and acts on what the learning rate is when it steps.</remarks>
public abstract class LearningRateScheduler
{
    private protected LearningRateScheduler(Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Optimizer = optimizer;
    }

    /// <summary>The optimizer whose groups are scheduled.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How often <see cref="Step"/> has been called.</summary>
    public long Count { get; private set; }

    /// <summary>Moves on by one and sets the learning rates.</summary>
    public void Step()
    {
        Count++;
        Apply();
    }

    /// <summary>The state as a named tensor: the count. The learning rates themselves are part of the optimizer's state.</summary>
    public StateDict StateDict() => new() { { $"{GetType().Name}.count", Tensor.From([Count], []) } };

    /// <summary>Takes over the count of a scheduler of the same kind; load the optimizer's state as well.</summary>
    /// <exception cref="ArgumentException">The key is missing or does not fit.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        string key = $"{GetType().Name}.count";
        if (!state.TryGetValue(key, out Tensor? count) || count.DType != DType.Int64 || count.Count != 1)
            throw new ArgumentException($"{GetType().Name}: expected the key '{key}' with one integer, got none. The state belongs to another kind of scheduler.", nameof(state));
        long value = count.AsSpan<long>()[0];
        if (value < 0) throw new ArgumentException($"{GetType().Name}: expected a count of 0 or more in '{key}', got {value}. The state is damaged; load another one.", nameof(state));
        Count = value;
    }

    /// <summary>Sets the learning rates for the current <see cref="Count"/>.</summary>
    private protected abstract void Apply();

    /// <summary>Multiplies the learning rate of every group.</summary>
    private protected void Multiply(double factor)
    {
        foreach (ParameterGroup group in Optimizer.Groups) group.LearningRate *= factor;
    }
}
