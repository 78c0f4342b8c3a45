using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class TrainingStepTests
{
    // The budget of a steady step: tensor handles, nothing else.
    private const long MaxBytes = 8192;

    [Fact]
    public void A_fused_network_has_the_bits_of_the_plain_one()
    {
        var network = new FullyConnected(12, [10, 8], 4, NormKind.BatchNorm);
        network.Initialize(Init.KaimingNormal, seed: 1);
        Tensor x = Init.Normal().Create([6, 12], new Philox(2));
        float[][] fused = Step(network, x);
        foreach (Module layer in network.Layers) layer.AddForwardHook(static (_, _, _) => { });
        float[][] plain = Step(network, x);
        Assert.Equal(fused.Length, plain.Length);
        for (int i = 0; i < fused.Length; i++) Assert.Equal(plain[i], fused[i]);

        static float[][] Step(FullyConnected network, Tensor x)
        {
            var tape = new Tape(Mode.Train);
            Tensor y = network.Forward(tape.Input(x));
            network.ZeroGrad();
            y.Backward(Init.Normal().Create(y.Shape, new Philox(3)));
            return [y.ToArray<float>(),
                .. network.Parameters().Select(static parameter => parameter.Gradient!.ToArray<float>())];
        }
    }

    [Fact]
    public void A_steady_step_allocates_next_to_nothing()
    {
        var network = new FullyConnected(32, [32, 32, 32], 10, NormKind.BatchNorm);
        Tensor x = Init.Normal().Create([8, 32], new Philox(2));
        Tensor cotangent = Tensor.Ones([8, 10]);
        var tape = new Tape(Mode.Train);
        for (int i = 0; i < 5; i++) Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxBytes);

        void Step()
        {
            tape.Reset();
            network.Forward(tape.Input(x)).Backward(cotangent);
            network.ZeroGrad();
        }
    }

    [Fact]
    public void Predict_does_not_disturb_a_training_pass()
    {
        var network = new FullyConnected(5, [4], 3, NormKind.BatchNorm);
        Tensor x = Init.Normal().Create([6, 5], new Philox(2));
        var tape = new Tape(Mode.Train);
        Tensor y = network.Forward(tape.Input(x));
        StateDict before = network.StateDict();
        float[] predicted = network.Predict(x, chunk: 4).ToArray<float>();
        Assert.Equal(network.Forward(new Tape(Mode.Eval).Input(x)).ToArray<float>(), predicted);
        foreach ((string key, Tensor tensor) in network.StateDict())
            Assert.True(tensor.Bytes().SequenceEqual(before[key].Bytes()), key);
        y.Backward(Tensor.Ones([6, 3]));
        Assert.All(network.Parameters(), static parameter => Assert.NotNull(parameter.Gradient));
    }
}
