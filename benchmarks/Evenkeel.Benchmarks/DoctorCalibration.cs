using System.Globalization;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Drawn;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Benchmarks;

/// <summary>
/// How far healthy networks are from the bounds of the doctor's rules: trains the lab's networks with all norms from
/// several seeds, reads files of others, and writes a table per rule (<c>docs/doctor/calibration.md</c>).
/// </summary>
internal sealed class DoctorCalibration(int seeds, int steps)
{
    private const int Batch = 32, Samples = 1024;

    /// <summary>
    /// The rules with a ratio, and a bound for each with which it says what it measures, whatever that is.
    /// </summary>
    private static readonly Dictionary<string, double> s_open = new(StringComparer.Ordinal)
    {
        ["EK104"] = -1,
        ["EK106"] = -1,
        ["EK107"] = double.PositiveInfinity,
        ["EK108"] = double.PositiveInfinity,
        ["EK109"] = -1,
        ["EK110"] = double.PositiveInfinity,
        ["EK115"] = -1,
        ["EK117"] = -1,
    };

    private static readonly Dictionary<string, string> s_measured = new(StringComparer.Ordinal)
    {
        ["EK104"] = "start values left",
        ["EK106"] = "largest eps/(var + eps) of a layer",
        ["EK107"] = "smallest filter norm over the layer's median",
        ["EK108"] = "smallest Phi(beta/\\|gamma\\|) of a layer",
        ["EK109"] = "largest Phi(beta/\\|gamma\\|) of a layer",
        ["EK110"] = "smallest \\|gamma\\| over the layer's median",
        ["EK115"] = "largest \\|mean\\|/sd of a layer",
        ["EK117"] = "largest \\|gamma\\|/sd over the layer's median",
    };

    private readonly List<Finding> _lab = [], _files = [];
    private readonly List<(string Network, Finding Finding)> _loud = [];
    private readonly List<string> _trained = [], _read = [];

    /// <summary>Runs the command <c>calibrate</c>.</summary>
    /// <param name="arguments">The page that is written, then ONNX files or folders of them.</param>
    public static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 0)
        {
            Console.Error.WriteLine("calibrate: expected the page to write, then ONNX files or folders of them.");
            return 2;
        }

        var calibration = new DoctorCalibration(seeds: 5, steps: 60);
        calibration.TrainAll();
        foreach (string path in arguments.Skip(1)) calibration.ReadAll(path);
        File.WriteAllText(arguments[0], calibration.Page());
        return 0;
    }

    private void TrainAll()
    {
        NormKind[] norms = [NormKind.BatchNorm, NormKind.LayerNorm, NormKind.RMSNorm, NormKind.GroupNorm(2),
            NormKind.InstanceNorm, NormKind.None];
        foreach (NormKind norm in norms)
        {
            foreach (string network in new[] { "LeNet", "ResNet", "FullyConnected", "DeepMLP" })
            {
                // Instance norm normalizes planes.
                if (norm.Equals(NormKind.InstanceNorm) && network != "ResNet") continue;
                for (int seed = 1; seed <= seeds; seed++)
                {
                    Module model = Make(network, norm, new Philox((ulong)seed));
                    Train(model, (ulong)seed);
                    Note($"{network} with {norm}, seed {seed}", ExaminedNetwork.Of(model), _lab);
                }

                _trained.Add($"{network} with {norm}");
                Console.WriteLine($"{network} with {norm}");
            }
        }
    }

    private void ReadAll(string path)
    {
        IEnumerable<string> files = Directory.Exists(path)
            ? Directory.EnumerateFiles(path, "*.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            : [path];
        foreach (string file in files)
        {
            ExaminedNetwork network = OnnxModel.Load(file).Examined();
            if (!network.Norms.Any()) continue;
            Note(Path.GetFileName(file), network, _files);
            _read.Add(Path.GetFileNameWithoutExtension(file));
        }
    }

    private void Note(string name, ExaminedNetwork network, List<Finding> to)
    {
        to.AddRange(Doctor.Examine(network, name, new DoctorOptions { Bounds = s_open }).Findings
            .Where(static finding => s_open.ContainsKey(finding.Rule)));
        _loud.AddRange(Doctor.Examine(network, name).Findings
            .Where(static finding => finding.Level > FindingLevel.Note).Select(finding => (name, finding)));
    }

    private string Page()
    {
        var page = new StringBuilder();
        page.Append("# How far healthy networks are from the bounds\n\n");
        page.Append("Written by `dotnet run -c Release --project benchmarks/Evenkeel.Benchmarks -- calibrate`: ");
        page.Append(CultureInfo.InvariantCulture,
            $"{_trained.Count} networks of the lab, trained for {steps} steps from {seeds} seeds each, and ");
        page.Append(CultureInfo.InvariantCulture, $"{_read.Count} ONNX files of others. ");
        page.Append("A row is a rule with a ratio, a value one layer. The distance is the bound over the value nearest "
            + "to it, or the reverse: below 1 the rule speaks.\n\n");
        page.Append("Networks: ").AppendJoin("; ", _trained).Append(".\n\n");
        page.Append("Files: ").AppendJoin(", ", _read).Append(".\n");
        Table(page, "The lab's networks", _lab);
        Table(page, "Files of others", _files);
        page.Append("\n## Errors and warnings\n\n");
        if (_loud.Count == 0) page.Append("None.\n");
        foreach ((string network, Finding one) in _loud)
            page.Append(CultureInfo.InvariantCulture, $"- {network}: {one.Rule} in {one.Layer}, {one.Message}\n");
        return Wrapped(page.ToString());
    }

    private static void Table(StringBuilder page, string title, List<Finding> findings)
    {
        page.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n");
        page.Append("| rule | measured | layers | least | 1 % | median | 99 % | largest | bound | distance |\n");
        page.Append("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (string rule in s_open.Keys)
        {
            double[] values = [.. findings.Where(one => one.Rule == rule).Select(static one => one.Measured).Order()];
            double bound = Doctor.Rules.First(one => one.Id == rule).Bound;
            if (values.Length == 0)
            {
                page.Append(CultureInfo.InvariantCulture,
                    $"| {rule} | {s_measured[rule]} | 0 | | | | | | {bound:G3} | |\n");
                continue;
            }

            bool isLeast = double.IsPositiveInfinity(s_open[rule]);
            double nearest = isLeast ? values[0] / bound : bound / values[^1];
            page.Append(CultureInfo.InvariantCulture,
                $"| {rule} | {s_measured[rule]} | {values.Length} | {values[0]:G3} | {At(values, 0.01):G3} | "
                + $"{At(values, 0.5):G3} | {At(values, 0.99):G3} | {values[^1]:G3} | {bound:G3} | {nearest:G3} |\n");
        }
    }

    private static double At(double[] sorted, double share) => sorted[(int)Math.Round(share * (sorted.Length - 1))];

    /// <summary>Lines of at most 120 columns; rows of tables stay.</summary>
    private static string Wrapped(string text)
    {
        var wrapped = new StringBuilder();
        foreach (string line in text.TrimEnd('\n').Split('\n'))
        {
            string rest = line;
            while (rest.Length > 120 && rest[0] != '|' && rest.LastIndexOf(' ', 119) is > 0 and var cut)
            {
                wrapped.Append(rest[..cut]).Append('\n');
                rest = rest[(cut + 1)..];
            }

            wrapped.Append(rest).Append('\n');
        }

        return wrapped.ToString();
    }

    private static Module Make(string network, NormKind norm, Philox random) => network switch
    {
        "LeNet" => new LeNet(
            new LeNetOptions { Channels = 1, Classes = 10, Padding = 2, Size = 28, Norm = norm }, random),
        "ResNet" => new ResNet(
            new ResNetOptions { Channels = 1, Side = 28, Blocks = 1, Width = 8, Norm = norm }, random),
        "FullyConnected" => new Sequential(new Flatten(), new FullyConnected(28 * 28, [64, 64], 10, norm)),
        _ => new Sequential(new Flatten(), new Linear(28 * 28, 64, random: random), new DeepMLP(64, 6, norm, random),
            new Linear(64, 10, random: random)),
    };

    private void Train(Module model, ulong seed)
    {
        ImageSet images = SyntheticFashion.Create(seed, Samples, 1).Train;
        Tensor all = Tensor.Zeros([Samples, 1, 28, 28]);
        images.CopyAllTo(all.AsSpan<float>());
        int[] labels = new int[Samples];
        images.CopyLabelsTo([.. Enumerable.Range(0, Samples)], labels);
        using var loader = new DataLoader(
            new TensorDataset(all, Tensor.Labels(labels)), Batch, shuffle: true, seed: seed);
        var optimizer = new AdamW(model.Parameters(), learningRate: 3e-3);
        var tape = new Tape(Mode.Train);
        for (int step = 0; step < steps;)
        {
            foreach (Batch batch in loader)
            {
                if (step++ >= steps) break;
                tape.Reset();
                model.Forward(tape.Input(batch.Inputs)).CrossEntropy(batch.Targets).Backward();
                optimizer.Step();
                optimizer.ZeroGrad();
            }
        }
    }
}
