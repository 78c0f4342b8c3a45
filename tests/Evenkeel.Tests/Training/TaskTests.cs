using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>Whole trainings of the tasks that users have, judged by what is possible at best.</summary>
public sealed class TaskTests
{
    /// <summary>The noise of the prices, in the unit of the targets. No model has a smaller error.</summary>
    private const double Noise = 0.12;

    [Fact]
    public void A_regression_reaches_the_noise_of_its_targets()
    {
        Sequential model = Net(6, 64, 1);
        var optimizer = new Adam(model.Parameters(), learningRate: 1e-2);
        var options = new TrainerOptions
        {
            Epochs = 40,
            BatchSize = 100,
            Seed = 1,
            TrainingSamples = 0,
            Scheduler = new CosineWithWarmup(optimizer, warmup: 0, total: 40),
        };
        var trainer = new Trainer(model, optimizer, new MSELoss(), options);
        Assert.Equal("rmse", trainer.History.Monitor);
        Assert.False(trainer.HigherIsBetter);
        trainer.Fit(Houses(30_000, seed: 1), Houses(2000, seed: 2));
        // A tenth above the noise: an error of the net of less than half of it.
        Assert.InRange(trainer.Evaluate(Houses(4000, seed: 3))["rmse"], 0.95 * Noise, 1.1 * Noise);
    }

    [Fact]
    public void With_one_case_in_twenty_class_weights_reach_a_better_f1_than_none()
    {
        double plain = F1(weight: 1), weighted = F1(weight: 5), best = BestF1();
        Assert.True(weighted > plain, $"weighted {weighted:F3}, plain {plain:F3}");
        Assert.True(weighted > 0.9 * best, $"weighted {weighted:F3}, the best rule {best:F3}");
    }

    [Fact]
    public void Early_stopping_stops_where_the_validation_loss_has_its_smallest_value_and_returns_that_model()
    {
        // Few samples with wrong labels: the net learns them by heart, and its validation loss grows.
        TensorDataset training = Synthetic.Moons(60, noise: 0.5, seed: 1), validation = Synthetic.Moons(500, 0.5, 2);
        (Trainer stopped, History history) = Train(epochs: 200, new EarlyStopping(patience: 10));
        (_, History whole) = Train(epochs: 200);
        Assert.NotNull(history.StopReason);
        double[] losses = [.. whole.Epochs.Select(static record => record.Validation!.Loss)];
        int expected = Enumerable.Range(1, losses.Length).First(
            epoch => epoch - 10 >= BestUpTo(epoch) || epoch == losses.Length);
        Assert.Equal(expected, history.Epochs.Count);
        Assert.InRange(expected, 12, 150);
        Assert.Equal(BestUpTo(expected), history.Best!.Epoch);
        Assert.Equal(history.BestScore, stopped.Evaluate(validation).Loss);
        Assert.True(losses[^1] > 1.2 * history.BestScore);

        int BestUpTo(int epoch) => 1 + Enumerable.Range(0, epoch).MinBy(e => losses[e]);

        (Trainer, History) Train(int epochs, params Callback[] callbacks)
        {
            Sequential model = Net(2, 64, 2);
            var options = new TrainerOptions
            {
                Epochs = epochs,
                BatchSize = 20,
                Monitor = Scores.LossName,
                Callbacks = callbacks,
                Seed = 1,
                EvaluationBatchSize = 500,
            };
            var trainer = new Trainer(model, new Adam(model.Parameters(), 1e-2), new CrossEntropyLoss(), options);
            return (trainer, trainer.Fit(training, validation));
        }
    }

    [Theory]
    [InlineData("spirals")]
    [InlineData("houses")]
    [InlineData("blobs")]
    public void The_suggested_learning_rate_is_within_a_factor_of_two_of_the_best_of_a_sweep(string task)
    {
        (Func<Sequential> net, TensorDataset data, Loss loss) = task switch
        {
            "spirals" => ((Func<Sequential>)(static () => Net(2, 64, 3)), Synthetic.Spirals(2000, 3, 0.03, 1),
                (Loss)new CrossEntropyLoss()),
            "houses" => (static () => Net(6, 64, 1), Houses(4000, seed: 1), new MSELoss()),
            _ => (static () => Net(10, 64, 5), Synthetic.Blobs(2000, 5, 10, 4, 1), new CrossEntropyLoss()),
        };
        Trainer first = Trainer(1);
        using var batches = new DataLoader(data, 50, shuffle: true, seed: 1);
        LearningRateTest test = first.FindLearningRate(batches);
        double best = 0, smallest = double.PositiveInfinity;
        foreach (double rate in test.Rates)
        {
            Trainer trainer = Trainer(rate);
            History history = trainer.Fit(data);
            double reached = history.Diverged ? double.PositiveInfinity : history.Last!.Training!.Loss;
            if (reached < smallest) (best, smallest) = (rate, reached);
        }

        Assert.InRange(test.Suggestion / best, 0.5, 2);

        Trainer Trainer(double rate)
        {
            Sequential model = net();
            return new Trainer(model, new SGD(model.Parameters(), rate), loss, new TrainerOptions
            {
                Epochs = 5,
                BatchSize = 50,
                Seed = 1,
                Metrics = [],
                TrainingSamples = data.Count,
                NonFiniteLoss = NonFiniteLoss.EndRun,
                RestoreBestModel = false,
            });
        }
    }

    private static Sequential Net(int inputs, int hidden, int outputs)
    {
        var model = new Sequential(
            new Linear(inputs, hidden, bias: false), new BatchNorm1d(hidden), new ReLU(),
            new Linear(hidden, hidden, bias: false), new BatchNorm1d(hidden), new ReLU(),
            new Linear(hidden, outputs));
        model.Initialize(Init.KaimingNormal, seed: 1);
        return model;
    }

    /// <summary>Six standardized numbers, and a price in hundreds.</summary>
    private static TensorDataset Houses(int count, ulong seed)
    {
        var random = new Philox(seed);
        Tensor table = Tensor.RandomNormal([count, 6], random);
        float[] x = table.ToArray<float>(), prices = new float[count];
        for (int i = 0; i < count; i++)
        {
            Span<float> h = x.AsSpan(i * 6, 6);
            double price = 3 + 0.7 * h[0] + 0.3 * h[1] * h[2] - 0.25 * Math.Abs(h[3]) + 0.2 * Math.Tanh(h[4]);
            prices[i] = (float)(price + Noise * random.NextNormal());
        }

        return new TensorDataset(table, Tensor.From(prices, [count, 1]));
    }

    private const int Features = 8, Shifted = 3;
    private const double Shift = 1.2, Share = 0.05;

    /// <summary>One sample in twenty is of class 1, whose first three features are larger.</summary>
    private static TensorDataset Cases(int count, ulong seed)
    {
        int[] labels = [.. Enumerable.Range(0, count).Select(static i => i % 20 == 0 ? 1 : 0)];
        Tensor x = Tensor.RandomNormal([count, Features], new Philox(seed));
        Span<float> values = x.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
            values[i] += labels[i / Features] == 1 && i % Features < Shifted ? (float)Shift : 0;
        return new TensorDataset(x, Tensor.Labels(labels));
    }

    private static double F1(float weight)
    {
        Sequential model = Net(Features, 32, 2);
        var options = new TrainerOptions
        {
            Epochs = 10,
            BatchSize = 200,
            Seed = 1,
            TrainingSamples = 0,
            Metrics = [new F1Score(ofClass: 1)],
        };
        var loss = new CrossEntropyLoss(weight: Tensor.From([1f, weight]));
        var trainer = new Trainer(model, new Adam(model.Parameters(), 3e-3), loss, options);
        trainer.Fit(Cases(8000, seed: 1), Cases(4000, seed: 2));
        return trainer.Evaluate(Cases(8000, seed: 3))["f1-class-1"];
    }

    /// <summary>
    /// The F1 of the best possible rule. The sum of the three shifted features is all that tells the classes apart; the
    /// rule is a threshold on it, here the best of a grid.
    /// </summary>
    private static double BestF1()
    {
        double best = 0, spread = Math.Sqrt(Shifted);
        for (double threshold = 0; threshold < 10; threshold += 0.05)
        {
            double hits = Share * Above(threshold - Shifted * Shift), wrong = (1 - Share) * Above(threshold);
            best = Math.Max(best, 2 * hits / (Share + hits + wrong));
        }

        return best;

        // P(z > t) for z of N(0, 3), summed by the trapezoid.
        double Above(double t)
        {
            double sum = 0, step = 0.01;
            for (double z = t + step / 2; z < 12; z += step)
                sum += step * Math.Exp(-z * z / (2 * spread * spread)) / (spread * Math.Sqrt(2 * Math.PI));
            return sum;
        }
    }
}
