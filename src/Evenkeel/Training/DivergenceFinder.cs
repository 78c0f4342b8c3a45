using System.Numerics;
using Evenkeel.Diagnostics;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// Finds the first layer whose output is not finite. It runs the forward pass again with a hook on every module.
/// </summary>
internal static class DivergenceFinder
{
    /// <summary>Returns the name of the layer, and whether its own weights are already not finite.</summary>
    public static (string Layer, string Detail) Find(Module model, Tensor inputs, ulong seed, long randomStep)
    {
        if (!IsFinite(inputs)) return ("the inputs", "");
        if (First(model, inputs, seed, randomStep) is not { } found) return ("the loss", "");
        string layer = found.Name.Length == 0 ? found.Module.TypeName : $"{found.Name} ({found.Module.TypeName})";
        foreach ((string name, Parameter parameter) in found.Module.NamedParameters())
        {
            if (!IsFinite(parameter.Value))
                return (layer, $", whose {name} is already not finite: an earlier update went wrong");
        }

        return (layer, "");
    }

    /// <summary>
    /// The name of the layer, and the first channel (dimension 1) of its output that is not finite; null if it is not
    /// the output of a layer.
    /// </summary>
    public static (string Layer, int? Channel) FindChannel(Module model, Tensor inputs, ulong seed, long randomStep)
    {
        if (!IsFinite(inputs)) return ("the inputs", null);
        return First(model, inputs, seed, randomStep) is { } found ? (found.Name, found.Channel) : ("the loss", null);
    }

    private static (string Name, Module Module, int? Channel)? First(
        Module model, Tensor inputs, ulong seed, long randomStep)
    {
        var handles = new List<IDisposable>();
        (string Name, Module Module, int? Channel)? first = null;
        var tape = new Tape(Mode.Train, recordGradients: false) { Seed = seed, RandomStep = randomStep };
        tape.Reset();
        using var trace = new PassWithoutTrace(model, tape);
        try
        {
            foreach ((string name, Module module) in model.NamedModules())
            {
                handles.Add(
                    module.AddForwardHook((m, _, y) =>
                        first = first is null && !IsFinite(y) ? (name, m, ChannelOf(y)) : first));
            }

            model.Forward(tape.Input(inputs));
        }
        finally
        {
            foreach (IDisposable handle in handles) handle.Dispose();
        }

        return first;
    }

    private static int? ChannelOf(Tensor y)
    {
        if (y.Shape.Rank < 2) return null;
        int inner = y.Count / (y.Shape[0] * y.Shape[1]);
        for (int i = 0; i < y.Count; i++)
        {
            if (!double.IsFinite(y.ValueAt(i))) return i / inner % y.Shape[1];
        }

        return null;
    }

    public static bool IsFinite(Tensor tensor) => IsFinite(tensor, 0, tensor.Count);

    /// <summary>Whether some consecutive elements are finite.</summary>
    public static bool IsFinite(Tensor tensor, int start, int count) => tensor.DType switch
    {
        DType.Float32 => IsFinite<float>(tensor.AsSpan<float>().Slice(start, count)),
        DType.Float64 => IsFinite<double>(tensor.AsSpan<double>().Slice(start, count)),
        _ => true,
    };

    private static bool IsFinite<T>(ReadOnlySpan<T> values) where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (T value in values)
        {
            if (!T.IsFinite(value)) return false;
        }

        return true;
    }
}
