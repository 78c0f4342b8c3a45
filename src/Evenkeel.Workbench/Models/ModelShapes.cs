using Evenkeel.Nn;

namespace Evenkeel.Workbench.Models;

/// <summary>What a pass in Eval on zeros says about a network.</summary>
public static class ModelShapes
{
    /// <summary>Samples of a trial pass: norms that take their statistics from the batch need two.</summary>
    private const int Samples = 2;

    extension(Module model)
    {
        /// <summary>The shape of the outputs for two samples.</summary>
        /// <param name="sample">The shape of a sample.</param>
        /// <exception cref="ArgumentException">A layer does not take what comes to it.</exception>
        public Shape OutputShape(Shape sample)
        {
            ArgumentNullException.ThrowIfNull(model);
            return model.Forward(new Tape(Mode.Eval).Input(Zeros(model, sample))).Shape;
        }

        /// <summary>Values that the layers put out for one sample: the network's activations.</summary>
        /// <param name="sample">The shape of a sample.</param>
        /// <exception cref="ArgumentException">A layer does not take what comes to it.</exception>
        public long OutputsPerSample(Shape sample)
        {
            ArgumentNullException.ThrowIfNull(model);
            long values = 0;
            var hooks = new List<IDisposable>();
            try
            {
                foreach ((_, Module layer) in model.NamedModules())
                {
                    if (layer.Children.Count == 0)
                        hooks.Add(layer.AddForwardHook((_, _, y) => values += y.Shape.Count / Samples));
                }

                _ = model.OutputShape(sample);
            }
            finally
            {
                foreach (IDisposable hook in hooks) hook.Dispose();
            }

            return values;
        }
    }

    private static Tensor Zeros(Module model, Shape sample)
    {
        IReadOnlyList<Parameter> parameters = model.Parameters();
        return Tensor.Zeros(
            [Samples, .. sample], parameters.Count == 0 ? DType.Float32 : parameters[0].DType);
    }
}
