#:project ../src/Evenkeel/Evenkeel.csproj
// Weights of a PyTorch checkpoint into a network of the same layers under other names.
//   dotnet run samples/load-pytorch.cs [FILE.pt]     Without a file it looks at one that it has written itself.
// Prints: 8 of 8 keys loaded from those that begin with "state_dict.module."
using Evenkeel;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

string path = args.Length > 0 ? args[0] : WriteCheckpoint();
TensorArchive file = TensorFile.Read(path);
foreach (string name in file.Names)
    Console.WriteLine($"{name}: {file.TypeOf(name)} ({string.Join(", ", file.DimensionsOf(name))})");
foreach ((string name, string text) in file.Metadata) Console.WriteLine($"{name} = {text}");
if (args.Length > 0) return;

// The file calls the last layer "fc", the network calls it "head". The prefix is found: it is the only one that leads
// to all keys of the network.
var model = new Sequential
{
    { "conv", new Conv2d(3, 8, 3, bias: false) }, { "bn", new BatchNorm2d(8) }, { "relu", new ReLU() },
    { "flatten", new Flatten() }, { "head", new Linear(8 * 6 * 6, 10) },
};
Console.Write(model.Load(path, rename: new Dictionary<string, string> { ["fc"] = "head" }));
Console.WriteLine(model.Predict(Tensor.RandomNormal([1, 3, 8, 8], new Philox(1))));

// What torch.save({"state_dict": torch.nn.DataParallel(net).state_dict()}, "net.pt") writes.
static string WriteCheckpoint()
{
    var net = new Sequential { { "conv", new Conv2d(3, 8, 3, bias: false) }, { "bn", new BatchNorm2d(8) },
        { "fc", new Linear(8 * 6 * 6, 10) } };
    var archive = new TensorArchive();
    archive.Add("state_dict.module.", net.StateDict());
    string path = Path.Combine(Directory.CreateTempSubdirectory("evenkeel-").FullName, "net.pt");
    TensorFile.Write(path, archive);
    return path;
}
