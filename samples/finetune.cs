#:project ../src/Evenkeel/Evenkeel.csproj
// Fine-tuning from a file: the body is loaded and frozen, and a new head learns a new question from 60 samples.
// Prints: the body has kept every bit
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Training;
Sequential rings = Net(classes: 4);
rings.Initialize(Init.KaimingNormal, seed: 1);
double first = Fit(rings, Points(4000, seed: 1, classes: 4), Points(1000, seed: 2, classes: 4));
string path = Path.Combine(Directory.CreateTempSubdirectory("evenkeel-").FullName, "rings.pt");
rings.Save(path);
// The head has two outputs instead of four: it keeps its own start values, and everything else must fit.
Sequential halves = Net(classes: 2);
Console.Write($"which of four rings: {first:P1}; {halves.Load(path, keep: ["head"])}");
halves[0].FreezeNorms();
foreach (Parameter parameter in halves[0].Parameters()) parameter.RequiresGradient = false;
string weights = WeightsHash.Of(halves[0]);
Console.WriteLine($"which half: {Fit(halves, Points(60, seed: 3, classes: 2), Points(1000, seed: 4, classes: 2)):P1}");
Console.WriteLine($"the body has {(WeightsHash.Of(halves[0]) == weights ? "kept every bit" : "changed")}");

static Sequential Net(int classes) => new()
{
    { "body", new Sequential(new Linear(2, 64), new BatchNorm1d(64), new ReLU(), new Linear(64, 64), new ReLU()) },
    { "head", new Linear(64, classes) },
};
static double Fit(Module model, TensorDataset training, TensorDataset test) =>
    new Trainer(model, new Adam(model.Parameters(), 3e-3), new CrossEntropyLoss(),
        new TrainerOptions { Epochs = 20, BatchSize = 20, Seed = 1 }).Fit(training, test).BestScore;
// Points of a square; the class is the ring around the centre that a point lies in.
static TensorDataset Points(int count, ulong seed, int classes)
{
    Tensor points = Tensor.RandomUniform([count, 2], new Philox(seed)) * 2 - 1;
    var rings = points.ToArray<float>().Chunk(2).Select(p => Math.Sqrt((p[0] * p[0] + p[1] * p[1]) / 2) * classes);
    return new TensorDataset(points, Tensor.Labels([.. rings.Select(ring => (int)ring)]));
}
