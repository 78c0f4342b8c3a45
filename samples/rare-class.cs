#:project ../src/Evenkeel/Evenkeel.csproj
// A table with one case of interest in twenty: class weights, and the F1 score in place of the accuracy.
// Prints: F1 of the rare class 0.52
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

TensorDataset training = Cases(8000, seed: 1), validation = Cases(4000, seed: 2), test = Cases(4000, seed: 3);
var confusion = new ConfusionMatrix(classNames: ["usual", "rare"]);
foreach (double weight in new[] { 1.0, 5.0 })
{
    var model = new Sequential(new Linear(8, 32, bias: false), new BatchNorm1d(32), new ReLU(), new Linear(32, 2));
    model.Initialize(Init.KaimingNormal, seed: 1);
    var options = new TrainerOptions
    {
        Epochs = 20, BatchSize = 200, Seed = 1, Metrics = [new F1Score(ofClass: 1), new Accuracy(), confusion],
    };
    var loss = new CrossEntropyLoss(weight: Tensor.From([1f, (float)weight]));
    var trainer = new Trainer(model, new Adam(model.Parameters(), 3e-3), loss, options);
    trainer.Fit(training, validation);
    Scores scores = trainer.Evaluate(test);
    Console.WriteLine($"weight of the rare class {weight}: {scores}");
    Console.WriteLine(confusion);
    Console.WriteLine($"F1 of the rare class {scores["f1-class-1"]:F2}");
}

// Eight numbers; the rare class lies to one side, but overlaps.
static TensorDataset Cases(int count, ulong seed)
{
    var random = new Philox(seed);
    int[] labels = [.. Enumerable.Range(0, count).Select(i => i % 20 == 0 ? 1 : 0)];
    Tensor x = Tensor.RandomNormal([count, 8], random);
    for (int i = 0; i < x.Count; i++) x.AsSpan<float>()[i] += labels[i / 8] * (i % 8 < 3 ? 1.2f : 0);
    return new TensorDataset(x, Tensor.Labels(labels));
}
