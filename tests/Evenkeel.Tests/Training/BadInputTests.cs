using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>
/// What users give a trainer by mistake: the message says what was expected, what came, and what to do.
/// </summary>
public sealed class BadInputTests
{
    [Fact]
    public void Class_labels_for_a_regression()
    {
        string message = Refused(Net(1), new MSELoss(), Samples(40, 1));
        Assert.Equal("MSELoss: expected numbers (Float32) of shape (20, 1) as the prediction, got Int64 of shape (20). "
            + "Class labels go with CrossEntropyLoss; numbers are made of them by To(DType.Float32) and Reshape.",
            message);
    }

    [Fact]
    public void Numbers_for_a_classification()
    {
        var data = new TensorDataset(Samples(40, 1).Inputs, Tensor.Zeros([40]));
        string message = Refused(Net(4), new CrossEntropyLoss(), data);
        Assert.StartsWith("CrossEntropyLoss: expected class labels (Int64), one per sample of a prediction of (20, 4), "
            + "or numbers (Float32) of shape (20, 4) as the prediction, got Float32 of shape (20).", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_without_an_axis_for_a_model_with_one()
    {
        var data = new TensorDataset(Samples(40, 1).Inputs, Tensor.Zeros([40]));
        string message = Refused(Net(1), new MSELoss(), data);
        Assert.Contains("of shape (20, 1) as the prediction, got Float32 of shape (20). Reshape the targets, or change "
            + "the number of outputs; losses do not broadcast.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_the_model_has_no_score_for()
    {
        TensorDataset data = Samples(40, 1);
        data.Targets.AsSpan<long>()[3] = 4;
        string message = Refused(Net(4), new CrossEntropyLoss(), data, BatchesOf(data, inOrder: true));
        Assert.Equal("CrossEntropy: expected labels from 0 to 3 (4 classes), got 4 at position 3. Check the number of "
            + "outputs, and that labels count from 0.", message);
        // An evaluation names it as well.
        Sequential model = Net(4);
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        Assert.Contains("got 4 at position 3",
            Assert.Throws<ArgumentException>(() => trainer.Evaluate(data)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_target_that_is_no_number(float value)
    {
        Tensor targets = Tensor.Zeros([40, 1]);
        targets.AsSpan<float>()[7] = value;
        var data = new TensorDataset(Samples(40, 1).Inputs, targets);
        string message = Refused(Net(1), new MSELoss(), data, BatchesOf(data, inOrder: true));
        Assert.Contains($"expected finite targets, got {value} for sample (7, 0) of the batch. Remove the sample or "
            + "correct the value.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_class_only_is_trained_and_a_score_that_it_leaves_undefined_is_named()
    {
        var data = new TensorDataset(Samples(40, 1).Inputs, Tensor.Labels(new int[40]));
        Sequential model = Net(2);
        var trainer = new Trainer(
            model, new SGD(model.Parameters(), 0.5), new CrossEntropyLoss(), new TrainerOptions { Epochs = 20 });
        Assert.Equal(1, trainer.Fit(data).BestScore);

        var options = new TrainerOptions { Epochs = 2, Metrics = [new RocAuc()] };
        var judged = new Trainer(model, new SGD(model.Parameters(), 0.5), new CrossEntropyLoss(), options);
        string message = Assert.Throws<InvalidOperationException>(() => judged.Fit(data)).Message;
        Assert.Equal($"Trainer: expected a number as the monitored metric \"{options.Metrics[0].Name}\", got NaN after "
            + "the first epoch. It is undefined for these data (for example, because they hold one class only). "
            + "Monitor another score, or check the data.", message);
        // What is measured but not monitored may be undefined.
        options.Monitor = Scores.LossName;
        History history = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(), options).Fit(data);
        Assert.Equal(double.NaN, history.Last!.Training![options.Metrics[0].Name]);
    }

    [Fact]
    public void A_metric_that_returns_NaN()
    {
        Sequential model = Net(4);
        var options = new TrainerOptions { Epochs = 2, Metrics = [Metric.Of("mine", static (_, _) => double.NaN)] };
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(), options);
        Assert.Contains("expected a number as the monitored metric \"mine\", got NaN after the first epoch",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(Samples(40, 1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void One_sample_is_trained_without_batch_norm_and_refused_with_it()
    {
        TensorDataset one = Samples(1, 1);
        Sequential model = Net(4);
        var trainer = new Trainer(
            model, new SGD(model.Parameters(), 0.1), new CrossEntropyLoss(), new TrainerOptions { Epochs = 30 });
        History history = trainer.Fit(one);
        Assert.Equal((30, 1.0), (history.Losses.Count, history.BestScore));

        Sequential normalized = Model();
        string before = WeightsHash.Of(normalized);
        string message = Refused(normalized, new CrossEntropyLoss(), one);
        Assert.StartsWith("BatchNorm: expected more than one value per channel, got shape (1, 16) with exactly one",
            message, StringComparison.Ordinal);
        Assert.Contains("Use a larger batch, drop or merge a last batch of one sample", message,
            StringComparison.Ordinal);
        Assert.Equal(before, WeightsHash.Of(normalized));
    }

    [Fact]
    public void No_sample()
    {
        var none = new TensorDataset(Tensor.Ones([0, Features]), Tensor.Labels());
        Sequential model = Net(4);
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        foreach (Action act in new Action[]
        {
            () => trainer.Fit(none), () => trainer.Fit(Samples(4, 1), none), () => trainer.Evaluate(none),
        })
        {
            Assert.StartsWith("Trainer: expected samples, got a data set with none.",
                Assert.Throws<ArgumentException>(act).Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(static () => new TensorDataset(Tensor.Ones([3, 2]), Tensor.Labels(1, 2)));
    }

    [Fact]
    public void A_batch_larger_than_the_data_is_the_data()
    {
        Sequential model = Net(4);
        var trainer = new Trainer(model, new SGD(model.Parameters(), 0.1), new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 3, BatchSize = 1000 });
        Assert.Equal("40 samples in 1 batch of 40", trainer.Plan(Samples(40, 1)).ToString());
        Assert.Equal(3, trainer.Fit(Samples(40, 1)).Losses.Count);
    }

    [Fact]
    public void A_single_sample_left_over_is_refused_before_the_first_step()
    {
        Trainer trainer = Create(new TrainerOptions { BatchSize = 20, LastBatch = LastBatch.Error });
        Assert.Contains(
            "single sample",
            Assert.Throws<ArgumentException>(() => trainer.Fit(Samples(61, 1), Samples(10, 2))).Message,
            StringComparison.Ordinal);
        Assert.Empty(trainer.History.Losses);
    }

    [Fact]
    public void Samples_of_another_shape_than_the_model_takes()
    {
        var data = new TensorDataset(Tensor.Zeros([40, 7]), Labels(40));
        string message = Refused(Net(4), new CrossEntropyLoss(), data);
        Assert.StartsWith("Linear: expected ", message, StringComparison.Ordinal);
        Assert.Contains("(20, 7)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loader_of_another_element_type()
    {
        Sequential model = Net(4);
        model.To(DType.Float64);
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        using var batches = new DataLoader(Samples(40, 1), 20);
        Assert.StartsWith("Trainer: expected a loader of Float64, the element type of the model, got Float32. Make it "
            + "with { DType = DType.Float64 }.",
            Assert.Throws<ArgumentException>(() => trainer.Fit(batches)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metric_to_monitor_and_nothing_to_measure_it_on()
    {
        Sequential model = Net(4);
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(),
            new TrainerOptions { Monitor = "accuracy", TrainingSamples = 0 });
        Assert.StartsWith("Trainer.Fit: expected data to measure \"accuracy\" on, got neither a validation set nor "
            + "TrainingSamples. Pass a validation set, or monitor \"loss\".",
            Assert.Throws<ArgumentException>(() => trainer.Fit(Samples(40, 1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_parameters()
    {
        Sequential model = Net(4);
        Assert.StartsWith("Trainer: expected a model with parameters, got none.",
            Assert.Throws<ArgumentException>(() => new Trainer(
                new Sequential(new ReLU()), new SGD(model.Parameters()), new CrossEntropyLoss())).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Fit throws, with nothing changed in the model. Returns the message, without the parameter.</summary>
    private static string Refused(Sequential model, Loss loss, IDataset data, DataLoader? batches = null)
    {
        var trainer = new Trainer(model, new SGD(model.Parameters(), 0.1), loss, new TrainerOptions { BatchSize = 20 });
        string before = WeightsHash.Of(model);
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => batches is null ? trainer.Fit(data) : trainer.Fit(batches));
        Assert.Equal((before, 0L), (WeightsHash.Of(model), trainer.Iteration));
        Assert.Empty(trainer.History.Losses);
        Assert.All(model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
        int end = refused.Message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        return end < 0 ? refused.Message : refused.Message[..end];
    }

    private static DataLoader BatchesOf(IDataset data, bool inOrder) => new(data, 20, shuffle: !inOrder);

    private static Sequential Net(int outputs) => new(
        new Linear(Features, 8, random: new Philox(1)), new ReLU(), new Linear(8, outputs, random: new Philox(2)));
}
