namespace Evenkeel.Data;

/// <summary>
/// Shifts and scales each feature of a table to mean 0 and standard deviation 1: z = (x - mean)/std, both taken from
/// the training part. It does the same to numeric targets if asked, and turns predictions back: y = z·std + mean.
/// </summary>
/// <remarks>
/// <para>A feature is one place of the sample shape. The standard deviation is that of all N training samples (divided
/// by N), as in scikit-learn's <c>StandardScaler</c>. Everything is computed in double. A feature that is constant in
/// the training part says nothing: its std is 0, and it becomes 0 everywhere.</para>
/// <para>Fit on the training part alone: statistics that have seen the test part make its score too good.</para>
/// <para>It is for tables that fit into memory. Images have <see cref="Normalize"/>.</para>
/// </remarks>
public sealed class Standardizer
{
    /// <summary>Number of samples that are read at a time.</summary>
    private const int Chunk = 1024;

    /// <summary>Makes one of known statistics, for example those that were saved with a model.</summary>
    /// <param name="inputMean">The mean of each feature, in the shape of a sample.</param>
    /// <param name="inputStd">The standard deviation of each feature, 0 or more.</param>
    /// <param name="targetMean">The mean of each number of a target. Null leaves targets as they are.</param>
    /// <param name="targetStd">The standard deviation of each number of a target. Null as the mean.</param>
    /// <exception cref="ArgumentException">
    /// Shapes differ, a value is not finite, a standard deviation is negative, or one of the last two is missing.
    /// </exception>
    public Standardizer(Tensor inputMean, Tensor inputStd, Tensor? targetMean = null, Tensor? targetStd = null)
    {
        ArgumentNullException.ThrowIfNull(inputMean);
        ArgumentNullException.ThrowIfNull(inputStd);
        if (targetMean is null != targetStd is null)
        {
            throw new ArgumentException(
                "Standardizer: expected mean and standard deviation of targets, or neither, got one of them.",
                nameof(targetStd));
        }

        (InputMean, InputStd) = Checked(inputMean, inputStd, nameof(inputStd));
        if (targetMean is not null) (TargetMean, TargetStd) = Checked(targetMean, targetStd!, nameof(targetStd));
    }

    /// <summary>The mean of each feature, Float64, in the shape of a sample.</summary>
    public Tensor InputMean { get; }

    /// <summary>The standard deviation of each feature, Float64, in the shape of a sample.</summary>
    public Tensor InputStd { get; }

    /// <summary>The mean of each number of a target, Float64. Null leaves targets as they are.</summary>
    public Tensor? TargetMean { get; }

    /// <summary>The standard deviation of each number of a target, Float64. Null leaves targets as they are.</summary>
    public Tensor? TargetStd { get; }

    /// <summary>Takes the statistics of a training part.</summary>
    /// <param name="training">The samples. They are read twice.</param>
    /// <param name="targets">Whether numeric targets are standardized too. Default: false.</param>
    /// <exception cref="ArgumentException">
    /// There is no sample, the targets are class labels but are to be standardized, or a value is not finite.
    /// </exception>
    public static Standardizer Fit(IDataset training, bool targets = false)
    {
        ArgumentNullException.ThrowIfNull(training);
        if (training.Count < 1)
        {
            throw new ArgumentException(
                "Standardizer.Fit: expected a data set with samples, got none.", nameof(training));
        }

        if (targets && !training.TargetType.IsFloatingPoint())
        {
            throw new ArgumentException(
                "Standardizer.Fit: expected numbers as targets, got class labels. They are not standardized: leave "
                + "out targets.", nameof(targets));
        }

        (Tensor mean, Tensor std) = Moments(training, ofTargets: false);
        if (!targets) return new Standardizer(mean, std);
        (Tensor targetMean, Tensor targetStd) = Moments(training, ofTargets: true);
        return new Standardizer(mean, std, targetMean, targetStd);
    }

    /// <summary>A standardized copy of a data set, in memory.</summary>
    /// <param name="dataset">Samples of the same shape. Class labels stay as they are.</param>
    /// <param name="dtype">The type of the copy. Default: Float32.</param>
    /// <exception cref="ArgumentException">The shapes are not those of the training part.</exception>
    public TensorDataset Apply(IDataset dataset, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        CheckType(dtype);
        CheckShape(InputMean.Shape, dataset.SampleShape, "samples", nameof(dataset));
        bool isLabels = !dataset.TargetType.IsFloatingPoint();
        if (TargetMean is not null)
        {
            if (isLabels)
            {
                throw new ArgumentException("Standardizer.Apply: expected numbers as targets, as in the training part, "
                    + "got class labels.", nameof(dataset));
            }

            CheckShape(TargetMean.Shape, dataset.TargetShape, "targets", nameof(dataset));
        }

        var inputs = Tensor.Zeros(dataset.BatchShape(dataset.Count), dtype);
        var targets = Tensor.Zeros(dataset.TargetBatchShape(dataset.Count), isLabels ? DType.Int64 : dtype);
        Walk(dataset.Count, dataset.SampleShape, dataset.CopyTo, (rows, first) =>
            Map(rows, inputs, first, InputMean, InputStd));
        if (TargetMean is not null)
        {
            Walk(dataset.Count, dataset.TargetShape, dataset.CopyTargetsTo, (rows, first) =>
                Map(rows, targets, first, TargetMean, TargetStd!));
        }
        else
        {
            dataset.CopyTargetsTo([.. Enumerable.Range(0, dataset.Count)], targets);
        }

        return new TensorDataset(inputs, targets);
    }

    /// <summary>Standardizes inputs, for example those of a prediction.</summary>
    /// <param name="inputs">(N, sample shape), Float32 or Float64.</param>
    /// <param name="dtype">The type of the result. Default: Float32.</param>
    /// <exception cref="ArgumentException">The shape is not (N, sample shape).</exception>
    public Tensor Apply(Tensor inputs, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        CheckType(dtype);
        CheckRows(InputMean, inputs, "Apply", nameof(inputs));
        var result = Tensor.Zeros(inputs.Shape, dtype);
        Map(inputs, result, 0, InputMean, InputStd);
        return result;
    }

    /// <summary>Turns predictions of standardized targets back into the targets' own units: z·std + mean.</summary>
    /// <param name="predictions">(N, target shape), Float32 or Float64.</param>
    /// <returns>Values of the shape and type of the predictions.</returns>
    /// <exception cref="ArgumentException">The shape is not (N, target shape).</exception>
    /// <exception cref="InvalidOperationException">Targets were not standardized.</exception>
    public Tensor Invert(Tensor predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        if (TargetMean is null)
        {
            throw new InvalidOperationException("Standardizer.Invert: expected statistics of targets, got none. The "
                + "predictions have their own units already; Fit(training, targets: true) standardizes targets.");
        }

        CheckRows(TargetMean, predictions, "Invert", nameof(predictions));
        var result = Tensor.Zeros(predictions.Shape, predictions.DType);
        ReadOnlySpan<double> mean = TargetMean.AsSpan<double>(), std = TargetStd!.AsSpan<double>();
        for (int i = 0; i < result.Count; i++)
            result.SetValueAt(i, (predictions.ValueAt(i) * std[i % mean.Length]) + mean[i % mean.Length]);
        return result;
    }

    private static (Tensor Mean, Tensor Std) Moments(IDataset training, bool ofTargets)
    {
        int count = training.Count;
        Shape shape = ofTargets ? training.TargetShape : training.SampleShape;
        Action<ReadOnlySpan<int>, Tensor> copy = ofTargets ? training.CopyTargetsTo : training.CopyTo;
        Tensor mean = Tensor.Zeros(shape, DType.Float64), std = Tensor.Zeros(shape, DType.Float64);
        var least = Tensor.Full(shape, double.PositiveInfinity, DType.Float64);
        var most = Tensor.Full(shape, double.NegativeInfinity, DType.Float64);
        Walk(count, shape, copy, (rows, first) =>
        {
            Span<double> sum = mean.AsSpan<double>(), small = least.AsSpan<double>(), large = most.AsSpan<double>();
            ReadOnlySpan<double> values = rows.AsSpan<double>();
            for (int i = 0; i < values.Length; i++)
            {
                int j = i % sum.Length;
                if (!double.IsFinite(values[i]))
                {
                    throw new ArgumentException($"Standardizer.Fit: expected finite values, got {values[i]} as "
                        + $"{(ofTargets ? "target" : "input")} {j} of sample {first + (i / sum.Length)}. Correct the "
                        + "value, or leave out the sample.", nameof(training));
                }

                sum[j] += values[i];
                small[j] = Math.Min(small[j], values[i]);
                large[j] = Math.Max(large[j], values[i]);
            }
        });
        Scale(mean, count);
        // The deviations from a mean far from 0 also give the part that its own sum has lost.
        var low = Tensor.Zeros(shape, DType.Float64);
        Walk(count, shape, copy, (rows, _) =>
        {
            Span<double> square = std.AsSpan<double>(), rest = low.AsSpan<double>(), center = mean.AsSpan<double>();
            ReadOnlySpan<double> values = rows.AsSpan<double>();
            for (int i = 0; i < values.Length; i++)
            {
                int j = i % square.Length;
                double deviation = values[i] - center[j];
                square[j] += deviation * deviation;
                rest[j] += deviation;
            }
        });
        Scale(std, count);
        Scale(low, count);
        for (int j = 0; j < mean.Count; j++)
        {
            double part = low.AsSpan<double>()[j], value = least.AsSpan<double>()[j];
            ref double center = ref mean.AsSpan<double>()[j], scale = ref std.AsSpan<double>()[j];
            // The rounding of the mean must not give a constant a standard deviation.
            bool isConstant = value == most.AsSpan<double>()[j];
            center = isConstant ? value : center + part;
            scale = isConstant ? 0 : Math.Sqrt(Math.Max(0, scale - (part * part)));
        }

        return (mean, std);
    }

    private static void Scale(Tensor sums, int count)
    {
        foreach (ref double sum in sums.AsSpan<double>()) sum /= count;
    }

    /// <summary>Reads all samples (or targets), some at a time, in their order.</summary>
    private static void Walk(
        int count, Shape shape, Action<ReadOnlySpan<int>, Tensor> copy, Action<Tensor, int> use)
    {
        for (int first = 0; first < count; first += Chunk)
        {
            int[] indices = [.. Enumerable.Range(first, Math.Min(Chunk, count - first))];
            var rows = Tensor.Zeros(DatasetExtensions.WithBatch(shape, indices.Length), DType.Float64);
            copy(indices, rows);
            use(rows, first);
        }
    }

    /// <summary>Writes (x - mean)/std of some samples behind those before.</summary>
    private static void Map(Tensor rows, Tensor result, int first, Tensor mean, Tensor std)
    {
        ReadOnlySpan<double> center = mean.AsSpan<double>(), scale = std.AsSpan<double>();
        for (int i = 0; i < rows.Count; i++)
        {
            int j = i % center.Length;
            double z = scale[j] == 0 ? 0 : (rows.ValueAt(i) - center[j]) / scale[j];
            result.SetValueAt((first * center.Length) + i, z);
        }
    }

    private static (Tensor Mean, Tensor Std) Checked(Tensor mean, Tensor std, string parameter)
    {
        if (mean.Shape != std.Shape || !mean.DType.IsFloatingPoint() || !std.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"Standardizer: expected mean and standard deviation of one shape, got "
                + $"{mean.DType} of shape {mean.Shape} and {std.DType} of shape {std.Shape}.", parameter);
        }

        for (int i = 0; i < mean.Count; i++)
        {
            if (double.IsFinite(mean.ValueAt(i)) && std.ValueAt(i) is >= 0 and < double.PositiveInfinity) continue;
            throw new ArgumentException($"Standardizer: expected a finite mean and a finite standard deviation of 0 or "
                + $"more, got {mean.ValueAt(i)} and {std.ValueAt(i)} as number {i}.", parameter);
        }

        return (mean.To(DType.Float64), std.To(DType.Float64));
    }

    private static void CheckType(DType dtype)
    {
        if (dtype.IsFloatingPoint()) return;
        throw new ArgumentException($"Standardizer: expected Float32 or Float64, got {dtype}.", nameof(dtype));
    }

    private static void CheckShape(Shape expected, Shape got, string what, string parameter)
    {
        if (expected == got) return;
        throw new ArgumentException($"Standardizer.Apply: expected {what} of shape {expected}, as in the training "
            + $"part, got {got}.", parameter);
    }

    private static void CheckRows(Tensor mean, Tensor rows, string method, string parameter)
    {
        if (rows.DType.IsFloatingPoint() && rows.Shape.Rank == mean.Shape.Rank + 1
            && rows.Shape.ToArray().AsSpan(1).SequenceEqual(mean.Shape.ToArray())) return;
        throw new ArgumentException($"Standardizer.{method}: expected Float32 or Float64 of shape (N, ...) with "
            + $"{mean.Shape} per sample, got {rows.DType} of shape {rows.Shape}.", parameter);
    }
}
