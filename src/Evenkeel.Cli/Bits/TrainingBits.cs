using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Cli.Bits;

/// <summary>Short trainings of whole networks: all weights and statistics after a few steps.</summary>
internal static class TrainingBits
{
    public static IEnumerable<BitsCase> Cases =>
    [
        Steps("lenet-color", 5, probe => LeNet.Color(norm: NormKind.BatchNorm, random: probe.Random), probe =>
            probe.Normal(5, 3, 32, 32)),
        Steps("lenet-gray", 5, probe => LeNet.Gray(norm: NormKind.BatchNorm, random: probe.Random), probe =>
            probe.Normal(5, 1, 28, 28)),
        Steps("lenet-gray-plain", 3, probe => LeNet.Gray(random: probe.Random), probe => probe.Normal(3, 1, 28, 28)),
        Steps("deep-mlp", 9, probe => new DeepMLP(19, 7, NormKind.BatchNorm, probe.Random), probe =>
            probe.Normal(9, 19)),
    ];

    private static BitsCase Steps(string name, int batch, Func<BitsProbe, Module> create,
        Func<BitsProbe, Tensor> input) => new($"training/{name}", probe =>
    {
        Module model = create(probe);
        model.To(probe.DType);
        var optimizer = new SGD(model.Parameters(), 0.1, momentum: 0.9);
        var tape = new Tape();
        for (int step = 0; step < 2; step++)
        {
            tape.Reset();
            Tensor loss = model.Forward(tape.Input(input(probe))).CrossEntropy(probe.Labels(batch, 2));
            probe.Add("loss", loss);
            optimizer.ZeroGrad();
            loss.Backward();
            optimizer.Step();
        }

        foreach ((string key, Tensor tensor) in model.StateDict()) probe.Add(key, tensor);
    });
}
