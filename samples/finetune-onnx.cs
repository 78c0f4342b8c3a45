#:project ../src/Evenkeel.Onnx/Evenkeel.Onnx.csproj
// Somebody's ONNX file becomes the body of a network of your own: it is frozen, and a new head is trained on it.
//   dotnet run samples/finetune-onnx.cs     It makes the file first; put the path of yours in its place.
// Prints: the new head separates the classes
using Evenkeel;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Random;

OnnxModule body = OnnxModel.Load(WriteBody()).ToModule();
Console.WriteLine(body);
var model = new Sequential { { "body", body }, { "flatten", new Flatten() }, { "head", new Linear(8, 2) } };
body.FreezeNorms();
foreach (Parameter parameter in body.Parameters()) parameter.RequiresGradient = false;

// Two classes of noise, one brighter than the other.
Tensor x = Tensor.RandomNormal([64, 3, 8, 8], new Philox(1));
for (int i = 0; i < x.Count / 2; i++) x.AsSpan<float>()[i] += 1;
Tensor labels = Tensor.Labels([.. Enumerable.Range(0, 64).Select(static i => i / 32)]);
var optimizer = new Adam(model.Parameters(), 0.05);
var tape = new Tape(Mode.Train);
for (int step = 0; step < 40; step++, tape.Reset(), model.ZeroGrad())
{
    model.Forward(tape.Input(x)).CrossEntropy(labels).Backward();
    optimizer.Step();
}

long[] said = model.Predict(x).ArgMax(1).ToArray<long>(), right = labels.ToArray<long>();
double accuracy = said.Zip(right).Count(static pair => pair.First == pair.Second) / 64.0;
Console.WriteLine($"accuracy {accuracy:F2}: {(accuracy > 0.9 ? "the new head separates the classes" : "not yet")}");

static string WriteBody()
{
    var net = new Sequential(new Conv2d(3, 8, 3), new BatchNorm2d(8), new ReLU(), new AdaptiveAvgPool2d(1));
    net.Forward(new Tape(Mode.Train).Input(Tensor.RandomNormal([16, 3, 8, 8], new Philox(2))));
    string path = Path.Combine(Directory.CreateTempSubdirectory("evenkeel-").FullName, "body.onnx");
    net.ExportOnnx(path, [1, 3, 8, 8]);
    return path;
}
