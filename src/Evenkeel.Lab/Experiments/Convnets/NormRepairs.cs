using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// What helps a norm in small batches, and what a pretrained one is worth: batch renorm, weight standardization, frozen
/// norms.
/// </summary>
internal sealed class NormRepairs : Experiment
{
    public const string Batch = "batchnorm";
    public const string Renorm = "renorm";
    public const string Group = "groupnorm";
    public const string Standardized = "groupnorm-standardized";
    public const string Active = "tuned-active";
    public const string Frozen = "tuned-frozen";
    public const string FrozenStatistics = "tuned-statistics";

    public const int Tiny = 2;
    public const int Small = 8;
    public const int Ordinary = 32;

    /// <summary>Adam's rate in batches of 32; it goes with the square root of the batch size.</summary>
    private const double Rate = 1e-3;

    /// <summary>Training images, those of fine-tuning, and held-out ones.</summary>
    private const int Held = 1500, Tuned = 200, QuickCount = 200, QuickHeld = 300, QuickTuned = 40;

    /// <summary>Deviation of the noise on the images of fine-tuning, whose pixels have deviation 1.</summary>
    private const double Noise = 0.5;

    private const double Guess = 0.1;

    public override string Name => "norm-repairs";

    public override string Title => "Renorm, standardized weights, frozen norms";

    public override string Lesson => "D8";

    public override string Description =>
        "LeNet with batch norm and batch renorm in batches of 2, 8 and 32; a small ResNet with group norm, its " +
        "weights standardized or not, and with batch norm; and the first net's norms frozen or not while it learns " +
        "two hundred noisy images.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#norm-repairs";

    public override long LessonSeed => 1;

    public override (int Lesson, int Quick)? Epochs => (5, 1);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (14, 0.8);

    public override ExperimentResult Run(ExperimentContext context) => context.Quick
        ? Compare(context, QuickCount, QuickHeld, QuickTuned)
        : Compare(context, FewGarments.TrainCount, Held, Tuned);

    /// <summary>All three comparisons.</summary>
    internal ExperimentResult Compare(ExperimentContext context, int count, int held, int tuned)
    {
        FewGarments images = FewGarments.Draw(context, held, count);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        Module? pretrained = null;
        (string Name, int[] Sizes, Func<int, IRandomStream, Module> Create)[] nets =
        [
            (Batch, [Tiny, Small, Ordinary], static (_, random) => LeNet(random)),
            (Renorm, [Tiny, Small, Ordinary],
                (size, random) => WithRenorm(LeNet(random), context.Epochs * count / size)),
            ($"resnet-{Batch}", [Tiny, Ordinary], static (_, random) => ResNet(NormKind.BatchNorm, random)),
            (Group, [Tiny, Ordinary], static (_, random) => ResNet(NormKind.GroupNorm(4), random)),
            (Standardized, [Tiny, Ordinary],
                static (_, random) => WithStandardizedWeights(ResNet(NormKind.GroupNorm(4), random))),
        ];
        int done = 0, all = nets.Sum(static net => net.Sizes.Length) + 6;
        foreach ((string name, int[] sizes, Func<int, IRandomStream, Module> create) in nets)
        {
            double[] tests = new double[sizes.Length];
            for (int s = 0; s < sizes.Length; s++)
            {
                var random = new TorchGenerator((ulong)context.Seed);
                Module net = create(sizes[s], random);
                if (context.DType == DType.Float64) net.To(DType.Float64);
                tests[s] = Train(context, net, images, images.Train, images.Test, sizes[s], context.Epochs, random);
                if (name == Batch && sizes[s] == Ordinary) pretrained = net;
                Keep(name, sizes[s], net, tests[s]);
            }

            result.Series.Add(new Series(
                $"{name}/test-accuracy", [.. sizes.Select(static size => (double)size)], tests));
        }

        IDataset few = Noisy(context, images.Train, tuned), noisyTests = Noisy(context, images.Test, images.Test.Count);
        foreach ((string name, Action<Module> prepare) in ((string, Action<Module>)[])
        [
            (Active, static _ => { }), (Frozen, static net => net.FreezeNorms()),
            (FrozenStatistics, static net => net.FreezeNormStatistics()),
        ])
        {
            foreach (int size in (ReadOnlySpan<int>)[Tiny, Ordinary])
            {
                Module net = pretrained!.Clone();
                prepare(net);
                var random = new TorchGenerator((ulong)context.Seed);
                Keep(name, size, net, Train(context, net, images, few, noisyTests, size, context.Epochs, random));
            }
        }

        result.Figures["pretrained.noisyTestAccuracy"] =
            new ClassifierTraining(pretrained!, new Adam(pretrained!.Parameters(), Rate))
                .Evaluate(images.InOrder(noisyTests)).Accuracy;
        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable("Test accuracy", ["net", "batch", "test"], rows, [null, null, "F3"]));
        double ordinary = result.Figures[Figure(Batch, Ordinary)];
        result.Checks.Add(Check.Judge("D8.pretrained", "The net that is tuned has learned",
            "test accuracy of at least 0.5 before, ten classes",
            ordinary.ToString("F3", CultureInfo.InvariantCulture), ordinary >= 0.5));
        return result;

        void Keep(string name, int size, Module net, double test)
        {
            string figure = Figure(name, size);
            result.Figures[figure] = test;
            hash.Add($"{name}-{size}", net);
            rows.Add([name, size, test]);
            context.Report((double)++done / all, $"{name}, batches of {size}");
        }
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
            $"at 2: BN {figures[Figure(Batch, Tiny)]:F2}, renorm {figures[Figure(Renorm, Tiny)]:F2}; " +
            $"GN {figures[Figure(Group, Tiny)]:F2}, WS {figures[Figure(Standardized, Tiny)]:F2}");

    /// <summary>The name of a test accuracy.</summary>
    public static string Figure(string name, int size) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}-{size}.testAccuracy");

    private static Module LeNet(IRandomStream random) => ComparedNet.LeNet.Create(ComparedNorm.BatchNormed, random);

    private static Module ResNet(NormKind norm, IRandomStream random) =>
        ComparedNet.ResNet.Create(new ComparedNorm("", "", norm), random);

    /// <summary>Batch renorm, its limits opened over the first half of the training.</summary>
    private static Module WithRenorm(Module net, int steps)
    {
        RenormLimits limits =
            RenormLimits.Paper with { PlainBatches = steps / 20, RReachedAt = steps / 2, DReachedAt = steps / 3 };
        return net.Clone(module => module switch
        {
            BatchNorm1d norm => new BatchRenorm1d(norm.NumFeatures, limits: limits),
            BatchNorm2d norm => new BatchRenorm2d(norm.NumFeatures, limits: limits),
            _ => null,
        });
    }

    private static Module WithStandardizedWeights(Module net)
    {
        foreach ((_, Module module) in net.NamedModules())
            if (module is Conv2d conv) conv.WeightStandardization = new WeightStandardization();
        return net;
    }

    /// <summary>Test accuracy after a training.</summary>
    private static double Train(ExperimentContext context, Module net, FewGarments images, IDataset train,
        IDataset test, int size, int epochs, IRandomStream random)
    {
        var training = new ClassifierTraining(
            net, new Adam(net.Parameters(), Rate * Math.Sqrt((double)size / Ordinary)));
        using var batches = new DataLoader(
            train, size, shuffle: true, workers: 0, cancellationToken: context.Cancellation)
        {
            Sampler = Sampler.Shuffled(random),
            DType = context.DType,
        };
        for (int epoch = 0; epoch < epochs; epoch++)
            if (double.IsNaN(training.Epoch(batches, static _ => { }).Loss)) return Guess;
        return training.Evaluate(images.InOrder(test)).Accuracy;
    }

    /// <summary>The first images of a set, with noise that depends on the seed and the image.</summary>
    private static TensorDataset Noisy(ExperimentContext context, IDataset images, int count)
    {
        int[] indices = [.. Enumerable.Range(0, count)];
        Tensor rows = Tensor.Zeros([count, .. images.SampleShape]), labels = Tensor.Zeros([count], DType.Int64);
        images.CopyTo(indices, rows);
        images.CopyTargetsTo(indices, labels);
        Tensor noise = Tensor.RandomNormal(rows.Shape, new Philox((ulong)context.Seed, "noisy garments"));
        return new TensorDataset(rows + (noise * Noise), labels);
    }
}
