#:project ../src/Evenkeel/Evenkeel.csproj
// Fine-tuning: a trained network keeps its body, frozen, and a new last layer learns a new question from 60 samples.
// Prints: the body has kept every bit
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

var body = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU());
var rings = new Sequential(body, new Linear(64, 4));
rings.Initialize(Init.KaimingNormal, seed: 1);
double accuracy = Fit(rings, Points(4000, seed: 1, classes: 4), Points(1000, seed: 2, classes: 4));
// From here on all of the body is constant: the norms with their statistics, and the weights.
Console.WriteLine($"which of four rings: {accuracy:P1}; norms frozen: {body.FreezeNorms()}");
foreach (Parameter parameter in body.Parameters()) parameter.RequiresGradient = false;
string weights = WeightsHash.Of(body);
var halves = new Sequential(body, new Linear(64, 2));
halves[1].Initialize(Init.KaimingNormal, seed: 2);
Console.WriteLine($"which half: {Fit(halves, Points(60, seed: 3, classes: 2), Points(1000, seed: 4, classes: 2)):P1}");
Console.WriteLine($"the body has {(WeightsHash.Of(body) == weights ? "kept every bit" : "changed")}");

static double Fit(Module model, TensorDataset training, TensorDataset test)
{
    var options = new TrainerOptions { Epochs = 20, BatchSize = 20, Seed = 1 };
    var trainer = new Trainer(model, new Adam(model.Parameters(), 3e-3), new CrossEntropyLoss(), options);
    return trainer.Fit(training, test).BestScore;
}

// Points of a square; the class is the ring around the centre that a point lies in.
static TensorDataset Points(int count, ulong seed, int classes)
{
    Tensor points = Tensor.RandomUniform([count, 2], new Philox(seed)) * 2 - 1;
    var radii = points.ToArray<float>().Chunk(2).Select(p => Math.Sqrt((p[0] * p[0] + p[1] * p[1]) / 2));
    return new TensorDataset(points, Tensor.Labels([.. radii.Select(radius => (int)(radius * classes))]));
}
