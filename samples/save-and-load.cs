#:project ../src/Evenkeel/Evenkeel.csproj
// Weights to a file and back: safetensors under PyTorch's keys, with checksums, written as a whole or not at all.
// Prints: the same answers to the bit: True
using Evenkeel;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

string folder = Directory.CreateTempSubdirectory("evenkeel-").FullName, path = Path.Combine(folder, "net.safetensors");
Sequential model = Net(seed: 1), other = Net(seed: 2);
Tensor images = Tensor.RandomNormal([8, 3, 16, 16], new Philox(3));

model.Save(path);
Console.WriteLine(other.Load(path));
bool same = model.Predict(images).ToArray<float>().SequenceEqual(other.Predict(images).ToArray<float>());
Console.WriteLine($"the same answers to the bit: {same}");

// What is in a file, without a model. In Python: safetensors.torch.load_file(path).
foreach ((string key, Tensor value) in SafeTensors.Read(path).StateDict())
    Console.WriteLine($"{key,-24} {value.DType} {value.Shape}");

// A changed bit is refused, and the model stays as it was.
byte[] bytes = File.ReadAllBytes(path);
bytes[^1] ^= 1;
File.WriteAllBytes(path, bytes);
try { other.Load(path); }
catch (InvalidDataException damaged) { Console.WriteLine(damaged.Message); }
Directory.Delete(folder, recursive: true);

static Sequential Net(ulong seed)
{
    var net = new Sequential(
        new Conv2d(3, 8, kernelSize: 3, padding: 1, bias: false), new BatchNorm2d(8), new ReLU(),
        new AdaptiveAvgPool2d(1), new Flatten(), new Linear(8, 10));
    net.Initialize(Init.KaimingNormal, seed);
    return net;
}
