using System.Diagnostics;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>What a training has left behind: a loss a step, accuracies after the first step and after every epoch.</summary>
internal sealed class TrainingHistory
{
    public List<double> Loss { get; } = [];

    public List<double> TrainAccuracy { get; } = [];

    public List<double> ValidationAccuracy { get; } = [];

    /// <summary>Training steps alone, without the accuracies.</summary>
    public double ImagesPerSecond { get; set; }

    /// <summary>Mean loss of the last <paramref name="steps"/> steps.</summary>
    public double FinalLoss(int steps = 100) => Loss.Skip(Math.Max(0, Loss.Count - steps)).Average();

    /// <summary>Curves and headline numbers of a variant.</summary>
    public void AddTo(ExperimentResult result, string variant)
    {
        result.Figures[$"{variant}.finalTrainAccuracy"] = TrainAccuracy[^1];
        result.Figures[$"{variant}.bestTrainAccuracy"] = TrainAccuracy.Max();
        result.Figures[$"{variant}.bestValidationAccuracy"] = ValidationAccuracy.Max();
        result.Figures[$"{variant}.finalLoss"] = FinalLoss();
        result.Figures[$"{variant}.imagesPerSecond"] = ImagesPerSecond;
        result.AddSeries($"{variant}/loss", Loss, first: 1);
        result.AddSeries($"{variant}/train-accuracy", TrainAccuracy);
        result.AddSeries($"{variant}/validation-accuracy", ValidationAccuracy);
    }
}

/// <summary>
/// The notebook's <c>Solver</c> with Adam: minibatches drawn with replacement, accuracy on all images of the small set after the first step and after every epoch.
/// </summary>
internal static class NotebookSolver
{
    /// <summary>Steps of an epoch: as many batches as fit, at least one.</summary>
    public static int StepsPerEpoch(int images, int batchSize) => Math.Max(images / batchSize, 1);

    public static TrainingHistory Train(
        FullyConnectedNet net, SmallImages images, int epochs, int batchSize, double learningRate, NumPyRandomState random, Action<double, int, TrainingHistory?> report)
    {
        int stepsPerEpoch = StepsPerEpoch(images.TrainCount, batchSize), steps = epochs * stepsPerEpoch;
        var history = new TrainingHistory();
        var optimizer = new Adam(net.Model.Parameters(), learningRate);
        var train = new Tape(Mode.Train);
        var evaluate = new Tape(Mode.Eval);
        int[] chosen = new int[batchSize];
        // The batch lives in a parameter that wants no gradient: a tape watches it without a copy.
        var batch = new Parameter(Tensor.Zeros([batchSize, images.Pixels], images.DType)) { RequiresGradient = false };
        Tensor labels = Tensor.Labels(chosen);
        long trained = 0;
        for (int step = 0; step < steps; step++)
        {
            long start = Stopwatch.GetTimestamp();
            random.Choice(images.TrainCount, chosen);
            images.CopyTrain(chosen, batch.Value, labels);
            train.Reset();
            Tensor loss = net.Model.Forward(train.Watch(batch)).CrossEntropy(labels);
            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            history.Loss.Add(loss.Item());
            trained += Stopwatch.GetTimestamp() - start;

            bool epochEnds = (step + 1) % stepsPerEpoch == 0;
            if (step == 0 || epochEnds || step == steps - 1)
            {
                history.TrainAccuracy.Add(Accuracy(net, evaluate, images.Train, images.TrainLabels));
                history.ValidationAccuracy.Add(Accuracy(net, evaluate, images.Validation, images.ValidationLabels));
            }

            report((step + 1.0) / steps, (step / stepsPerEpoch) + 1, epochEnds ? history : null);
        }

        history.ImagesPerSecond = (double)steps * batchSize * Stopwatch.Frequency / trained;
        return history;
    }

    /// <summary>Takes the numbers a training would take from the stream, without training.</summary>
    public static void Skip(NumPyRandomState random, int images, int epochs, int batchSize)
    {
        int[] chosen = new int[batchSize];
        for (int step = 0; step < epochs * StepsPerEpoch(images, batchSize); step++) random.Choice(images, chosen);
    }

    private static double Accuracy(FullyConnectedNet net, Tape tape, Parameter images, int[] labels)
    {
        tape.Reset();
        Tensor scores = net.Model.Forward(tape.Watch(images));
        int classes = scores.Shape[1], right = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            int best = scores.DType == DType.Float64
                ? Largest<double>(scores.AsSpan<double>().Slice(i * classes, classes))
                : Largest<float>(scores.AsSpan<float>().Slice(i * classes, classes));
            if (best == labels[i]) right++;
        }

        return (double)right / labels.Length;
    }

    /// <summary>The first largest value, or the first NaN, as NumPy's argmax has it.</summary>
    private static int Largest<T>(ReadOnlySpan<T> values) where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int best = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (T.IsNaN(values[i])) return i;
            if (values[i] > values[best]) best = i;
        }

        return best;
    }
}
