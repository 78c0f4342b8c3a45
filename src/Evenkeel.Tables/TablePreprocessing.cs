using System.Numerics;
using System.Text.Json;
using Evenkeel.Data;

namespace Evenkeel.Tables;

/// <summary>
/// Makes inputs of a table ready for training: a missing number becomes the median of its column, and numbers get mean
/// 0 and standard deviation 1: z = (x - mean)/std. Inputs of 0 or 1 stay as they are. Numeric targets are scaled as
/// well, and <see cref="TargetsToUnits"/> turns predictions back. Everything is learned from the training part alone.
/// </summary>
/// <remarks>It is a <see cref="Standardizer"/> with fill values: the standard deviation divides by N.</remarks>
public sealed class TablePreprocessing
{
    private readonly double[] _fill;
    private readonly Standardizer _units;

    private TablePreprocessing(double[] fill, Standardizer units)
    {
        (_fill, _units) = (fill, units);
        TargetMean = units.TargetMean?.ToArray<double>() ?? [];
        TargetStd = units.TargetStd?.ToArray<double>() ?? [];
    }

    /// <summary>What a missing value of each input becomes: the median of the training part.</summary>
    public IReadOnlyList<double> FillValues => _fill;

    /// <summary>The mean of each input; 0 for inputs of 0 or 1.</summary>
    public IReadOnlyList<double> InputMean => _units.InputMean.ToArray<double>();

    /// <summary>The standard deviation of each input; 1 for inputs of 0 or 1.</summary>
    public IReadOnlyList<double> InputStd => _units.InputStd.ToArray<double>();

    /// <summary>The mean of each target. Empty for classification.</summary>
    public double[] TargetMean { get; }

    /// <summary>The standard deviation of each target. Empty for classification.</summary>
    public double[] TargetStd { get; }

    /// <summary>Takes fill values, means and standard deviations of a training part.</summary>
    /// <param name="data">A table with targets.</param>
    /// <param name="trainingRows">The samples of the training part.</param>
    /// <exception cref="ArgumentException">There is no training row.</exception>
    public static TablePreprocessing Learn(TableDataset data, ReadOnlySpan<int> trainingRows)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (trainingRows.IsEmpty)
        {
            throw new ArgumentException(
                "TablePreprocessing.Learn: expected rows to learn from, got none.", nameof(trainingRows));
        }

        int[] rows = trainingRows.ToArray();
        double[] fill = Medians(data, rows);
        var filled = new FilledRows(data, rows, fill);
        bool areNumbers = data.Schema.Task == TableTask.Regression;
        var measured = Standardizer.Fit(filled, targets: areNumbers);
        double[] mean = measured.InputMean.ToArray<double>(), std = measured.InputStd.ToArray<double>();
        for (int i = 0; i < mean.Length; i++)
        {
            if (!data.Schema.IsFlag(i)) continue;
            (mean[i], std[i]) = (0, 1);
        }

        return new TablePreprocessing(fill,
            new Standardizer(Tensor.From(mean), Tensor.From(std), measured.TargetMean, measured.TargetStd));
    }

    /// <summary>The filled and scaled samples of a table, in memory.</summary>
    /// <param name="data">A table with targets, of the same schema.</param>
    /// <exception cref="InvalidOperationException">The table has no targets.</exception>
    public TensorDataset Apply(TableDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Apply(data, Rows.All(data.Count));
    }

    /// <summary>The filled and scaled samples of some rows of a table, in memory.</summary>
    /// <param name="data">A table with targets, of the same schema.</param>
    /// <param name="rows">The samples, in the order of the result.</param>
    /// <exception cref="InvalidOperationException">The table has no targets.</exception>
    public TensorDataset Apply(TableDataset data, ReadOnlySpan<int> rows)
    {
        ArgumentNullException.ThrowIfNull(data);
        Check(data);
        _ = data.Targets;
        return _units.Apply(new FilledRows(data, rows.ToArray(), _fill));
    }

    /// <summary>The filled and scaled inputs of a table, (N, F), Float32. The table needs no targets.</summary>
    public Tensor ApplyToInputs(TableDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        Check(data);
        var filled = Tensor.Zeros(data.Inputs.Shape);
        new FilledRows(data, Rows.All(data.Count), _fill).CopyTo(Rows.All(data.Count), filled);
        return _units.Apply(filled);
    }

    /// <summary>Turns predictions of scaled targets back into their units: z·std + mean.</summary>
    /// <param name="predictions">(N, T), Float32 or Float64.</param>
    /// <returns>
    /// Float64 of the same shape, for a mean may be far larger than the deviation. For classification, the predictions
    /// themselves.
    /// </returns>
    public Tensor TargetsToUnits(Tensor predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        return TargetMean.Length == 0 ? predictions : _units.Invert(predictions.To(DType.Float64));
    }

    /// <summary>Writes everything as an object of JSON; <see cref="Read"/> reads it.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        Write(json, "fill", _fill);
        Write(json, "inputMean", InputMean);
        Write(json, "inputStd", InputStd);
        Write(json, "targetMean", TargetMean);
        Write(json, "targetStd", TargetStd);
        json.WriteEndObject();
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The object is not such a one.</exception>
    public static TablePreprocessing Read(JsonElement json)
    {
        var values = new JsonFields(json, nameof(TablePreprocessing));
        double[] fill = values.Numbers("fill"), mean = values.Numbers("inputMean"), std = values.Numbers("inputStd");
        double[] targetMean = values.Numbers("targetMean"), targetStd = values.Numbers("targetStd");
        if (fill.Length != mean.Length || mean.Length != std.Length || targetMean.Length != targetStd.Length)
        {
            throw new InvalidDataException($"TablePreprocessing: expected as many fill values as means and standard "
                + $"deviations, got {fill.Length}, {mean.Length} and {std.Length} of inputs and {targetMean.Length} "
                + $"and {targetStd.Length} of targets. The file is damaged: train again.");
        }

        bool hasTargets = targetMean.Length > 0;
        return new TablePreprocessing(fill, new Standardizer(Tensor.From(mean), Tensor.From(std),
            hasTargets ? Tensor.From(targetMean) : null, hasTargets ? Tensor.From(targetStd) : null));
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private static double[] Medians(TableDataset data, int[] rows)
    {
        int width = data.Schema.InputNames.Count;
        var medians = new double[width];
        ReadOnlySpan<float> values = data.Inputs.AsSpan<float>();
        var known = new float[rows.Length];
        for (int i = 0; i < width; i++)
        {
            if (data.Schema.IsFlag(i)) continue;
            int count = 0;
            foreach (int row in rows)
            {
                float value = values[(row * width) + i];
                if (!float.IsNaN(value)) known[count++] = value;
            }

            if (count == 0) continue;
            Array.Sort(known, 0, count);
            medians[i] = ((double)known[(count - 1) / 2] + known[count / 2]) / 2;
        }

        return medians;
    }

    private void Check(TableDataset data)
    {
        if (data.Schema.InputNames.Count == _fill.Length) return;
        throw new ArgumentException($"TablePreprocessing: expected {_fill.Length} inputs, as in training, got "
            + $"{data.Schema.InputNames.Count}. Read the file with the schema of the training file.", nameof(data));
    }

    /// <summary>Some rows of a table, with the missing values filled in.</summary>
    private sealed class FilledRows(TableDataset data, int[] rows, double[] fill) : IDataset
    {
        public int Count => rows.Length;

        public Shape SampleShape => data.SampleShape;

        public Shape TargetShape => data.TargetShape;

        public DType TargetType => data.TargetType;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            data.CopyTo(Of(indices), batch);
            if (batch.DType == DType.Float32) Fill(batch.AsSpan<float>());
            else Fill(batch.AsSpan<double>());
        }

        public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets) =>
            data.CopyTargetsTo(Of(indices), targets);

        private void Fill<T>(Span<T> batch) where T : IFloatingPointIeee754<T>
        {
            for (int i = 0; i < batch.Length; i++)
            {
                if (T.IsNaN(batch[i])) batch[i] = T.CreateTruncating(fill[i % fill.Length]);
            }
        }

        private int[] Of(ReadOnlySpan<int> indices)
        {
            int[] of = new int[indices.Length];
            for (int i = 0; i < of.Length; i++) of[i] = rows[indices[i]];
            return of;
        }
    }
}
