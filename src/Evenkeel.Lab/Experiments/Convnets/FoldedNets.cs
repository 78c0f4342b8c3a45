using System.Diagnostics;
using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Batch norm in use is a linear map right after a linear layer (lesson D): trained nets with it multiplied into the
/// weights, what that changes, and what cannot be folded.
/// </summary>
internal sealed class FoldedNets : Experiment
{
    public const string After = "after-activation";

    private const int BatchSize = 32;
    private const double Rate = 1e-3;
    private const int Held = 1500;

    /// <summary>Images that the data flow is read from and outputs are compared on.</summary>
    private const int ProofImages = 64;

    /// <summary>
    /// Passes of either net whose fastest one is its time, and the images of one: short, so that among many some are
    /// not interrupted.
    /// </summary>
    private const int TimedPasses = 300;
    private const int TimedImages = 16;

    /// <summary>
    /// Name, title and maker of each net. The third has its norms where the lesson says that they do not belong.
    /// </summary>
    private static readonly (string Name, string Title, Func<IRandomStream, Module> Create)[] s_nets =
    [
        (ComparedNet.LeNet.Name, ComparedNet.LeNet.Title, static random =>
            ComparedNet.LeNet.Create(ComparedNorm.BatchNormed, random)),
        (ComparedNet.ResNet.Name, ComparedNet.ResNet.Title, static random =>
            ComparedNet.ResNet.Create(ComparedNorm.BatchNormed, random)),
        (After, "LeNet, norms after ReLU", static random =>
            new Sequential(new Unflatten(1, 1, 28, 28),
                new LeNetTrial(Nonlinearity.ReLU, NormPlace.After).Net(random))),
    ];

    public override string Name => "folding";

    public override string Title => "Batch norm folded into the weights";

    public override string Lesson => "D7";

    public override string Description =>
        "LeNet and a small ResNet trained on a thousand images, then the same nets with their batch norms multiplied " +
        "into the layers next to them: how far outputs differ, whether answers do, and the time an image takes. And " +
        "a LeNet with its norms behind the activations, where not all can be folded.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#folding";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. s_nets.Select(static net => net.Name)];

    public override (int Lesson, int Quick)? Epochs => (4, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override bool IsTimed => true;

    public override (double Lesson, double Quick) Cost => (12, 6);

    public override ExperimentResult Run(ExperimentContext context) =>
        Fold(context, FewGarments.Draw(context, Held), TimedPasses);

    /// <summary>Trains, folds and compares.</summary>
    internal static ExperimentResult Fold(ExperimentContext context, FewGarments images, int passes)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        List<IReadOnlyList<object?>> rows = [], layers = [];
        for (int n = 0; n < s_nets.Length; n++)
        {
            (string name, string title, Func<IRandomStream, Module> create) = s_nets[n];
            int number = n;
            Module net = Train(context, images, create, done =>
                context.Report((number + (0.8 * done)) / s_nets.Length, name));
            FoldResult folded = net.Fold(Rows(images.Test, ProofImages, context.DType));
            hash.Add(name, net);
            hash.Add($"{name}, folded", folded.Model);
            int kept = folded.Layers.Count(static layer => layer.Status == FoldStatus.Kept);
            long[] before = Answers(net, images, context.DType), after = Answers(folded.Model, images, context.DType),
                labels = images.Test.LabelsOf();
            (double whole, double less) = Times(context, net, folded.Model, images, passes);
            Set("folded", folded.Layers.Count - kept);
            Set("kept", kept);
            Set("largestDifference", folded.Proof.RelativeDifference);
            Set("ulps", folded.Proof.UlpsOfLargest);
            Set("float64Difference", folded.Float64Proof.RelativeDifference);
            Set("testAccuracy", Share(before, labels));
            Set("foldedTestAccuracy", Share(after, labels));
            Set("sameAnswers", Share(before, after));
            Set("microsecondsAnImage", whole);
            Set("foldedMicrosecondsAnImage", less);
            Set("speedup", whole / less);
            rows.Add([title, folded.Layers.Count - kept, kept, folded.Proof.RelativeDifference,
                folded.Proof.UlpsOfLargest, Share(before, labels), Share(after, labels),
                Share(before, after), whole, less]);
            layers.AddRange(folded.Layers.Select(layer =>
                (IReadOnlyList<object?>)[title, layer.Name, layer.Status switch
            {
                FoldStatus.IntoLayerBefore => $"in {layer.Target}, before it",
                FoldStatus.IntoLayerAfter => $"in {layer.Target}, after it",
                _ => $"kept: {layer.Reason}",
            }]));
            context.Report((n + 1.0) / s_nets.Length, $"{name}, {folded.Layers.Count - kept} of " +
                $"{folded.Layers.Count} norms folded", milestone: true);

            void Set(string figure, double value) => result.Figures[$"{name}.{figure}"] = value;
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable($"Before and after folding (difference of the scores of {ProofImages} " +
            $"images, over the largest score and in units in its last place; the fastest pass of {TimedImages} images)",
            ["net", "folded", "kept", "difference", "ulp", "test", "folded: test", "same answers", "µs per image",
                "folded: µs"], rows,
            [null, null, null, "0.0e+00", "F1", "F3", "F3", "F3", "F1", "F1"]));
        result.Tables.Add(new ResultTable("What became of each norm", ["net", "norm", "now"], layers));
        Judge(result);
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        double[] places = [.. Enumerable.Range(0, s_nets.Length).Select(static n => (double)n)];
        return
        [
            new Chart("microseconds", "Time an image takes in use",
                new Axis("", Categories: [.. s_nets.Select(static net => net.Title)]), new Axis(
                "microseconds, the fastest of several passes"),
                [Of("as trained", "microsecondsAnImage"), Of("folded", "foldedMicrosecondsAnImage")],
                Kind: ChartKind.Bar),
        ];

        Curve Of(string label, string figure) =>
            new(label, places, [.. s_nets.Select(net => result.Figures[$"{net.Name}.{figure}"])], HasLine: false);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"equal to {figures["lenet.largestDifference"]:0.0e+00}; LeNet {figures["lenet.speedup"]:F2}x, ResNet " +
        $"{figures["resnet.speedup"]:F2}x");

    private static Module Train(ExperimentContext context, FewGarments images, Func<IRandomStream, Module> create,
        Action<double> report)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        Module net = create(random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new Adam(net.Parameters(), Rate));
        using DataLoader batches = images.Batches(BatchSize, random);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            int number = epoch;
            training.Epoch(batches, share => report((number + share) / context.Epochs));
        }

        return net;
    }

    private static long[] Answers(Module net, FewGarments images, DType dtype) =>
        net.Predict(Rows(images.Test, images.Test.Count, dtype)).ArgMax(1).ToArray<long>();

    private static Tensor Rows(IDataset set, int count, DType dtype)
    {
        Tensor rows = Tensor.Zeros([Math.Min(count, set.Count), 784], dtype);
        set.CopyTo([.. Enumerable.Range(0, rows.Shape[0])], rows);
        return rows;
    }

    private static double Share(long[] a, long[] b) => (double)a.Zip(b)
        .Count(static pair => pair.First == pair.Second) / a.Length;

    /// <summary>
    /// Microseconds that an image takes in either net: passes by turns, the fastest of each, so that whatever else the
    /// machine does meets both.
    /// </summary>
    private static (double Whole, double Folded) Times(ExperimentContext context, Module net, Module folded,
        FewGarments images, int passes)
    {
        Tensor inputs = Rows(images.Test, TimedImages, context.DType);
        var tape = new Tape(Mode.Eval, recordGradients: false);
        double whole = double.PositiveInfinity, less = double.PositiveInfinity;
        for (int pass = 0; pass < passes; pass++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            whole = Math.Min(whole, Time(net));
            less = Math.Min(less, Time(folded));
        }

        return (whole, less);

        double Time(Module model)
        {
            long begun = Stopwatch.GetTimestamp();
            tape.Reset();
            model.Forward(tape.Input(inputs));
            return Stopwatch.GetElapsedTime(begun).TotalMicroseconds / inputs.Shape[0];
        }
    }

    private static void Judge(ExperimentResult result)
    {
        string[] whole = [ComparedNet.LeNet.Name, ComparedNet.ResNet.Name];
        result.Checks.Add(Check.Judge("D7.folds", "Every batch norm right after its layer folds",
            "none is kept in LeNet and in the ResNet",
            string.Join(", ", whole.Select(name => string.Create(CultureInfo.InvariantCulture,
                $"{name}: {result.Figures[$"{name}.folded"]} folded, {result.Figures[$"{name}.kept"]} kept"))),
                    whole.All(name => result.Figures[$"{name}.kept"] == 0)));
        double same = whole.Min(name => result.Figures[$"{name}.sameAnswers"]);
        result.Checks.Add(Check.Judge("D7.same", "A folded net gives the same answers",
            "for 0.999 of the test images and more", string.Create(CultureInfo.InvariantCulture, $"{same:F4}"),
            same >= 0.999));
        result.Notes.Add("A folded net is for use: trained on, it is a net without norm. Norms that look at the " +
            "sample in use, as group norm does, cannot be folded at all.");
    }
}
