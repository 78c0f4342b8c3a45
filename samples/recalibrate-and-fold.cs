#:project ../src/Evenkeel/Evenkeel.csproj
// After training: exact statistics in place of moving averages, then the norms multiplied into the weights.
// Prints: in 0, before it
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Training;

TensorDataset training = Points(4000, seed: 1), test = Points(1000, seed: 2);
var model = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64, momentum: 0.01), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64, momentum: 0.01), new ReLU(), new Linear(64, 2));
model.Initialize(Init.KaimingNormal, seed: 1);

// With a momentum of 0.01 the moving averages follow slowly: after 120 batches they still hold a third of their start.
var options = new TrainerOptions { Epochs = 3, BatchSize = 100, Seed = 1, RestoreBestModel = false };
new Trainer(model, new SGD(model.Parameters(), learningRate: 0.5), new CrossEntropyLoss(), options).Fit(training, test);
Console.WriteLine(model.Recalibrate(training, new RecalibrationOptions { Check = test }));

// The proof compares the outputs of both networks on these inputs.
FoldResult folded = model.Fold(Tensor.RandomUniform([256, 2], new Philox(3)));
Console.WriteLine(folded);
Console.WriteLine(folded.Model);

// Points of a square; the class says whether a point lies inside the circle.
static TensorDataset Points(int count, ulong seed)
{
    Tensor points = Tensor.RandomUniform([count, 2], new Philox(seed)) * 2 - 1;
    var labels = points.ToArray<float>().Chunk(2).Select(p => p[0] * p[0] + p[1] * p[1] < 0.6 ? 1 : 0);
    return new TensorDataset(points, Tensor.Labels([.. labels]));
}
