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

    /// <summary>Behind the activation, before the pooling.</summary>
    After,
}

/// <summary>
/// A short training of a LeNet on a few thousand garments: a comparison that takes a second, so that it can be made for many nets and seeds. Lesson D's layers and start values
/// (<c>xavier_uniform_</c>), plain SGD, batches of 50.
/// </summary>
/// <param name="Activation">The function after every layer but the last: ReLU or a sigmoid, and with it max or average pooling.</param>
/// <param name="Place">Where batch norm stands, at every layer but the last.</param>
/// <param name="IsLocal">Whether local response normalization follows each convolution's activation, before the pooling, as in AlexNet.</param>
internal sealed record LeNetTrial(Nonlinearity Activation, NormPlace Place, bool IsLocal = false)
{
    public const int BatchSize = 50;

    /// <summary>The net, with start values from the stream: every layer's own, then all weights again, as lesson D draws them.</summary>
    public Sequential Net(IRandomStream random)
    {
        var net = new Sequential { new Conv2d(1, 6, 5, padding: 2, random: random) };
        Close(6, isSpatial: true);
        net.Add(new Conv2d(6, 16, 5, random: random));
        Close(16, isSpatial: true);
        net.Add(new Flatten());
        net.Add(new Linear(400, 120, random: random));
        Close(120, isSpatial: false);
        net.Add(new Linear(120, 84, random: random));
        Close(84, isSpatial: false);
        net.Add(new Linear(84, 10, random: random));
        foreach (Module layer in net)
        {
            if (layer is Conv2d convolution) Init.XavierUniform.Fill(convolution.Weight.Value, random);
            if (layer is Linear linear) Init.XavierUniform.Fill(linear.Weight.Value, random);
        }

        return net;

        void Close(int channels, bool isSpatial)
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
    /// AlexNet's window, power and constant. Its alpha, 1e-4, is for activations of pixels from 0 to 255: with pixels from 0 to 1 it would do nothing. This one acts as much on ours:
    /// 1e-4·255² a term, five terms (the layer, as PyTorch's, divides alpha by their number).
    /// </summary>
    private static LocalResponseNorm LocalNorm() => new(5, alpha: 5 * 1e-4 * 255 * 255, beta: 0.75, k: 2);

    /// <summary>Trains a new net from the context's seed.</summary>
    /// <param name="context">Seed, epochs, type, cancellation.</param>
    /// <param name="images">Training images, and test images or none.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="hash">Takes the net as it is at the end.</param>
    /// <param name="name">Under which name.</param>
    /// <param name="report">Told the share that is done.</param>
    public LeNetCourse Train(ExperimentContext context, FashionImages images, double rate, WeightsHash hash, string name, Action<double> report)
    {
        // The same start values and the same batches for every net of a seed: batch norm draws nothing.
        var random = new TorchGenerator((ulong)context.Seed);
        Sequential net = Net(random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new SGD(net.Parameters(), rate));
        using DataLoader batches = images.Batches(BatchSize, random, context.DType, context.Cancellation);
        using DataLoader? tests = images.Test.Count > 0 ? images.TestBatches(context.DType, context.Cancellation) : null;
        var course = new LeNetCourse([], [], []);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            int number = epoch;
            Score train = course.Loss.Count > 0 && double.IsNaN(course.Loss[^1])
                ? new Score(double.NaN, double.NaN, 0)
                : training.Epoch(batches, done => report((number + done) / context.Epochs));
            course.Loss.Add(train.Loss);
            course.TrainAccuracy.Add(train.Accuracy);
            course.TestAccuracy.Add(tests is not null && double.IsFinite(train.Loss) ? training.Evaluate(tests).Accuracy : double.NaN);
        }

        hash.Add(name, net);
        return course;
    }
}

/// <summary>What a trial has measured after each epoch; NaN where there are no test images, and from the first loss on that was not finite.</summary>
/// <param name="Loss">Mean over the epoch, while the weights change.</param>
/// <param name="TrainAccuracy">Likewise.</param>
/// <param name="TestAccuracy">At the end of the epoch, in use.</param>
internal sealed record LeNetCourse(List<double> Loss, List<double> TrainAccuracy, List<double> TestAccuracy);
