#:project ../src/Evenkeel/Evenkeel.csproj
// Regression: a number per sample instead of a class. The net learns sin(3x) from noisy points.
// Prints: root mean square error on new points: 0.025
using Evenkeel;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

var random = new Philox(1);
Tensor x = Tensor.RandomUniform([512, 1], random) * 4 - 2;
Tensor noisy = Sine(x) + Tensor.RandomNormal([512, 1], random) * 0.1;

var model = new Sequential(new Linear(1, 64), new Tanh(), new Linear(64, 64), new Tanh(), new Linear(64, 1));
model.Initialize(Init.XavierNormal.For(Nonlinearity.Tanh), seed: 1);
var loss = new MSELoss();
var optimizer = new Adam(model.Parameters(), learningRate: 5e-3);
var tape = new Tape(Mode.Train);
for (int step = 1; step <= 1000; step++)
{
    tape.Reset();
    Tensor value = loss.Forward(model.Forward(tape.Input(x)), noisy);
    value.Backward();
    optimizer.Step();
    optimizer.ZeroGrad();
    if (step % 250 == 0) Console.WriteLine($"step {step}: loss {value.Item():F4} (the noise alone: 0.0100)");
}

Tensor fresh = Tensor.RandomUniform([256, 1], random) * 4 - 2;
double error = Math.Sqrt((model.Predict(fresh) - Sine(fresh)).Square().Mean().Item());
Console.WriteLine($"root mean square error on new points: {error:F3}");

static Tensor Sine(Tensor x) => Tensor.From([.. x.ToArray<float>().Select(value => MathF.Sin(3 * value))], x.Shape);
