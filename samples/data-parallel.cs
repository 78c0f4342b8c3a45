#:project ../src/Evenkeel.Mpi/Evenkeel.Mpi.csproj
// Several processes train one network, and their number changes no bit of it.
//   dotnet run samples/data-parallel.cs
//   dotnet publish samples/data-parallel.cs -p:PublishAot=false -o out/data-parallel
//   mpirun -n 4 out/data-parallel/data-parallel        (or -n 2, or -n 1: the same weights)
// Prints: best validation accuracy 99.8 %
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Mpi;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;

// Without mpirun, and without MPI, the four parts are four threads of this process.
using MpiCollective? processes = MpiCollective.LaunchedSize > 1 ? MpiCollective.Start() : null;

TensorDataset training = Synthetic.Spirals(samples: 1500, arms: 3, noise: 0.03, seed: 1);
TensorDataset validation = Synthetic.Spirals(samples: 600, arms: 3, noise: 0.03, seed: 2);
var model = new Sequential(
    new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(),
    new Linear(64, 64, bias: false), new BatchNorm1d(64), new ReLU(), new Linear(64, 3));
model.Initialize(Init.KaimingNormal, seed: 1);

var options = new TrainerOptions { Epochs = 10, BatchSize = 48, Seed = 1, MicroBatches = 4, Processes = processes };
var trainer = new Trainer(model, new Adam(model.Parameters(), learningRate: 1e-2), new CrossEntropyLoss(), options);
History history = trainer.Fit(training, validation);
if (!trainer.IsWriter) return;

Console.WriteLine($"{processes?.Size ?? 1} processes, weights {WeightsHash.Of(model)[..16]}");
Console.WriteLine($"best validation accuracy {history.BestScore:P1}");
