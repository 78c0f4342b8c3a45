using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Serialization;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class StandardizerTests
{
    /// <summary>Some roundings of float32 at values of a few units.</summary>
    private const double Single = 1e-6;

    /// <summary>Some thousand roundings of float64 at values near 2e9, divided by a spread of 1000.</summary>
    private const double Double = 1e-9;

    [Fact]
    public void Features_get_mean_0_and_standard_deviation_1_even_far_from_0()
    {
        // Seconds since 1970, and a feature of another size. Float32 alone would hold the seconds to 128 s.
        var random = new Philox(1);
        double[][] rows = [.. Enumerable.Range(0, 3000)
            .Select(_ => new[] { 1.7e9 + (1000 * random.NextNormal()), 1e-6 * random.NextNormal() })];
        TensorDataset set = Dataset.From(rows, new int[3000]);
        Standardizer units = Standardizer.Fit(set);
        Assert.Equal([2], units.InputMean.Shape.ToArray());
        double[] z = units.Apply(set, DType.Float64).Inputs.ToArray<double>();
        for (int j = 0; j < 2; j++)
        {
            double[] feature = [.. z.Where((_, i) => i % 2 == j)];
            Assert.Equal(0, feature.Average(), Double);
            Assert.Equal(1, feature.Average(static value => value * value), Double);
        }

        TensorDataset single = units.Apply(set);
        Assert.Equal(DType.Float32, single.Inputs.DType);
        float[] rounded = single.Inputs.ToArray<float>();
        for (int i = 0; i < z.Length; i++) Assert.Equal((float)z[i], rounded[i]);
        Assert.Equal(rounded, units.Apply(set.Inputs).ToArray<float>());
    }

    [Fact]
    public void Statistics_come_from_the_training_part_alone()
    {
        TensorDataset all = Dataset.From([[1f], [3], [100]], [0, 1, 1]);
        Standardizer units = Standardizer.Fit(new Subset(all, [0, 1]));
        Assert.Equal((2.0, 1.0), (units.InputMean.ToArray<double>()[0], units.InputStd.ToArray<double>()[0]));
        TensorDataset scaled = units.Apply(all);
        Assert.Equal([-1f, 1, 98], scaled.Inputs.ToArray<float>());
        Assert.Equal([0L, 1, 1], scaled.Targets.ToArray<long>());
    }

    [Fact]
    public void A_constant_feature_becomes_0()
    {
        // The mean of 0.1 over seven samples is not 0.1 to the last bit.
        TensorDataset set = Dataset.From(Enumerable.Range(0, 7).ToList(), i => [0.1, i], i => i % 2);
        Standardizer units = Standardizer.Fit(set);
        Assert.Equal((0.1, 0.0), (units.InputMean.ToArray<double>()[0], units.InputStd.ToArray<double>()[0]));
        double[] z = units.Apply(set, DType.Float64).Inputs.ToArray<double>();
        Assert.All(z.Where(static (_, i) => i % 2 == 0), static value => Assert.Equal(0, value));
        Assert.Equal([0f, 0], units.Apply(Tensor.From([5f, 3], [1, 2])).ToArray<float>());
    }

    [Fact]
    public void Predictions_of_standardized_targets_come_back_in_their_own_units()
    {
        TensorDataset set = Dataset.From([[1.0], [2], [3]], [[100.0, 7], [300, 7], [200, 7]]);
        Standardizer units = Standardizer.Fit(set, targets: true);
        TensorDataset scaled = units.Apply(set);
        Assert.Equal(0, scaled.Targets.ToArray<float>()[1]);
        Tensor back = units.Invert(scaled.Targets);
        Assert.Equal(DType.Float32, back.DType);
        Assert.Equal([100.0, 7, 300, 7, 200, 7], back.ToArray<float>().Select(static y => (double)y),
            static (a, b) => Math.Abs(a - b) <= Single * Math.Abs(a));
        // Without targets: true, targets stay as they are.
        Assert.Equal([100.0, 7, 300, 7, 200, 7],
            Standardizer.Fit(set).Apply(set, DType.Float64).Targets.ToArray<double>());
    }

    [Fact]
    public void A_regression_on_standardized_units_reaches_the_noise()
    {
        var random = new Philox(4);
        TensorDataset all = Dataset.From(Enumerable.Range(0, 3000).Select(_ =>
        {
            double area = 20 + (100 * random.NextDouble()), built = 1900 + random.NextInt(120);
            return (Area: area, Built: built, Rent: (8 * area) - (2 * built) + (50 * random.NextNormal()));
        }), static flat => [flat.Area, flat.Built], static flat => flat.Rent);
        Subset training = new(all, [.. Enumerable.Range(0, 2000)]), test = new(all, [.. Enumerable.Range(2000, 1000)]);
        Standardizer units = Standardizer.Fit(training, targets: true);
        var model = new Linear(2, 1);
        model.Initialize(Init.KaimingNormal, seed: 1);
        new Trainer(model, new SGD(model.Parameters(), 0.01), new MSELoss(), new TrainerOptions { Epochs = 10 })
            .Fit(units.Apply(training));
        double[] predicted = units.Invert(model.Predict(units.Apply(test).Inputs)).To(DType.Float64).ToArray<double>();
        double[] rents = all.Targets.ToArray<double>()[2000..];
        double rmse = Math.Sqrt(predicted.Zip(rents, static (a, b) => (a - b) * (a - b)).Average());
        // The noise is 50, and its root mean square over 1000 samples lies within 7 % of that but once in a thousand.
        Assert.InRange(rmse, 46.5, 53.5);
    }

    [Fact]
    public void Saved_statistics_make_the_same_standardizer()
    {
        TensorDataset set = Dataset.From([[1.5, 2], [-3, 4], [0.1, 9]], [1.0, 2, 4]);
        Standardizer units = Standardizer.Fit(set, targets: true);
        using var folder = new TempFolder();
        var archive = new TensorArchive();
        archive.Add("mean", units.InputMean);
        archive.Add("std", units.InputStd);
        SafeTensors.Write(folder.File("units.safetensors"), archive);
        TensorArchive read = SafeTensors.Read(folder.File("units.safetensors"));
        var again = new Standardizer(read.Tensor("mean"), read.Tensor("std"));
        Assert.Equal(units.Apply(set).Inputs.ToArray<float>(), again.Apply(set).Inputs.ToArray<float>());
        Assert.Null(again.TargetMean);
    }

    [Fact]
    public void Wrong_input_is_refused()
    {
        TensorDataset labels = Dataset.From([[1f, 2], [3, 4]], [0, 1]), numbers = Dataset.From([[1f], [3]], [0.5, 1]);
        DatasetSourcesTests.AssertMessage<ArgumentException>(() => Standardizer.Fit(labels, targets: true),
            "Standardizer.Fit: expected numbers as targets, got class labels. They are not standardized: leave out "
            + "targets. (Parameter 'targets')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => Standardizer.Fit(new TensorDataset(Tensor.From([1f, 2, float.NaN, 4], [2, 2]), Tensor.Labels(0, 1))),
            "Standardizer.Fit: expected finite values, got NaN as input 0 of sample 1. Correct the value, or leave out "
            + "the sample. (Parameter 'training')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => Standardizer.Fit(new TensorDataset(Tensor.Zeros([0, 2]), Tensor.Labels())),
            "Standardizer.Fit: expected a data set with samples, got none. (Parameter 'training')");
        Standardizer units = Standardizer.Fit(labels), all = Standardizer.Fit(numbers, targets: true);
        DatasetSourcesTests.AssertMessage<ArgumentException>(() => units.Apply(numbers),
            "Standardizer.Apply: expected samples of shape (2), as in the training part, got (1). "
            + "(Parameter 'dataset')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(() => all.Apply(Dataset.From([[1f], [3]], [0, 1])),
            "Standardizer.Apply: expected numbers as targets, as in the training part, got class labels. "
            + "(Parameter 'dataset')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => all.Apply(Dataset.From(new[,] { { 1f }, { 3 } }, new[,] { { 0f, 1 }, { 2, 3 } })),
            "Standardizer.Apply: expected targets of shape (1), as in the training part, got (2). "
            + "(Parameter 'dataset')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(() => units.Apply(Tensor.Zeros([2, 3])),
            "Standardizer.Apply: expected Float32 or Float64 of shape (N, ...) with (2) per sample, got Float32 of "
            + "shape (2, 3). (Parameter 'inputs')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(() => units.Apply(labels, DType.Int64),
            "Standardizer: expected Float32 or Float64, got Int64. (Parameter 'dtype')");
        DatasetSourcesTests.AssertMessage<InvalidOperationException>(() => units.Invert(Tensor.Zeros([2, 1])),
            "Standardizer.Invert: expected statistics of targets, got none. The predictions have their own units "
            + "already; Fit(training, targets: true) standardizes targets.");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => new Standardizer(Tensor.Zeros([2]), Tensor.Zeros([3])),
            "Standardizer: expected mean and standard deviation of one shape, got Float32 of shape (2) and Float32 of "
            + "shape (3). (Parameter 'inputStd')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => new Standardizer(Tensor.Zeros([1]), Tensor.From(-1f)),
            "Standardizer: expected a finite mean and a finite standard deviation of 0 or more, got 0 and -1 as number "
            + "0. (Parameter 'inputStd')");
        DatasetSourcesTests.AssertMessage<ArgumentException>(
            () => new Standardizer(Tensor.Zeros([1]), Tensor.Zeros([1]), Tensor.Zeros([1])),
            "Standardizer: expected mean and standard deviation of targets, or neither, got one of them. "
            + "(Parameter 'targetStd')");
    }
}
