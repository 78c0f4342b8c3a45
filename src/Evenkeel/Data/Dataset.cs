using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel.Data;

/// <summary>Makes data sets of what a program has: arrays, rows of objects, functions.</summary>
/// <remarks>
/// <para>Targets of an integer type are class labels, one per sample. Targets of a floating-point type (or decimal) are
/// numbers. A single number per sample has the target shape (1), which is the output of <c>Linear(..., 1)</c>.</para>
/// <para>Arrays and rows are copied when the set is made. There must be a sample, a target for each, and rows of
/// equal lengths. Inputs and numbers must be finite. Values of type float are kept as Float32, values of other types
/// as Float64. A loader converts them into its own type.</para>
/// </remarks>
public static class Dataset
{
    /// <summary>Samples from arrays, each with a class label or a number.</summary>
    /// <typeparam name="TInput">The type of inputs: any number.</typeparam>
    /// <typeparam name="TTarget">Integers are class labels, others are numbers.</typeparam>
    /// <param name="inputs">An array of F values per sample.</param>
    /// <param name="targets">A class label or a number per sample.</param>
    /// <returns>Samples of shape (F); targets of shape () for labels and (1) for numbers.</returns>
    /// <exception cref="ArgumentException">
    /// There is no sample, the numbers of inputs and targets differ, rows differ in length, or a value is not finite.
    /// </exception>
    /// <exception cref="OverflowException">A class label exceeds 64 bits.</exception>
    public static TensorDataset From<TInput, TTarget>(
        IReadOnlyList<TInput[]> inputs, IReadOnlyList<TTarget> targets)
        where TInput : INumber<TInput>
        where TTarget : INumber<TTarget>
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        CheckCounts(inputs.Count, targets.Count);
        return new TensorDataset(Matrix(inputs, "inputs"), Column(targets));
    }

    /// <summary>Samples from arrays, each with a vector as target.</summary>
    /// <param name="inputs">An array of F values per sample.</param>
    /// <param name="targets">An array of T numbers per sample.</param>
    /// <returns>Samples of shape (F), targets of shape (T).</returns>
    /// <inheritdoc cref="From{TInput, TTarget}(IReadOnlyList{TInput[]}, IReadOnlyList{TTarget})"
    /// path="/typeparam|/exception|/remarks"/>
    public static TensorDataset From<TInput, TTarget>(
        IReadOnlyList<TInput[]> inputs, IReadOnlyList<TTarget[]> targets)
        where TInput : INumber<TInput>
        where TTarget : INumber<TTarget>
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        CheckCounts(inputs.Count, targets.Count);
        return new TensorDataset(Matrix(inputs, "inputs"), Matrix(targets, "targets"));
    }

    /// <summary>Samples from the rows of a matrix, each with a class label or a number.</summary>
    /// <param name="inputs">(N, F) values: a row per sample.</param>
    /// <param name="targets">A class label or a number per sample.</param>
    /// <returns>Samples of shape (F); targets of shape () for labels and (1) for numbers.</returns>
    /// <inheritdoc cref="From{TInput, TTarget}(IReadOnlyList{TInput[]}, IReadOnlyList{TTarget})"
    /// path="/typeparam|/exception|/remarks"/>
    public static TensorDataset From<TInput, TTarget>(TInput[,] inputs, IReadOnlyList<TTarget> targets)
        where TInput : INumber<TInput>
        where TTarget : INumber<TTarget>
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        CheckCounts(inputs.GetLength(0), targets.Count);
        return new TensorDataset(Matrix(inputs, "inputs"), Column(targets));
    }

    /// <summary>Samples from the rows of a matrix, each with a row of another one as target.</summary>
    /// <param name="inputs">(N, F) values: a row per sample.</param>
    /// <param name="targets">(N, T) numbers: a row per sample.</param>
    /// <returns>Samples of shape (F), targets of shape (T).</returns>
    /// <inheritdoc cref="From{TInput, TTarget}(IReadOnlyList{TInput[]}, IReadOnlyList{TTarget})"
    /// path="/typeparam|/exception|/remarks"/>
    public static TensorDataset From<TInput, TTarget>(TInput[,] inputs, TTarget[,] targets)
        where TInput : INumber<TInput>
        where TTarget : INumber<TTarget>
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        CheckCounts(inputs.GetLength(0), targets.GetLength(0));
        return new TensorDataset(Matrix(inputs, "inputs"), Matrix(targets, "targets"));
    }

    /// <summary>
    /// Samples from rows of any kind, for example records or rows of a database, each with a class label or a number:
    /// <c>Dataset.From(houses, house =&gt; [house.Area, house.Rooms], house =&gt; house.Price)</c>.
    /// </summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <typeparam name="TTarget">Integers are class labels, others are numbers.</typeparam>
    /// <param name="rows">The rows. They are read once.</param>
    /// <param name="inputs">The F inputs of a row.</param>
    /// <param name="target">The class label or the number of a row.</param>
    /// <returns>Samples of shape (F); targets of shape () for labels and (1) for numbers.</returns>
    /// <exception cref="ArgumentException">
    /// There is no row, rows differ in length, or a value is not finite.
    /// </exception>
    /// <exception cref="OverflowException">A class label exceeds 64 bits.</exception>
    public static TensorDataset From<TRow, TTarget>(
        IEnumerable<TRow> rows, Func<TRow, double[]> inputs, Func<TRow, TTarget> target)
        where TTarget : INumber<TTarget>
    {
        (List<double[]> samples, List<TTarget> targets) = Read(rows, inputs, target);
        return From(samples, targets);
    }

    /// <summary>Samples from rows of any kind, each with a vector as target.</summary>
    /// <param name="rows">The rows. They are read once.</param>
    /// <param name="inputs">The F inputs of a row.</param>
    /// <param name="target">The T numbers of a row.</param>
    /// <returns>Samples of shape (F), targets of shape (T).</returns>
    /// <inheritdoc cref="From{TRow, TTarget}(IEnumerable{TRow}, Func{TRow, double[]}, Func{TRow, TTarget})"
    /// path="/typeparam|/exception|/remarks"/>
    public static TensorDataset From<TRow>(
        IEnumerable<TRow> rows, Func<TRow, double[]> inputs, Func<TRow, double[]> target)
    {
        (List<double[]> samples, List<double[]> targets) = Read(rows, inputs, target);
        return From(samples, targets);
    }

    /// <summary>
    /// Samples with class labels that are made when a batch needs them, by functions of the sample's index.
    /// </summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="sampleShape">The shape of one sample.</param>
    /// <param name="input">
    /// Writes the values of a sample, row-major. It finds zeros. The values are not checked.
    /// </param>
    /// <param name="label">The class of a sample.</param>
    /// <remarks>
    /// The functions are called by several threads at once, in any order, and more than once per sample. They must give
    /// the same values for the same sample: a random value comes from a stream of its own, for example
    /// <c>new Philox(seed).Split((ulong)index)</c>.
    /// </remarks>
    /// <exception cref="ArgumentException">There is no sample, or a shape has no element.</exception>
    public static IDataset Of(int count, Shape sampleShape, Action<int, Span<float>> input, Func<int, long> label)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(label);
        return new FunctionDataset(count, sampleShape, (_, i, x) => input(i, x), (_, i) => label(i));
    }

    /// <summary>
    /// Samples with numbers, vectors or images as targets that are made when a batch needs them, by functions of the
    /// sample's index.
    /// </summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="sampleShape">The shape of one sample.</param>
    /// <param name="targetShape">The shape of one target, for example (1) for a number.</param>
    /// <param name="input">
    /// Writes the values of a sample, row-major. It finds zeros. The values are not checked.
    /// </param>
    /// <param name="target">Writes the values of a target, row-major. It finds zeros.</param>
    /// <inheritdoc cref="Of(int, Shape, Action{int, Span{float}}, Func{int, long})"
    /// path="/typeparam|/exception|/remarks"/>
    public static IDataset Of(
        int count, Shape sampleShape, Shape targetShape, Action<int, Span<float>> input,
        Action<int, Span<float>> target)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(target);
        return new FunctionDataset(
            count, sampleShape, (_, i, x) => input(i, x), targetShape, (_, i, y) => target(i, y));
    }

    /// <summary>
    /// Samples with class labels that differ from epoch to epoch, by functions of the epoch's number and the sample's
    /// index, both from 0 on.
    /// </summary>
    /// <inheritdoc cref="Of(int, Shape, Action{int, Span{float}}, Func{int, long})"
    /// path="/typeparam|/exception|/remarks"/>
    public static IEpochDataset Of(
        int count, Shape sampleShape, Action<int, int, Span<float>> input, Func<int, int, long> label)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(label);
        return new FunctionDataset(count, sampleShape, input, label);
    }

    /// <summary>
    /// Samples with numbers, vectors or images as targets that differ from epoch to epoch, by functions of the epoch's
    /// number and the sample's index, both from 0 on.
    /// </summary>
    /// <inheritdoc cref="Of(int, Shape, Shape, Action{int, Span{float}}, Action{int, Span{float}})"
    /// path="/typeparam|/exception|/remarks"/>
    public static IEpochDataset Of(
        int count, Shape sampleShape, Shape targetShape, Action<int, int, Span<float>> input,
        Action<int, int, Span<float>> target)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(target);
        return new FunctionDataset(count, sampleShape, input, targetShape, target);
    }

    /// <summary>
    /// The samples of a set with other targets, for example images of a folder with a number each.
    /// </summary>
    /// <param name="dataset">The set. Its own targets are not read.</param>
    /// <param name="targets">A target per sample along axis 0: Int64 for class labels, otherwise numbers.</param>
    /// <exception cref="ArgumentException">
    /// There are not as many targets as samples, or they lie on a tape.
    /// </exception>
    public static IEpochDataset WithTargets(this IDataset dataset, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(targets);
        if (targets.Tape is not null)
        {
            throw new ArgumentException(
                "Dataset.WithTargets: expected targets outside any tape, got an activation. Clone() it first.",
                nameof(targets));
        }

        if (targets.Shape.Rank < 1 || targets.Shape[0] != dataset.Count)
        {
            throw new ArgumentException(
                $"Dataset.WithTargets: expected targets for {dataset.Count} samples along axis 0, got shape "
                + $"{targets.Shape}.", nameof(targets));
        }

        return new PairedDataset(dataset, null, TensorDataset.OfOne(targets.Shape), targets.DType,
            (indices, batch) => TensorDataset.CopyRows(targets, indices, batch));
    }

    /// <summary>
    /// The samples of a set, with the samples of another set as targets: noisy and clean images, images and masks, or a
    /// set with itself for an autoencoder.
    /// </summary>
    /// <param name="dataset">The set. Its own targets are not read.</param>
    /// <param name="targets">
    /// The set whose samples are the targets. Both are told the epoch. Two <see cref="TransformedDataset"/> of one seed
    /// draw alike, so that an image and its mask are cropped alike.
    /// </param>
    /// <exception cref="ArgumentException">The sets have different numbers of samples.</exception>
    public static IEpochDataset WithTargets(this IDataset dataset, IDataset targets)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(targets);
        if (targets.Count != dataset.Count)
        {
            throw new ArgumentException(
                $"Dataset.WithTargets: expected a set of {dataset.Count} samples as targets, got {targets.Count}.",
                nameof(targets));
        }

        return new PairedDataset(dataset, targets, targets.SampleShape, DType.Float32, targets.CopyTo);
    }

    private static void CheckCounts(int inputs, int targets)
    {
        if (inputs == 0)
            throw new ArgumentException("Dataset.From: expected at least one sample, got none.", nameof(inputs));
        if (inputs == targets) return;
        throw new ArgumentException(
            $"Dataset.From: expected a target for each of {inputs} samples, got {targets}.", nameof(targets));
    }

    private static (List<double[]> Inputs, List<TTarget> Targets) Read<TRow, TTarget>(
        IEnumerable<TRow> rows, Func<TRow, double[]> inputs, Func<TRow, TTarget> target)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(target);
        List<double[]> samples = [];
        List<TTarget> targets = [];
        foreach (TRow row in rows)
        {
            samples.Add(inputs(row));
            targets.Add(target(row));
        }

        return samples.Count > 0
            ? (samples, targets)
            : throw new ArgumentException("Dataset.From: expected at least one row, got none.", nameof(rows));
    }

    /// <summary>Class labels of shape (N), or numbers of shape (N, 1).</summary>
    private static Tensor Column<T>(IReadOnlyList<T> targets) where T : INumber<T>
    {
        // A half is zero in integers only.
        bool isInteger = T.One / (T.One + T.One) == T.Zero;
        if (!isInteger) return Matrix([.. targets.Select(static target => new[] { target })], nameof(targets));
        Tensor labels = Tensor.Zeros([targets.Count], DType.Int64);
        Span<long> values = labels.AsSpan<long>();
        for (int i = 0; i < values.Length; i++) values[i] = long.CreateChecked(targets[i]);
        return labels;
    }

    private static Tensor Matrix<T>(T[,] values, string parameter) where T : INumber<T>
    {
        ref T first = ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference((Array)values));
        ReadOnlySpan<T> all = MemoryMarshal.CreateReadOnlySpan(ref first, values.Length);
        int rows = values.GetLength(0), columns = values.GetLength(1);
        CheckColumns(columns, parameter);
        Tensor matrix = Tensor.Zeros([rows, columns], TypeOf<T>());
        for (int i = 0; i < rows; i++) Write(all.Slice(i * columns, columns), matrix, i, parameter);
        return matrix;
    }

    private static Tensor Matrix<T>(IReadOnlyList<T[]> rows, string parameter) where T : INumber<T>
    {
        int columns = rows[0]?.Length ?? 0;
        CheckColumns(columns, parameter);
        Tensor matrix = Tensor.Zeros([rows.Count, columns], TypeOf<T>());
        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i]?.Length != columns)
            {
                throw new ArgumentException(
                    $"Dataset.From: expected {columns} values per sample in {parameter}, as in sample 0, got "
                    + $"{rows[i]?.Length.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "null"} in "
                    + $"sample {i}.", parameter);
            }

            Write(rows[i], matrix, i, parameter);
        }

        return matrix;
    }

    private static void CheckColumns(int columns, string parameter)
    {
        if (columns > 0) return;
        throw new ArgumentException(
            $"Dataset.From: expected at least one value per sample in {parameter}, got none.", parameter);
    }

    private static DType TypeOf<T>() => typeof(T) == typeof(float) ? DType.Float32 : DType.Float64;

    private static void Write<T>(ReadOnlySpan<T> row, Tensor matrix, int sample, string parameter) where T : INumber<T>
    {
        for (int j = 0; j < row.Length; j++)
        {
            if (T.IsFinite(row[j])) continue;
            throw new ArgumentException(
                $"Dataset.From: expected finite {parameter}, got {row[j]} as value {j} of sample {sample}. Correct the "
                + "value, or leave out the sample.", parameter);
        }

        if (matrix.DType == DType.Float32)
        {
            Span<float> single = matrix.AsSpan<float>().Slice(sample * row.Length, row.Length);
            for (int j = 0; j < row.Length; j++) single[j] = float.CreateTruncating(row[j]);
            return;
        }

        Span<double> values = matrix.AsSpan<double>().Slice(sample * row.Length, row.Length);
        for (int j = 0; j < row.Length; j++) values[j] = double.CreateTruncating(row[j]);
    }
}
