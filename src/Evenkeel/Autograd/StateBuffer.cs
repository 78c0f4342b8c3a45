using System.Diagnostics;

namespace Evenkeel;

/// <summary>
/// A tensor of a layer's state that is not trained: running statistics, counters. Like a <see cref="Parameter"/>, it
/// stays the same object when its element type changes, so layer and op can keep a reference to it.
/// </summary>
[DebuggerDisplay("StateBuffer {Name} {Value}")]
public sealed class StateBuffer
{
    /// <summary>Makes a buffer of a tensor outside any tape. The buffer takes over the tensor's memory.</summary>
    /// <param name="value">The start value.</param>
    /// <param name="name">The name. If it is empty, the buffer takes the name under which it is registered.</param>
    /// <param name="range">The numbers that it can hold. Values that are loaded into it are checked.</param>
    /// <exception cref="ArgumentException">The tensor rides on a tape, or is a parameter's value.</exception>
    public StateBuffer(Tensor value, string name = "", StateRange range = StateRange.Any)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(name);
        if (value.Tape is not null || value.Parameter is not null)
        {
            throw new ArgumentException(
                "StateBuffer: expected a tensor outside any tape and of no parameter, "
                + "got one that belongs to either. Clone() it first.",
                nameof(value));
        }

        Value = value;
        Name = name;
        Range = range;
    }

    /// <summary>The name under which it was registered; the last part of its state-dict key.</summary>
    public string Name { get; internal set; }

    /// <summary>The numbers that it can hold. Only loaded values are checked.</summary>
    public StateRange Range { get; }

    /// <summary>The current value. Write into it: only <see cref="To"/> replaces the tensor itself.</summary>
    public Tensor Value { get; private set; }

    /// <summary>
    /// Converts a floating-point value to another floating-point type, in place. Integers (counters) stay as they are.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="dtype"/> is not a floating-point type.</exception>
    public void To(DType dtype)
    {
        if (!dtype.IsFloatingPoint())
            throw new ArgumentException($"StateBuffer: expected a floating-point type, got {dtype}.", nameof(dtype));
        if (Value.DType.IsFloatingPoint() && Value.DType != dtype) Value = Value.To(dtype);
    }

    /// <summary>Name, shape and type.</summary>
    public override string ToString() => $"{(Name.Length == 0 ? "StateBuffer" : Name)} {Value.Shape} {Value.DType}";
}
