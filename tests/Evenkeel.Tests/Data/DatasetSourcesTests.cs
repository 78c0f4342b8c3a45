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

/// <summary>
/// Data sets of arrays, rows, files and functions, with targets of every type, as a loader delivers them.
/// </summary>
public sealed class DatasetSourcesTests
{
    private static readonly double[][] s_table = [[1, 2], [3, 4], [5, 0.1]];

    private static readonly House[] s_houses = [new(50, 2, 210.5f, 0), new(80, 3, 300, 1), new(120, 4, 455, 1)];

    public static TheoryData<int, DType> Loaders => new()
    {
        { 0, DType.Float32 }, { 0, DType.Float64 }, { 1, DType.Float32 }, { 3, DType.Float32 }, { 3, DType.Float64 },
    };

    [Theory]
    [MemberData(nameof(Loaders))]
    public void Integers_are_class_labels_whatever_their_type(int workers, DType dtype)
    {
        IDataset[] sets =
        [
            Dataset.From(s_table, [2, 0, 1]),
            Dataset.From(s_table, new List<long> { 2, 0, 1 }),
            Dataset.From(s_table, new byte[] { 2, 0, 1 }),
            Dataset.From(new[,] { { 1, 2 }, { 3, 4 }, { 5, 0.1 } }, [2, 0, 1]),
            Dataset.From(s_table, static row => row, static row => row[0] is 1 ? 2 : row[0] is 3 ? 0 : 1),
            Dataset.Of(3, [2], static (i, x) => Values(s_table[i], x), static i => (2L + i) % 3),
        ];
        foreach (IDataset set in sets)
        {
            Assert.Equal((DType.Int64, 0), (set.TargetType, set.TargetShape.Rank));
            Batch batch = Delivered(set, workers, dtype);
            Assert.Equal([2L, 0, 1], batch.Targets.ToArray<long>());
            AssertTable(batch.Inputs, dtype);
        }
    }

    [Theory]
    [MemberData(nameof(Loaders))]
    public void Other_numbers_are_numbers_of_shape_one(int workers, DType dtype)
    {
        IDataset[] sets =
        [
            Dataset.From(s_table, [0.5, -1, 7]),
            Dataset.From(s_table, new[] { 0.5f, -1, 7 }),
            Dataset.From(s_table, new[] { 0.5m, -1, 7 }),
            Dataset.From(new[,] { { 1, 2 }, { 3, 4 }, { 5, 0.1 } }, [0.5, -1, 7]),
            Dataset.From(s_table, static row => row, static row => row[0] is 1 ? 0.5 : row[0] is 3 ? -1 : 7.0),
            Dataset.Of(3, [2], [1], static (i, x) => Values(s_table[i], x),
                static (i, y) => y[0] = i == 0 ? 0.5f : i == 1 ? -1 : 7),
        ];
        foreach (IDataset set in sets)
        {
            Assert.True(set.TargetType.IsFloatingPoint());
            Batch batch = Delivered(set, workers, dtype);
            Assert.Equal((new Shape(3, 1), dtype), (batch.Targets.Shape, batch.Targets.DType));
            Assert.Equal([0.5, -1, 7], batch.Targets.To(DType.Float64).ToArray<double>());
            AssertTable(batch.Inputs, dtype);
        }
    }

    [Theory]
    [MemberData(nameof(Loaders))]
    public void Vectors_are_targets(int workers, DType dtype)
    {
        float[][] targets = [[1, -1, 0], [2, -2, 0], [3, -3, 0.5f]];
        IDataset[] sets =
        [
            Dataset.From(s_table, targets),
            Dataset.From(
                new[,] { { 1, 2 }, { 3, 4 }, { 5, 0.1 } }, new[,] { { 1f, -1, 0 }, { 2, -2, 0 }, { 3, -3, 0.5f } }),
            Dataset.From([0, 1, 2], static i => s_table[i], i => [targets[i][0], targets[i][1], targets[i][2]]),
            Dataset.Of(3, [2], [3], static (i, x) => Values(s_table[i], x), (i, y) => targets[i].CopyTo(y)),
        ];
        foreach (IDataset set in sets)
        {
            Batch batch = Delivered(set, workers, dtype);
            Assert.Equal([3, 3], batch.Targets.Shape.ToArray());
            Assert.Equal([1, -1, 0, 2, -2, 0, 3, -3, 0.5], batch.Targets.To(DType.Float64).ToArray<double>());
            AssertTable(batch.Inputs, dtype);
        }
    }

    [Theory]
    [MemberData(nameof(Loaders))]
    public void Images_are_targets_and_a_mask_is_cropped_as_its_image(int workers, DType dtype)
    {
        byte[] pixels = new byte[6 * 8 * 8];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 7);
        var images = new ImageSet(pixels, new int[6], 1, 8, 8, ["a"], "t", "t");
        Transform[] transforms = [new RandomCrop(4), new RandomHorizontalFlip(), new ToTensor()];
        IEpochDataset pair = new TransformedDataset(images, transforms, seed: 3)
            .WithTargets(new TransformedDataset(images, transforms, seed: 3));
        using var loader = new DataLoader(pair, 6, workers: workers) { DType = dtype };
        var epochs = new List<double[]>();
        for (int epoch = 0; epoch < 3; epoch++)
        {
            Batch batch = loader.Select(static batch => batch.Clone()).Single();
            Assert.Equal([6, 1, 4, 4], batch.Targets.Shape.ToArray());
            Assert.Equal(dtype, batch.Targets.DType);
            epochs.Add(batch.Targets.To(DType.Float64).ToArray<double>());
            Assert.Equal(batch.Inputs.To(DType.Float64).ToArray<double>(), epochs[^1]);
        }

        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(epochs[1], epochs[2]);
        Assert.Equal(2, pair.Epoch);
    }

    [Fact]
    public void Images_of_an_idx_file_take_labels_or_numbers()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("x"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40]);
        File.WriteAllBytes(folder.File("y"), [0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);
        var images = new ImageDataset(Idx.ReadImages(folder.File("x"), folder.File("y"), ["a", "b"], "t"));
        Assert.Equal([1L, 0], images.LabelsOf());
        IDataset ages = images.WithTargets(Tensor.From([31.5f, 8], [2, 1]));
        Batch batch = Delivered(ages, 1, DType.Float64);
        Assert.Equal([31.5, 8], batch.Targets.ToArray<double>());
        Assert.Equal([10.0, 20, 30, 40], batch.Inputs.ToArray<double>());
        Assert.Equal([5L, 6], images.WithTargets(Tensor.Labels(5, 6)).LabelsOf());
    }

    [Fact]
    public void Npy_files_hold_labels_numbers_or_images()
    {
        using var folder = new TempFolder();
        string x = folder.File("x.npy"), y = folder.File("y.npy");
        Npy.Write(x, Tensor.From([1, 2, 3, 4, 5, 0.1], [3, 2]));
        Npy.Write(y, Tensor.Labels(2, 0, 1));
        TensorDataset set = Npy.ReadDataset(x, y);
        Assert.Equal([2L, 0, 1], set.LabelsOf());
        AssertTable(set.Inputs, DType.Float64);
        Npy.Write(y, Tensor.From(0.5f, 1, 7));
        Assert.Equal([3, 1], Npy.ReadDataset(x, y).Targets.Shape.ToArray());
        Npy.Write(y, Tensor.Zeros([3, 1, 4, 4]));
        Assert.Equal([1, 4, 4], Npy.ReadDataset(x, y).TargetShape.ToArray());

        Npy.Write(y, Tensor.Labels(2, 0));
        AssertMessage<InvalidDataException>(() => Npy.ReadDataset(x, y),
            $"Npy.ReadDataset: expected targets for 3 samples along axis 0, got Int64 of shape (2) in \"{y}\".");
        Npy.Write(y, Tensor.From([1f, 2, float.NaN, 4, 5, 6], [3, 2]));
        AssertMessage<InvalidDataException>(() => Npy.ReadDataset(x, y),
            $"Npy.ReadDataset: expected finite values, got NaN in sample 1 of \"{y}\". Correct the value, or leave out "
            + "the sample.");
        Npy.Write(x, Tensor.Labels(2, 0, 1));
        AssertMessage<InvalidDataException>(() => Npy.ReadDataset(x, y),
            "Npy.ReadDataset: expected inputs of floating-point numbers with samples along axis 0, got Int64 of shape "
            + $"(3) in \"{x}\". Convert them in NumPy: x.astype('<f4').");
    }

    [Fact]
    public void Rows_of_any_kind_are_read_once()
    {
        int read = 0;
        IEnumerable<House> Rows()
        {
            foreach (House house in s_houses)
            {
                read++;
                yield return house;
            }
        }

        TensorDataset set = Dataset.From(Rows(), house => [house.Area, house.Rooms], house => house.Price);
        Assert.Equal(3, read);
        Assert.Equal([50.0, 2, 80, 3, 120, 4], set.Inputs.ToArray<double>());
        Assert.Equal([210.5f, 300, 455], set.Targets.ToArray<float>());
        Assert.Equal([0L, 1, 1],
            Dataset.From(Rows(), house => [house.Area], house => house.Kind).Targets.ToArray<long>());
    }

    [Fact]
    public void A_function_is_told_the_epoch_and_finds_zeros()
    {
        IEpochDataset set = Dataset.Of(2, [2], [2],
            static (epoch, i, x) => x[epoch % 2] = 10 * epoch + i, static (epoch, i, y) => y[i] = epoch);
        using var loader = new DataLoader(set, 2);
        Batch[] epochs = [.. Enumerable.Range(0, 2).Select(_ => loader.Select(static batch => batch.Clone()).Single())];
        Assert.Equal([0f, 0, 1, 0], epochs[0].Inputs.ToArray<float>());
        Assert.Equal([0f, 10, 0, 11], epochs[1].Inputs.ToArray<float>());
        Assert.Equal([1f, 0, 0, 1], epochs[1].Targets.ToArray<float>());
        IEpochDataset labelled = Dataset.Of(3, [1], static (_, i, x) => x[0] = i, static (epoch, i) => epoch + i);
        labelled.Epoch = 4;
        Assert.Equal([4L, 5, 6], labelled.LabelsOf());
    }

    [Fact]
    public void A_function_gives_the_same_batches_for_any_number_of_threads()
    {
        IDataset set = Dataset.Of(500, [3, 5], static (i, x) => new Philox(7).Split((ulong)i).FillNormal(x),
            static i => i % 3);
        float[][] expected = Epoch(0);
        Assert.Equal(expected, Epoch(1));
        Assert.Equal(expected, Epoch(4));

        float[][] Epoch(int workers)
        {
            using var loader = new DataLoader(set, 33, shuffle: true, workers: workers, seed: 2);
            return [.. loader.Select(static batch => batch.Inputs.ToArray<float>())];
        }
    }

    [Fact]
    public void The_error_of_a_function_reaches_the_caller()
    {
        IDataset set = Dataset.Of(8, [1], static (i, x) => x[0] = i == 5 ? throw new TimeoutException("five") : i,
            static _ => 0);
        foreach (int workers in (int[])[0, 2])
        {
            using var loader = new DataLoader(set, 4, workers: workers);
            Assert.Equal("five", Assert.Throws<TimeoutException>(() => loader.Count()).Message);
        }
    }

    [Fact]
    public void A_trainer_takes_every_type_of_target()
    {
        (IDataset Set, Module Model, Loss Loss)[] tasks =
        [
            (Dataset.From(s_table, [1, 0, 1]), new Linear(2, 2), new CrossEntropyLoss()),
            (Dataset.From(s_table, [1.0, 0, 1]), new Linear(2, 1), new MSELoss()),
            (Dataset.From(s_table, s_table), new Linear(2, 2), new MSELoss()),
            (Dataset.Of(6, [1, 4, 4], [1, 4, 4], static (i, x) => x.Fill(i), static (i, y) => y.Fill(-i)),
                new Conv2d(1, 1, 1), new MSELoss()),
        ];
        foreach ((IDataset set, Module model, Loss loss) in tasks)
        {
            var trainer = new Trainer(model, new SGD(model.Parameters(), 0.01), loss,
                new TrainerOptions { Epochs = 30, BatchSize = 2, Monitor = Scores.LossName });
            History history = trainer.Fit(set);
            Assert.True(history.Losses[^1] < history.Losses[0], $"{loss}: {history.Losses[0]} {history.Losses[^1]}");
        }
    }

    [Fact]
    public void Wrong_input_is_refused_with_its_place()
    {
        AssertMessage<ArgumentException>(() => Dataset.From(Array.Empty<float[]>(), Array.Empty<int>()),
            "Dataset.From: expected at least one sample, got none. (Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From(s_table, [1, 2]),
            "Dataset.From: expected a target for each of 3 samples, got 2. (Parameter 'targets')");
        AssertMessage<ArgumentException>(() => Dataset.From([[1f, 2], [3]], [1, 2]),
            "Dataset.From: expected 2 values per sample in inputs, as in sample 0, got 1 in sample 1. "
            + "(Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From([[1f, 2], null!], [1, 2]),
            "Dataset.From: expected 2 values per sample in inputs, as in sample 0, got null in sample 1. "
            + "(Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From([[], Array.Empty<float>()], [1, 2]),
            "Dataset.From: expected at least one value per sample in inputs, got none. (Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From(new double[2, 0], [1, 2]),
            "Dataset.From: expected at least one value per sample in inputs, got none. (Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From([[1f, 2], [3, float.NaN]], [1, 2]),
            "Dataset.From: expected finite inputs, got NaN as value 1 of sample 1. Correct the value, or leave out the "
            + "sample. (Parameter 'inputs')");
        AssertMessage<ArgumentException>(() => Dataset.From(s_table, [1, double.NegativeInfinity, 0]),
            "Dataset.From: expected finite targets, got -Infinity as value 0 of sample 1. Correct the value, or leave "
            + "out the sample. (Parameter 'targets')");
        AssertMessage<ArgumentException>(() => Dataset.From(s_table, [[1.0], [2], [3, 4]]),
            "Dataset.From: expected 1 values per sample in targets, as in sample 0, got 2 in sample 2. "
            + "(Parameter 'targets')");
        Assert.Throws<OverflowException>(() => Dataset.From(s_table, new ulong[] { 0, 1, ulong.MaxValue }));
        AssertMessage<ArgumentException>(
            () => Dataset.From(Array.Empty<House>(), static house => [house.Area], static house => house.Kind),
            "Dataset.From: expected at least one row, got none. (Parameter 'rows')");
        AssertMessage<ArgumentException>(() => Dataset.Of(0, [1], static (_, _) => { }, static _ => 0),
            "Dataset.Of: expected at least one sample, got 0. (Parameter 'count')");
        AssertMessage<ArgumentException>(() => Dataset.Of(2, [3, 0], static (_, _) => { }, static _ => 0),
            "Dataset.Of: expected a shape with elements, got (3, 0). (Parameter 'sampleShape')");
        AssertMessage<ArgumentException>(
            () => Dataset.From(s_table, [1, 2, 3]).WithTargets(Tensor.Labels(1, 2)),
            "Dataset.WithTargets: expected targets for 3 samples along axis 0, got shape (2). (Parameter 'targets')");
        AssertMessage<ArgumentException>(
            () => Dataset.From(s_table, [1, 2, 3]).WithTargets(Dataset.From([[1f]], [0])),
            "Dataset.WithTargets: expected a set of 3 samples as targets, got 1. (Parameter 'targets')");
        var tape = new Tape(Mode.Train);
        AssertMessage<ArgumentException>(
            () => Dataset.From(s_table, [1, 2, 3]).WithTargets(tape.Input(Tensor.Zeros([3, 1]))),
            "Dataset.WithTargets: expected targets outside any tape, got an activation. Clone() it first. "
            + "(Parameter 'targets')");
    }

    internal static void AssertMessage<TException>(Func<object?> action, string message) where TException : Exception =>
        Assert.Equal(message, Assert.Throws<TException>(action).Message);

    private static void Values(double[] from, Span<float> to)
    {
        for (int i = 0; i < to.Length; i++) to[i] = (float)from[i];
    }

    private static void AssertTable(Tensor inputs, DType dtype)
    {
        Assert.Equal((new Shape(3, 2), dtype), (inputs.Shape, inputs.DType));
        Assert.Equal(s_table.SelectMany(static row => row).Select(static value => (float)value),
            inputs.To(DType.Float32).ToArray<float>());
    }

    private static Batch Delivered(IDataset set, int workers, DType dtype)
    {
        using var loader = new DataLoader(set, set.Count, workers: workers) { DType = dtype };
        return loader.Select(static batch => batch.Clone()).Single();
    }

    private sealed record House(double Area, int Rooms, float Price, int Kind);
}
