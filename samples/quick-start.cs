#:project ../src/Evenkeel/Evenkeel.csproj
// Prints: best validation accuracy 100.0 %

using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;

// Points on three spirals, with noise: the net learns which spiral a point is on.
TensorDataset training = Synthetic.Spirals(samples: 1500, arms: 3, noise: 0.03, seed: 1);
TensorDataset validation = Synthetic.Spirals(samples: 600, arms: 3, noise: 0.03, seed: 2);

var model = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 3));
model.Initialize(Init.KaimingNormal, seed: 1);
Console.WriteLine(model.Summary([50, 2]));

var options = new TrainerOptions { Epochs = 10, BatchSize = 50, Seed = 1 };
var trainer = new Trainer(model, new Adam(model.Parameters(), learningRate: 1e-2), new CrossEntropyLoss(), options);
History history = trainer.Fit(training, validation);

Console.WriteLine(history.Best);
Console.WriteLine($"best validation accuracy {history.BestScore:P1} (a guess: 33 %)");
