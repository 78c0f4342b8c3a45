using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Diagnostics;

/// <summary>Inspects a network before it is trained.</summary>
public static class Inspection
{
    /// <summary>
    /// Runs one forward and one backward pass. The report says how large activations and gradients are in each layer,
    /// where they leave float32's range here or in a deeper network of this kind, and what to do about it.
    /// </summary>
    /// <remarks>
    /// The pass runs in Train. The gradient that enters at the output is random, N(0, 1) for each value: with the sum
    /// of the outputs as a loss, the gradient through a normalization layer would be 0. Weights, their gradients and
    /// running statistics stay as they are. Do not call it while another thread trains the network.
    /// </remarks>
    /// <param name="model">The network.</param>
    /// <param name="inputs">
    /// A batch of inputs like those of the training. With batch norm, it needs two samples or more.
    /// </param>
    /// <param name="seed">Seed of the gradient at the output and of dropout.</param>
    public static InspectionReport Inspect(this Module model, Tensor inputs, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        var tape = new Tape(Mode.Train) { Seed = seed };
        tape.Reset();
        var hooks = new List<IDisposable>();
        using var trace = new PassWithoutTrace(model, tape);
        using var activations = new ActivationProbe(model);
        var gradients = new List<(Module Module, Tensor Output)>();
        try
        {
            foreach ((_, Module module) in model.NamedModules())
            {
                if (module.Children.Count != 0) continue;
                hooks.Add(module.AddForwardHook((layer, _, y) => gradients.Add((layer, y))));
            }

            Tensor output = model.Forward(tape.Input(inputs, requiresGradient: true));
            output.Backward(Tensor.RandomNormal(output.Shape, new Philox(seed, "plumb"), output.DType));
            var layers = new InspectedLayer[gradients.Count];
            for (int i = 0; i < layers.Length; i++)
            {
                LayerStatistics seen = activations.Records[i];
                (Module module, Tensor y) = gradients[i];
                layers[i] = new InspectedLayer(
                    seen.Name, seen.Type, seen.Shape, HasWeight(module), seen.Values,
                    y.Gradient is { } gradient ? TensorStatistics.Of(gradient) : null,
                    module is ReLU ? DeadShare(y) : null)
                {
                    SetsScale = SetsScale(module),
                    Pools = module is AvgPool1d or AvgPool2d or AdaptiveAvgPool2d or MaxPool1d or MaxPool2d,
                };
            }

            return new InspectionReport(model.TypeName, inputs.Shape, layers);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    /// <summary>Whether a module multiplies by a weight of its own. Depth counts such modules.</summary>
    internal static bool HasWeight(Module module)
    {
        if (module.Parametrization is not null) return true;
        foreach ((_, Parameter parameter) in module.OwnParameters)
        {
            if (parameter.Role == ParameterRole.Weight) return true;
        }

        return false;
    }

    /// <summary>Whether the scale of a module's output does not depend on that of its input.</summary>
    internal static bool SetsScale(Module module) => module is INormalization and not LocalResponseNorm;

    /// <summary>
    /// The share of channels that are 0 in every sample. Channels are dimension 1 of images and the last dimension of
    /// sequences. The larger share counts.
    /// </summary>
    private static double? DeadShare(Tensor y)
    {
        if (y.Shape.Rank < 2 || y.Count == 0) return null;
        double first = Dead(y, 1), last = Dead(y, y.Shape.Rank - 1);
        return Math.Max(first, last);

        static double Dead(Tensor y, int axis)
        {
            int channels = y.Shape[axis], inner = 1;
            for (int d = axis + 1; d < y.Shape.Rank; d++) inner *= y.Shape[d];
            var alive = new bool[channels];
            for (int i = 0; i < y.Count; i++) alive[i / inner % channels] |= y.ValueAt(i) != 0;
            return (double)alive.Count(static channel => !channel) / channels;
        }
    }
}
