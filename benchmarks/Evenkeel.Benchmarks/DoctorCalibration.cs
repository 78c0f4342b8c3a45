using System.Globalization;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Drawn;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Benchmarks;

/// <summary>
/// How far healthy networks are from the bounds of the doctor's rules: trains the lab's networks with all norms from
/// several seeds, reads files of others, and writes what all rules measure (<c>docs/doctor/calibration.md</c>).
/// </summary>
internal sealed class DoctorCalibration(int seeds, int epochs)
{
    private const int Batch = 32, Samples = 1024, TestSamples = 512, Every = 4, Warmup = 8;

    /// <summary>Without a norm networks bear less: at full rates half of their units die.</summary>
    private const double RateWithoutNorm = 0.25;

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

    private static readonly HashSet<string> s_files =
        [.. Doctor.Rules.OfType<FileRule>().Select(static rule => rule.Id)];

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
    private readonly CalibrationLadders _ladders = new();
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

        var calibration = new DoctorCalibration(seeds: 5, epochs: 4);
        calibration.TrainAll();
        foreach (string path in arguments.Skip(1)) calibration.ReadAll(path);
        File.WriteAllText(arguments[0], calibration.Page());
        return 0;
    }

    private void TrainAll()
    {
        NormKind[] norms = [NormKind.None, NormKind.BatchNorm, NormKind.LayerNorm, NormKind.RMSNorm,
            NormKind.GroupNorm(2), NormKind.InstanceNorm];
        foreach (NormKind norm in norms)
        {
            foreach (string network in new[] { "LeNet", "ResNet", "FullyConnected", "DeepMLP" })
            {
                // Instance norm normalizes planes.
                if (norm.Equals(NormKind.InstanceNorm) && network != "ResNet") continue;
                if (norm.Equals(NormKind.None) && network == "ResNet") continue;
                for (int seed = 1; seed <= seeds; seed++)
                    TrainOne($"{Name(network, norm)}, seed {seed}", network, norm, (ulong)seed);

                _trained.Add(Name(network, norm));
                Console.WriteLine(_trained[^1]);
            }
        }
    }

    /// <summary>Trains a network under the eyes of the doctor, and examines it without and with data.</summary>
    private void TrainOne(string name, string network, NormKind norm, ulong seed)
    {
        Module model = Make(network, norm, new Philox(seed));
        (ImageSet train, ImageSet test) = SyntheticFashion.Create(seed, Samples, TestSamples);
        (Tensor inputs, Tensor labels) = Raw(train, Samples);
        (Tensor otherInputs, Tensor otherLabels) = Raw(test, TestSamples);
        (double mean, double deviation) = Spread(inputs.AsSpan<float>());
        TensorDataset samples = new((inputs - mean) / deviation, labels),
            others = new((otherInputs - mean) / deviation, otherLabels);
        var options = new TrainerOptions
        {
            Epochs = epochs,
            BatchSize = Batch,
            Seed = seed,
            TrainingSamples = 0,
            RestoreBestModel = false,
            Doctor = new TrainingDoctor { Every = Every, Options = new DoctorOptions { Rules = _ladders.OfTraining } },
        };
        IReadOnlyList<Parameter> parameters = model.Parameters();
        double rate = norm.Equals(NormKind.None) ? RateWithoutNorm : 1;
        Optimizer optimizer = seed % 2 == 0
            ? new SGD(parameters, rate * 0.02, momentum: 0.9)
            : new AdamW(parameters, rate * 3e-3);
        options.Scheduler = new CosineWithWarmup(optimizer, Warmup, epochs * Samples / Batch);
        options.ScheduleBy = ScheduleBy.Iteration;
        History history = new Trainer(model, optimizer, new CrossEntropyLoss(), options).Fit(samples, others);
        Note(name, ExaminedNetwork.Of(model), _lab);
        Take(name, history.Findings.Select(static said => said.Finding), CalibrationLadders.Training);
        var data = new DoctorData(samples) { Other = others };
        Take(name, Doctor.Examine(model, data, new DoctorOptions { Rules = CalibrationLadders.OfData() }).Findings
            .Where(static finding => !s_files.Contains(finding.Rule)), CalibrationLadders.Data);
    }

    private void Take(string name, IEnumerable<Finding> findings, IEnumerable<CalibrationLadder> ladders)
    {
        Finding[] all = [.. findings];
        _ladders.Take(name, all, ladders);
        foreach (Finding finding in all)
        {
            if (finding.Level == FindingLevel.Note || CalibrationLadders.IsRung(finding.Rule)) continue;
            _loud.Add((name, finding));
            Console.WriteLine($"{name}: {finding.Rule} {finding.Layer} {finding.Message}");
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
        page.Append("The doctor is to be silent about healthy networks. This page says how far they are from each "
            + "bound that is a ratio. It is written by the command\n\n");
        page.Append("    dotnet run -c Release --project benchmarks/Evenkeel.Benchmarks -- "
            + "calibrate PAGE FILES...\n\n");
        page.Append(CultureInfo.InvariantCulture,
            $"{_trained.Count} networks are trained from the seeds 1 to {seeds}: {epochs} epochs of {Samples} drawn "
            + $"pictures of clothes in batches of {Batch}, with AdamW (rate 0.003) for odd seeds and SGD (rate 0.02, "
            + $"momentum 0.9) for even ones, which rise in {Warmup} steps and end at 0 (cosine). Networks without a "
            + $"norm have {RateWithoutNorm} of these rates. ");
        page.Append("The pictures are standardized. The residual network without a norm is not among them: it "
            + "diverges, and the doctor says so ([EK301](EK301.md) at its first step). ");
        page.Append(CultureInfo.InvariantCulture, $"{_read.Count} ONNX files are those of others.\n\n");
        page.Append("Networks: ").AppendJoin("; ", _trained).Append(".\n\n");
        page.Append("Files: ").AppendJoin(", ", _read).Append(".\n\n");
        page.Append("## Errors and warnings\n\n");
        page.Append("All rules with their own bounds, on all of these networks and files.\n\n");
        if (_loud.Count == 0) page.Append("None.\n");
        foreach ((string network, Finding one) in _loud)
            page.Append(CultureInfo.InvariantCulture, $"- {network}: {one.Rule} in {one.Layer}, {one.Message}\n");
        page.Append("\n## Rules of a file\n\n");
        page.Append("A value is one layer. The distance is the bound over the value nearest to it, or the reverse: "
            + "below 1 the rule speaks. A note is no harm, so these rules may speak.\n");
        Table(page, "The lab's networks", _lab);
        Table(page, "Files of others", _files);
        _ladders.Write(page);
        return Wrapped(page.ToString());
    }

    private static void Table(StringBuilder page, string title, List<Finding> findings)
    {
        page.Append(CultureInfo.InvariantCulture, $"\n### {title}\n\n");
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

    private static string Name(string network, NormKind norm) =>
        norm.Equals(NormKind.None) ? $"{network} without a norm" : $"{network} with {norm}";

    private static (Tensor Inputs, Tensor Labels) Raw(ImageSet images, int count)
    {
        Tensor all = Tensor.Zeros([count, 1, 28, 28]);
        images.CopyAllTo(all.AsSpan<float>());
        int[] labels = new int[count];
        images.CopyLabelsTo([.. Enumerable.Range(0, count)], labels);
        return (all, Tensor.Labels(labels));
    }

    private static (double Mean, double Deviation) Spread(ReadOnlySpan<float> values)
    {
        double sum = 0, squares = 0;
        foreach (float value in values)
        {
            sum += value;
            squares += (double)value * value;
        }

        double mean = sum / values.Length;
        return (mean, Math.Sqrt((squares / values.Length) - (mean * mean)));
    }
}
