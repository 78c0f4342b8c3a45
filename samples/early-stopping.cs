#:project ../src/Evenkeel/Evenkeel.csproj
// How long, how fast: a test for the learning rate, a schedule, early stopping, checkpoints that a run goes on from.
// Prints: best validation accuracy 93.3 %
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;

TensorDataset training = Synthetic.Moons(2000, noise: 0.25, seed: 1);
TensorDataset validation = Synthetic.Moons(2000, noise: 0.25, seed: 2);
string folder = Path.Combine(Path.GetTempPath(), $"evenkeel-{Guid.NewGuid():N}");
var model = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU(), new Linear(64, 2));
model.Initialize(Init.KaimingNormal, seed: 1);
var optimizer = new SGD(model.Parameters(), learningRate: 0.1, momentum: 0.9);
var options = new TrainerOptions
{
    Epochs = 100,
    Seed = 1,
    Scheduler = new StepLR(optimizer, stepSize: 10, gamma: 0.5),
    Callbacks = [new EarlyStopping(patience: 8)],
    Checkpoints = new Checkpoints(folder) { EverySteps = 50 },
};
var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), options);
var batches = new DataLoader(training, batchSize: 100, shuffle: true, seed: 1);
LearningRateTest test = trainer.FindLearningRate(batches);
Console.WriteLine(test);
optimizer.LearningRate = test.Suggestion;

// A run that was killed goes on with the same line: if (Checkpoints.Latest(folder) is not null) trainer.Resume(folder);
History history = trainer.Fit(batches, new DataLoader(validation, batchSize: 500));
Console.WriteLine($"stopped after {history.Epochs.Count} epochs: {history.StopReason}");
Console.WriteLine($"best validation accuracy {history.BestScore:P1} in epoch {history.Best?.Epoch}");
Console.WriteLine($"the newest checkpoint: {Path.GetFileName(Checkpoints.Latest(folder))}");
Directory.Delete(folder, recursive: true);
