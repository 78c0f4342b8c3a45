#:project ../src/Evenkeel/Evenkeel.csproj
// A loss and a metric of your own: the 90 % quantile of a number, and how often the truth lies below it.
// Prints: share of new values below the predicted quantile: 90 %
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

const double Quantile = 0.9;

// The pinball loss: a value above the prediction costs nine times as much as one below it.
Loss pinball = Loss.Of("pinball", (prediction, target) =>
{
    Tensor above = target - prediction;
    return (above * Quantile).Maximum(above * (Quantile - 1)).Mean();
});

// The share of a batch whose value lies below the prediction. 0.9 is right; more is not better.
Metric coverage = Metric.Of("coverage", (prediction, target) =>
    prediction.ToArray<float>().Zip(target.ToArray<float>()).Average(pair => pair.Second < pair.First ? 1.0 : 0.0));

var model = new Sequential(new Linear(1, 32), new Tanh(), new Linear(32, 32), new Tanh(), new Linear(32, 1));
model.Initialize(Init.XavierNormal.For(Nonlinearity.Tanh), seed: 1);
var options = new TrainerOptions { Epochs = 30, Seed = 1, Metrics = [coverage], Monitor = "loss" };
var trainer = new Trainer(model, new Adam(model.Parameters(), 5e-3), pinball, options);
Console.WriteLine(trainer.Fit(Noisy(10_000, seed: 1), Noisy(1000, seed: 2)).Best);
double share = trainer.Evaluate(Noisy(4000, seed: 3))["coverage"];
Console.WriteLine($"share of new values below the predicted quantile: {100 * share:F0} %");

// A sine with noise that grows to the right.
static TensorDataset Noisy(int count, ulong seed)
{
    var random = new Philox(seed);
    Tensor x = Tensor.RandomUniform([count, 1], random);
    float[] y = [.. x.ToArray<float>().Select(v => MathF.Sin(6 * v) + v * (float)random.NextNormal())];
    return new TensorDataset(x, Tensor.From(y, [count, 1]));
}
