using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Diagnostics;

public sealed class ProbeTests
{
    private static Sequential Network() => new(
        new Sequential(new Linear(4, 6, random: new Philox(1)), new BatchNorm1d(6), new ReLU()),
        new Linear(6, 3, random: new Philox(2)));

    [Fact]
    public void Activations_of_layers_anywhere_in_the_tree()
    {
        Sequential network = Network();
        Tensor x = Tensor.RandomNormal([8, 4], new Philox(3));
        var tape = new Tape(Mode.Train);
        using var probe = new ActivationProbe(network, bins: 4);
        network.Forward(tape.Input(x));
        Assert.Equal(["0.0", "0.1", "0.2", "1"], probe.Records.Select(record => record.Name));
        Assert.Equal(["Linear", "BatchNorm1d", "ReLU", "Linear"], probe.Records.Select(record => record.Type));
        // Batch norm's own output, though it would be fused with ReLU: mean 0, and no zeros yet.
        Assert.Equal(0, probe.Records[1].Values.Mean, Tolerances.Float32Roundoff);
        Assert.Equal(0, probe.Records[1].Values.ZeroShare);
        Assert.True(probe.Records[2].Values.ZeroShare > 0.2);
        Assert.Equal(new Shape(8, 6), probe.Records[2].Shape);
        Assert.Equal(48, probe.Records[2].Values.Histogram!.Counts.Sum());
        tape.Reset();
        network.Forward(tape.Input(x));
        Assert.Equal(8, probe.Records.Count);
        Assert.Equal(probe.Records[0].Step + 1, probe.Records[4].Step);
        Assert.Equal(probe.Records[0].Values.Std, probe.Records[4].Values.Std);
        probe.Clear();
        probe.Dispose();
        network.Forward(tape.Input(x));
        Assert.Empty(probe.Records);
    }

    [Fact]
    public void Modules_are_chosen_by_name_and_type()
    {
        Sequential network = Network();
        using var probe = new ActivationProbe(network, (name, module) => module is ReLU || name.Length == 0);
        network.Forward(Tensor.RandomNormal([2, 4], new Philox(3)));
        Assert.Equal(["0.2", ""], probe.Records.Select(record => record.Name));
        Assert.Equal(0, probe.Records[0].Step);
    }

    [Fact]
    public void Gradients_are_read_when_the_backward_pass_has_run()
    {
        var network = new Sequential(new Linear(4, 3, bias: false, random: new Philox(1)), new ReLU());
        using var probe = new GradientProbe(network);
        var tape = new Tape(Mode.Train);
        Tensor x = Tensor.RandomNormal([5, 4], new Philox(3)), cotangent = Tensor.RandomNormal([5, 3], new Philox(4));
        for (int step = 0; step < 2; step++)
        {
            tape.Reset();
            Tensor y = network.Forward(tape.Input(x));
            Assert.Equal(2 * step, probe.Records.Count);
            y.Backward(cotangent);
            Assert.Equal(["0", "1"], probe.Records.Skip(2 * step).Select(record => record.Name));
        }

        float[] output = network.Forward(x).ToArray<float>(), dy = cotangent.ToArray<float>();
        double[] masked = [.. dy.Select((g, i) => output[i] > 0 ? (double)g : 0)];
        double mean = masked.Average(), std = Math.Sqrt(masked.Sum(g => (g - mean) * (g - mean)) / (masked.Length - 1));
        Assert.Equal(std, probe.Records[0].Values.Std, Tolerances.Float32Roundoff);
        Assert.Equal(TensorStatistics.Of(cotangent).Std, probe.Records[1].Values.Std, Tolerances.Float64Roundoff);
        Assert.Equal(probe.Records[0].Values, probe.Records[2].Values);
        Assert.Equal(probe.Records[0].Step + 1, probe.Records[2].Step);
    }

    [Fact]
    public void Passes_without_a_backward_one_leave_no_gradients()
    {
        Sequential network = Network();
        using var probe = new GradientProbe(network);
        var tape = new Tape(Mode.Train);
        Tensor x = Tensor.RandomNormal([8, 4], new Philox(3));
        network.Forward(x);
        network.Forward(new Tape(Mode.Eval).Input(x));
        network.Forward(tape.Input(x));
        tape.Reset();
        network.Forward(tape.Input(x)).Sum().Backward();
        Assert.Equal(4, probe.Records.Count);
        probe.Dispose();
        tape.Reset();
        network.Forward(tape.Input(x)).Sum().Backward();
        Assert.Equal(4, probe.Records.Count);
    }
}
