#:project ../src/Evenkeel/Evenkeel.csproj
// A training loop of your own: what Trainer does for you, line by line. Is a point inside the circle?
// Prints: right: 4060 of 4096
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

Tensor points = Tensor.RandomUniform([4096, 2], new Philox(1)) * 2 - 1;
int[] labels = [.. points.ToArray<float>().Chunk(2).Select(p => p[0] * p[0] + p[1] * p[1] < 0.6 ? 1 : 0)];
var data = new TensorDataset(points, Tensor.Labels(labels));

var model = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU(), new Linear(64, 2));
model.Initialize(Init.KaimingNormal, seed: 1);
using var loader = new DataLoader(data, batchSize: 128, shuffle: true, seed: 1);
var optimizer = new AdamW(model.Parameters(), learningRate: 1e-2);
var schedule = new CosineWithWarmup(optimizer, warmup: 20, total: 20 * loader.Plan.Batches);
var tape = new Tape(Mode.Train);
for (int epoch = 1; epoch <= 20; epoch++)
{
    double sum = 0;
    foreach (Batch batch in loader)
    {
        tape.Reset();
        Tensor value = model.Forward(tape.Input(batch.Inputs)).CrossEntropy(batch.Targets);
        value.Backward();
        optimizer.Step();
        optimizer.ZeroGrad();
        schedule.Step();
        sum += value.Item() * batch.Count;
    }
    if (epoch % 5 == 0) Console.WriteLine($"epoch {epoch}: loss {sum / data.Count:F4}");
}

long[] answers = model.Predict(points).ArgMax(axis: 1).ToArray<long>();
Console.WriteLine($"right: {answers.Where((answer, i) => answer == labels[i]).Count()} of {labels.Length}");
