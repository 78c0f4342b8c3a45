#:project ../src/Evenkeel/Evenkeel.csproj
// Regression: the price of a house from six numbers. The noise of the prices is 12: no net can be better than that.
// Prints: root mean square error on 2000 other houses: 12.6 (the noise alone: 12.0)
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

TensorDataset training = Houses(30_000, seed: 1), validation = Houses(2000, seed: 2), test = Houses(2000, seed: 3);
var model = new Sequential(
    new Linear(6, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU(), new Linear(64, 1));
model.Initialize(Init.KaimingNormal, seed: 1);
var optimizer = new Adam(model.Parameters(), learningRate: 1e-2);
var options = new TrainerOptions
{
    Epochs = 40, BatchSize = 100, Seed = 1, Scheduler = new CosineWithWarmup(optimizer, warmup: 0, total: 40),
};
var trainer = new Trainer(model, optimizer, new MSELoss(), options);
Console.WriteLine(trainer.Fit(training, validation).Best);
double error = 100 * trainer.Evaluate(test)["rmse"];
Console.WriteLine($"root mean square error on 2000 other houses: {error:F1} (the noise alone: 12.0)");

// Six standardized numbers, and a price in hundreds: it has mean 3 and a standard deviation of about 1.
static TensorDataset Houses(int count, ulong seed)
{
    var random = new Philox(seed);
    Tensor table = Tensor.RandomNormal([count, 6], random);
    float[] x = table.ToArray<float>(), prices = new float[count];
    for (int i = 0; i < count; i++)
    {
        Span<float> h = x.AsSpan(i * 6, 6);
        double price = 300 + 70 * h[0] + 30 * h[1] * h[2] - 25 * Math.Abs(h[3]) + 20 * Math.Tanh(h[4]);
        prices[i] = (float)((price + 12 * random.NextNormal()) / 100);
    }
    return new TensorDataset(table, Tensor.From(prices, [count, 1]));
}
