#:project ../src/Evenkeel.Onnx/Evenkeel.Onnx.csproj
// A network goes out as an ONNX file, which any runtime takes. What was written is read back and compared.
//   dotnet run samples/export-onnx.cs
// Prints: 0 norms left after folding
using Evenkeel;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;

var model = new Sequential(
    new Conv2d(3, 16, 3, padding: 1, bias: false), new BatchNorm2d(16), new ReLU(),
    new Conv2d(16, 32, 3, stride: 2, bias: false), new BatchNorm2d(32), new ReLU(),
    new AdaptiveAvgPool2d(1), new Flatten(), new Linear(32, 2));

// A training, in short: statistics that have seen no batch are refused.
var tape = new Tape(Mode.Train);
model.Forward(tape.Input(Tensor.RandomNormal([32, 3, 16, 16], new Philox(1))));

string folder = Directory.CreateTempSubdirectory("evenkeel-").FullName;
OnnxExportReport report = model.ExportOnnx(Path.Combine(folder, "model.onnx"), [1, 3, 16, 16], new OnnxExportOptions
{
    Classes = ["cat", "dog"],
    Preprocessing = new OnnxPreprocessing([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
});
Console.WriteLine(report);

// For deployment: the norms become part of the convolutions.
string small = Path.Combine(folder, "folded.onnx");
Console.WriteLine(model.ExportOnnx(small, [1, 3, 16, 16], new OnnxExportOptions { Fold = true }));
OnnxModel file = OnnxModel.Load(small);
Console.WriteLine($"{file.Producer}, opset {file.Opset}: {file.Inputs[0]} gives {file.Outputs[0]}");
Console.WriteLine($"{file.Operators.GetValueOrDefault("BatchNormalization")} norms left after folding");
