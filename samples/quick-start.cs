#:project ../src/Evenkeel/Evenkeel.csproj
// Prints: best validation accuracy 73.8 %

using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;

// Small images of ten classes, drawn from a seed; Cifar10.GetData(path) reads the real ones.
Cifar10Split data = SyntheticCifar.Create(seed: 1, train: 1000, validation: 1000, test: 0);

var model = new Sequential(
    new Flatten(),
    new Linear(3072, 100, bias: false), new BatchNorm1d(100), new ReLU(),
    new Linear(100, 100, bias: false), new BatchNorm1d(100), new ReLU(),
    new Linear(100, 10));
model.Initialize(Init.KaimingNormal, seed: 1);
Console.WriteLine(model.Summary([32, 3, 32, 32]));

var options = new TrainerOptions { Epochs = 10, BatchSize = 50, Seed = 1 };
var trainer = new Trainer(model, new Adam(model.Parameters(), learningRate: 1e-3), new CrossEntropyLoss(), options);
History history = trainer.Fit(new ImageDataset(data.Train, data.MeanImage), new ImageDataset(data.Validation, data.MeanImage));

Console.WriteLine($"training accuracy {history.TrainAccuracies[^1]:P1}, best validation accuracy {history.BestValidationAccuracy:P1} (a guess: 10 %)");
