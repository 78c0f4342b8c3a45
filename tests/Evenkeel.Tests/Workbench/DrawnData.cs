using System.Globalization;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Onnx.Format;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Onnx;

namespace Evenkeel.Tests.Workbench;

/// <summary>Small tables and pictures that tests draw, with answers that are known.</summary>
internal static class DrawnData
{
    private const int Side = 24;

    private static readonly string[] s_regions = ["north", "south", "east", "west"];

    /// <summary>
    /// Bottles of wine: an identifier, a date, a category and numbers, of which some are missing. Alcohol is a smooth
    /// function of sugar and region with noise of deviation 0.2; quality has three grades that depend on the product of
    /// acidity and sugar, which no straight line tells apart.
    /// </summary>
    public static string Wine(int rows, ulong seed, bool withQuality = true)
    {
        var random = new Philox(seed, "wine");
        var text = new StringBuilder(withQuality
            ? "id,bottled,region,sugar,acidity,alcohol,quality\n" : "id,bottled,region,sugar,acidity,alcohol\n");
        for (int i = 0; i < rows; i++)
        {
            double sugar = (2 * random.NextDouble()) - 1, acidity = (2 * random.NextDouble()) - 1;
            int region = (int)(random.NextDouble() * s_regions.Length);
            DateOnly day = new DateOnly(2020, 1, 1).AddDays((int)(random.NextDouble() * 1000));
            string shownAcidity = random.NextDouble() < 0.03 ? "" : F(acidity);
            text.Append(CultureInfo.InvariantCulture, $"{i + 1},{day:yyyy-MM-dd},{s_regions[region]},{F(sugar)},");
            text.Append(shownAcidity);
            double alcohol = 12 + (2 * Math.Sin(3 * sugar)) + region + (0.2 * Noise(random));
            string quality = sugar * acidity > 0.2 ? "good" : sugar * acidity < -0.2 ? "poor" : "fair";
            text.Append(CultureInfo.InvariantCulture, $",{F(alcohol)}");
            text.Append(withQuality ? $",{quality}\n" : "\n");
        }

        return text.ToString();
    }

    /// <summary>
    /// Writes pictures of 24x24: cats are discs, dogs are bars, both of any place, brightness and noise.
    /// </summary>
    public static void Pets(string folder, int perClass, ulong seed)
    {
        foreach (string name in (string[])["cat", "dog"])
        {
            var random = new Philox(seed, name);
            Directory.CreateDirectory(Path.Combine(folder, name));
            for (int i = 0; i < perClass; i++)
                ImageFile.WritePng(Path.Combine(folder, name, $"{i}.png"), Pet(name == "cat", random));
        }
    }

    /// <summary>Everything that the page of the command line needs.</summary>
    public static void Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "wine.csv"), Wine(600, seed: 1));
        File.WriteAllText(Path.Combine(folder, "new-wine.csv"), Wine(12, seed: 2, withQuality: false));
        Pets(Path.Combine(folder, "photos"), perClass: 40, seed: 3);
        File.WriteAllBytes(Path.Combine(folder, "net.onnx"), ConvolutionWithNorm().ToBytes());
        Npy.Write(Path.Combine(folder, "x.npy"), Tensor.RandomNormal([2, 1, 4, 4], new Philox(4)));
    }

    /// <summary>A convolution, a batch norm and another operator under names of PyTorch's.</summary>
    /// <param name="lastOperator">The last operator, of one input. Default: a rectifier.</param>
    public static OnnxGraph ConvolutionWithNorm(string lastOperator = "Relu")
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 1, 4, 4)
            .Weight("body.conv.weight", [2, 1, 3, 3], [.. Enumerable.Range(1, 18).Select(static i => i / 18f)])
            .Weight("body.bn.weight", [2], 0.5f, 2).Weight("body.bn.bias", [2], 1, 3)
            .Weight("body.bn.running_mean", [2], 1, 2).Weight("body.bn.running_var", [2], 4, 9)
            .Node("Conv", ["x", "body.conv.weight"], ["c"])
            .Node("BatchNormalization",
                ["c", "body.bn.weight", "body.bn.bias", "body.bn.running_mean", "body.bn.running_var"], ["n"])
            .Node(lastOperator, "n", "y").Output("y");
        graph.Proto.ProducerName = "pytorch";
        graph.Proto.MetadataProps.Add(new StringStringEntryProto { Key = "author", Value = "somebody" });
        return graph;
    }

    private static ByteImage Pet(bool isCat, Philox random)
    {
        var pixels = new byte[3 * Side * Side];
        double x = 7 + (10 * random.NextDouble()), y = 7 + (10 * random.NextDouble());
        double light = 0.6 + (0.4 * random.NextDouble()), dark = 0.3 * random.NextDouble();
        for (int c = 0; c < 3; c++)
        {
            double tone = 0.7 + (0.3 * random.NextDouble());
            for (int i = 0; i < Side * Side; i++)
            {
                (int row, int column) = (i / Side, i % Side);
                bool isLight = isCat ? Math.Pow(row - y, 2) + Math.Pow(column - x, 2) < 36 : Math.Abs(row - y) < 3;
                double value = ((isLight ? light : dark) * tone) + (0.05 * Noise(random));
                pixels[(c * Side * Side) + i] = (byte)Math.Clamp(255 * value, 0, 255);
            }
        }

        return new ByteImage(pixels, 3, Side, Side);
    }

    /// <summary>Roughly normal: the sum of twelve uniform numbers minus 6.</summary>
    private static double Noise(Philox random)
    {
        double sum = -6;
        for (int k = 0; k < 12; k++) sum += random.NextDouble();
        return sum;
    }

    private static string F(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);
}
