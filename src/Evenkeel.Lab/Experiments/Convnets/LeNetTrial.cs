using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Where a batch norm stands.</summary>
internal enum NormPlace
{
    Nowhere,

    /// <summary>Between a layer and its activation.</summary>
    Before,

    /// <summary>After the activation, before the pooling.</summary>
    After,
}

/// <summary>
/// A short training of a LeNet on a few thousand garments: a comparison that takes a second, so that it can be made for
/// many nets and seeds. Lesson D's layers and start values
/// (<c>xavier_uniform_</c>), plain SGD, batches of 50.
/// </summary>
/// <param name="Activation">The function after every layer but the last: ReLU or a sigmoid, and with it max or average
/// pooling.</param>
/// <param name="Place">Where batch norm stands, at every layer but the last.</param>
/// <param name="IsLocal">Whether local response normalization follows each convolution's activation, before the
/// pooling, as in AlexNet.</param>
internal sealed record LeNetTrial(Nonlinearity Activation, NormPlace Place, bool IsLocal = false)
{
    public const int BatchSize = 50;

    /// <summary>What a net is worth that has diverged, on ten classes: a claim needs a number.</summary>
    private const double Guess = 0.1;

    /// <summary>
    /// The net, with start values from the stream: every layer's own, then all weights again, as lesson D draws them.
    /// </summary>
    public Sequential Net(IRandomStream random)
    {
        return LessonLeNet.Create(random, Close);

        void Close(Sequential net, int channels, bool isSpatial)
        {
            if (Place == NormPlace.Before) net.Add(Norm());
            net.Add(Activation == Nonlinearity.ReLU ? new ReLU() : new Sigmoid());
            if (Place == NormPlace.After) net.Add(Norm());
            if (!isSpatial) return;
            if (IsLocal) net.Add(LocalNorm());
            net.Add(Activation == Nonlinearity.ReLU ? new MaxPool2d(2) : new AvgPool2d(2));

            Module Norm() => isSpatial ? new BatchNorm2d(channels) : new BatchNorm1d(channels);
        }
    }

    /// <summary>
    /// AlexNet's window and power. Its alpha, 1e-4, suits activations of pixels from 0 to 255; those of pixels from 0
    /// to 1 it would leave as they are. With alpha 1 and k 1 five responses of
    /// size 1 divide each other by 2^0.75 = 1.7.
    /// </summary>
    private static LocalResponseNorm LocalNorm() => new(5, alpha: 1, beta: 0.75, k: 1);

    /// <summary>
    /// Trains several nets from the context's seed on 4000 garments (quick: 1000), one after the other: figures and
    /// curves of each, and a table.
    /// </summary>
    public static ExperimentResult Compare(ExperimentContext context,
        params IReadOnlyList<(string Variant, LeNetTrial Trial, double Rate)> nets)
    {
        FashionImages images = context.Quick ? context.Data.Fashion(context, 1_000, 1_000)
            : context.Data.Fashion(context, 4_000, 2_000);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        for (int n = 0; n < nets.Count; n++)
        {
            (string variant, LeNetTrial trial, double rate) = nets[n];
            int number = n;
            LeNetCourse course =
                trial.Train(context, images, rate, slowsDown: true, hash, variant, done =>
                    context.Report((number + done) / nets.Count, variant));
            result.Figures[$"{variant}.trainAccuracy"] = course.TrainAccuracy[^1];
            result.Figures[$"{variant}.testAccuracy"] = course.TestAccuracy;
            result.AddSeries($"{variant}/train-loss", course.Loss, first: 1);
            result.AddSeries($"{variant}/train-accuracy", course.TrainAccuracy, first: 1);
            rows.Add([variant, rate, course.Loss[^1], course.TrainAccuracy[^1], course.TestAccuracy]);
            context.Report((n + 1.0) / nets.Count, string.Create(CultureInfo.InvariantCulture,
                $"{variant}, train {course.TrainAccuracy[^1]:F3}, test {course.TestAccuracy:F3}"), milestone: true);
        }

        result.Tables.Add(new ResultTable("After the last epoch (training accuracy as it runs over the epoch; test " +
            "accuracy with exact statistics of the training images)",
            ["net", "rate", "loss", "train", "test"], rows, [null, "G4", "F3", "F3", "F3"]));
        result.WeightsHash = hash.Finish();
        return result;
    }

    /// <summary>Trains a new net from the context's seed.</summary>
    /// <param name="context">Seed, epochs, type, cancellation.</param>
    /// <param name="images">Training images, and test images or none.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="slowsDown">Whether the last epoch runs at a tenth of the rate: where the net stands then depends
    /// less on its last few batches.</param>
    /// <param name="hash">Takes the net as training has left it.</param>
    /// <param name="name">Under which name.</param>
    /// <param name="report">Told the share that is done.</param>
    public LeNetCourse Train(ExperimentContext context, FashionImages images, double rate, bool slowsDown,
        WeightsHash hash, string name, Action<double> report)
    {
        // The same start values and the same batches for every net of a seed: batch norm draws nothing.
        var random = new TorchGenerator((ulong)context.Seed);
        Sequential net = Net(random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var optimizer = new SGD(net.Parameters(), rate);
        var training = new ClassifierTraining(net, optimizer);
        var scores = new List<Score>();
        using (DataLoader batches = images.Batches(BatchSize, random, context.DType, context.Cancellation))
        {
            for (int epoch = 0; epoch < context.Epochs; epoch++)
            {
                int number = epoch;
                if (slowsDown && epoch == context.Epochs - 1) optimizer.LearningRate = rate / 10;
                bool isOver = scores.Count > 0 && !double.IsFinite(scores[^1].Loss);
                scores.Add(isOver ? scores[^1]
                    : training.Epoch(batches, done => report((number + done) / context.Epochs)));
            }
        }

        hash.Add(name, net);
        return new LeNetCourse([.. scores.Select(static score => score.Loss)],
            [.. scores.Select(static score => score.Accuracy)], Test(context, images, net, training));
    }

    private static double Test(ExperimentContext context, FashionImages images, Sequential net,
        ClassifierTraining training)
    {
        if (images.Test.Count == 0) return double.NaN;
        if (!double.IsFinite(training.Losses[^1])) return Guess;
        using DataLoader statistics = images.TrainInOrder(images.Train.Count, context.DType, context.Cancellation),
            tests = images.TestBatches(context.DType, context.Cancellation);
        Recalibration.Run(net, statistics);
        return training.Evaluate(tests).Accuracy;
    }
}

/// <summary>What a trial has measured; NaN from the first loss on that was not finite.</summary>
/// <param name="Loss">Mean over each epoch, while the weights change.</param>
/// <param name="TrainAccuracy">Likewise.</param>
/// <param name="TestAccuracy">
/// At the end, with the exact statistics of the training images: moving averages over so few steps would blur every
/// comparison (experiment fashion-lenet shows how). That of guessing where training has diverged, NaN without test
/// images.
/// </param>
internal sealed record LeNetCourse(IReadOnlyList<double> Loss, IReadOnlyList<double> TrainAccuracy,
    double TestAccuracy);
