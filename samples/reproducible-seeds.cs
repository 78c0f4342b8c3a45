#:project ../src/Evenkeel/Evenkeel.csproj
// One seed, one result: every bit of the trained weights, for any number of threads, on any processor.
// Prints: same seed, same bits
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

string one = Train(seed: 1, threads: 1), two = Train(seed: 1, threads: 2), many = Train(seed: 1, threads: 7);
Console.WriteLine($"seed 1, 1 thread:  {one}\nseed 1, 2 threads: {two}\nseed 1, 7 threads: {many}");
Console.WriteLine($"seed 2, 2 threads: {Train(seed: 2, threads: 2)}");
Console.WriteLine(one == two && two == many ? "same seed, same bits" : "the bits differ: please report this machine");

// The hash of all weights and statistics after three epochs. Start values, batches and dropout all come from the seed.
static string Train(ulong seed, int threads)
{
    using IDisposable scope = Compute.UseThreads(threads);
    Tensor points = Tensor.RandomNormal([2000, 32], new Philox(seed, "points"));
    var data = new TensorDataset(points, points.Slice(axis: 1, start: 0, length: 4).ArgMax(axis: 1));
    var model = new Sequential(
        new Linear(32, 256, bias: false), new BatchNorm1d(256), new ReLU(), new Dropout(0.2),
        new Linear(256, 256, bias: false), new LayerNorm(256), new ReLU(), new Linear(256, 4));
    model.Initialize(Init.KaimingNormal, seed);
    var options = new TrainerOptions { Epochs = 3, BatchSize = 50, Seed = seed };
    var trainer = new Trainer(model, new Adam(model.Parameters(), 1e-3), new CrossEntropyLoss(), options);
    trainer.Fit(data, data);
    return WeightsHash.Of(model);
}
