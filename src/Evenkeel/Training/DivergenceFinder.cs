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
        var handles = new List<IDisposable>();
        (string Name, Module Module)? first = null;
        var tape = new Tape(Mode.Train, recordGradients: false) { Seed = seed, RandomStep = randomStep };
        tape.Reset();
        using var trace = new PassWithoutTrace(model, tape);
        try
        {
            foreach ((string name, Module module) in model.NamedModules())
            {
                handles.Add(
                    module.AddForwardHook((m, _, y) => first = first is null && !IsFinite(y) ? (name, m) : first));
            }

            model.Forward(tape.Input(inputs));
        }
        finally
        {
            foreach (IDisposable handle in handles) handle.Dispose();
        }

        if (first is not { } found) return ("the loss", "");
        string layer = found.Name.Length == 0 ? found.Module.TypeName : $"{found.Name} ({found.Module.TypeName})";
        foreach ((string name, Parameter parameter) in found.Module.NamedParameters())
        {
            if (!IsFinite(parameter.Value))
                return (layer, $", whose {name} is already not finite: an earlier update went wrong");
        }

        return (layer, "");
    }

    public static bool IsFinite(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => IsFinite<float>(tensor),
        DType.Float64 => IsFinite<double>(tensor),
        _ => true,
    };

    private static bool IsFinite<T>(Tensor tensor) where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (T value in tensor.AsSpan<T>())
        {
            if (!T.IsFinite(value)) return false;
        }

        return true;
    }
}
