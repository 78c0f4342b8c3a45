using System.Diagnostics;

namespace Evenkeel;

/// <summary>
/// A tensor that belongs to a layer's state but is not trained: running statistics, counters. Like a <see cref="Parameter"/> it keeps its identity when
/// its element type changes, so layer and op can hold on to it.
/// </summary>
[DebuggerDisplay("StateBuffer {Name} {Value}")]
public sealed class StateBuffer
{
    /// <summary>Makes a buffer of a tensor outside any tape; the tensor's memory becomes the buffer's.</summary>
    /// <param name="value">The start value.</param>
    /// <param name="name">The name; one without a name takes that under which it is registered.</param>
    /// <param name="range">The numbers it can hold; what is loaded into it is checked.</param>
    /// <exception cref="ArgumentException">The tensor rides on a tape, or is a parameter's value.</exception>
    public StateBuffer(Tensor value, string name = "", StateRange range = StateRange.Any)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(name);
        if (value.Tape is not null || value.Parameter is not null)
            throw new ArgumentException("StateBuffer: expected a tensor outside any tape and of no parameter, got one that belongs to either. Clone() it first.", nameof(value));
        Value = value;
        Name = name;
        Range = range;
    }

    /// <summary>The name it was registered under; the last part of its state-dict key.</summary>
    public string Name { get; internal set; }

    /// <summary>The numbers it can hold. Only what is loaded is checked.</summary>
    public StateRange Range { get; }

    /// <summary>The current value. Write into it; the tensor itself is replaced by <see cref="To"/> only.</summary>
    public Tensor Value { get; private set; }

    /// <summary>Converts a floating-point value to another floating-point type, in place; integers (counters) stay as they are.</summary>
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
