using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;

namespace Evenkeel.Cli.Bench;

/// <summary>
/// Networks that are written as ONNX files, read back and run as any runtime runs them: norms folded, the batch open.
/// </summary>
internal static class ImportedNetworks
{
    /// <summary>
    /// Multiplications and additions for one picture of 224 by 224; 0 for a network that is not one of these.
    /// </summary>
    public static double Flops(string net) => net switch
    {
        "resnet18" => 2 * 1.814e9,
        "mobilenetv3" => 2 * 56.5e6,
        _ => 0,
    };

    /// <summary>One call of Predict.</summary>
    /// <param name="spec">The network and the number of pictures: <c>resnet18-8</c>.</param>
    /// <param name="folder">Where the file stays for a peer; null for no place.</param>
    public static Action Create(string spec, string? folder)
    {
        string[] words = spec.Split('-');
        int batch = int.Parse(words[1], CultureInfo.InvariantCulture);
        var random = new Philox(0);
        Module model = words[0] == "resnet18" ? new ImageNetResNet(random: random) : new MobileNet(random);
        string place = folder is null
            ? Directory.CreateTempSubdirectory("evenkeel-bench-").FullName
            : Directory.CreateDirectory(folder).FullName;
        try
        {
            string file = Path.Combine(place, $"{words[0]}.onnx");
            model.ExportOnnx(file, [1, 3, 224, 224],
                new OnnxExportOptions { Fold = true, AllowUntrainedStatistics = true });
            OnnxModule imported = OnnxModel.Load(file).ToModule();
            Tensor images = Tensor.RandomUniform([batch, 3, 224, 224], random);
            return () => imported.Predict(images);
        }
        finally
        {
            if (folder is null) Directory.Delete(place, recursive: true);
        }
    }
}
