using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Cli.Bits;

/// <summary>Some steps of every optimizer, and the clipping of gradients.</summary>
internal static class OptimizerBits
{
    public static IEnumerable<BitsCase> Cases =>
    [
        Steps("sgd", parameters => new SGD(parameters, 0.1)),
        Steps("sgd-decay", parameters => new SGD(parameters, 0.1, weightDecay: 0.01)),
        Steps("sgd-momentum", parameters => new SGD(parameters, 0.1, momentum: 0.9, dampening: 0.2, weightDecay: 0.01)),
        Steps("sgd-nesterov", parameters => new SGD(parameters, 0.1, momentum: 0.9, nesterov: true)),
        Steps("sgd-cs231n", parameters => SGD.Cs231n(parameters, 0.1, weightDecay: 0.01)),
        Steps("rmsprop", parameters => new RMSprop(parameters, 0.01, weightDecay: 0.01)),
        Steps("rmsprop-momentum", parameters => new RMSprop(parameters, 0.01, momentum: 0.9)),
        Steps("rmsprop-centered", parameters => new RMSprop(parameters, 0.01, momentum: 0.9, centered: true)),
        Steps("adam", parameters => new Adam(parameters, 0.01, weightDecay: 0.01)),
        Steps("adamw", parameters => new AdamW(parameters, 0.01)),
        Steps("adam-amsgrad", parameters => new Adam(parameters, 0.01) { AmsGrad = true }),
        Steps("adamw-maximize", parameters => new AdamW(parameters, 0.01) { Maximize = true }),
        Steps("nadam", parameters => new NAdam(parameters, 0.01, weightDecay: 0.01)),
        Steps("nadam-decoupled",
            parameters => new NAdam(parameters, 0.01, weightDecay: 0.01) { DecoupledWeightDecay = true }),
        // Steps are rectified from the sixth on.
        Steps("radam", parameters => new RAdam(parameters, 0.01, weightDecay: 0.01), steps: 7),
        Steps("radam-decoupled",
            parameters => new RAdam(parameters, 0.01, weightDecay: 0.01) { DecoupledWeightDecay = true }, steps: 7),
        Steps("adagrad",
            parameters => new Adagrad(parameters, 0.01, weightDecay: 0.01) { LearningRateDecay = 0.1 }),
        new("clip-norm", probe => Clip(probe, parameters => probe.Add("norm", GradientClipping.Norm(parameters, 1.5)))),
        new("clip-value", probe => Clip(probe, parameters => GradientClipping.Value(parameters, 0.7))),
    ];

    private static BitsCase Steps(string name, Func<Parameter[], Optimizer> create, int steps = 3) => new(name, probe =>
    {
        Parameter[] parameters = Parameters(probe);
        Optimizer optimizer = create(parameters);
        for (int step = 0; step < steps; step++)
        {
            optimizer.ZeroGrad();
            SetGradients(probe, parameters);
            optimizer.Step();
        }

        for (int i = 0; i < parameters.Length; i++) probe.Add($"p{i}", parameters[i].Value);
        StateDict state = optimizer.StateDict();
        // Settings are what the case was made with, no result.
        foreach (string key in state.Keys)
        {
            if (!key.Contains(".setting.", StringComparison.Ordinal)) probe.Add(key, state[key]);
        }
    });

    private static void Clip(BitsProbe probe, Action<Parameter[]> clip)
    {
        Parameter[] parameters = Parameters(probe);
        SetGradients(probe, parameters);
        clip(parameters);
        for (int i = 0; i < parameters.Length; i++) probe.Add($"d{i}", parameters[i].Gradient!);
    }

    /// <summary>The first is more than one chunk of an update (16,384 elements), the last less than a pack.</summary>
    private static Parameter[] Parameters(BitsProbe probe) =>
        [new(probe.Normal(67, 301), "a"), new(probe.Normal(33, 5), "b"), new(probe.Normal(3), "c")];

    /// <summary>Gradients 2·w·cotangent, by a pass.</summary>
    private static void SetGradients(BitsProbe probe, Parameter[] parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            var tape = new Tape();
            Tensor y = tape.Watch(parameter).Square();
            y.Backward(Tensor.RandomNormal(y.Shape, probe.Random, probe.DType));
        }
    }
}
