using Evenkeel.Data;

namespace Evenkeel.Tables;

/// <summary>
/// The samples of a table: a row of inputs per row of the file, in the order of the file, and its target. Made by
/// <see cref="TableSchema.Load"/>.
/// </summary>
/// <remarks>
/// A missing number is NaN in <see cref="Inputs"/>. <see cref="TablePreprocessing"/> fills it in and scales the rest.
/// </remarks>
public sealed class TableDataset : IDataset
{
    private readonly TensorDataset _samples;
    private readonly LineNumbers _lines;

    internal TableDataset(
        TableSchema schema, string source, Tensor inputs, Tensor? targets, LineNumbers lines, List<string> notes)
    {
        (Schema, Source, _lines, HasTargets) = (schema, source, lines, targets is not null);
        _samples = new TensorDataset(inputs, targets ?? Tensor.Zeros([inputs.Shape[0]], DType.Int64));
        Notes = notes.AsReadOnly();
    }

    /// <summary>What the columns mean.</summary>
    public TableSchema Schema { get; }

    /// <summary>The file.</summary>
    public string Source { get; }

    /// <summary>
    /// The inputs, (N, F), Float32, as <see cref="TableSchema.InputNames"/> names them. NaN is missing.
    /// </summary>
    public Tensor Inputs => _samples.Inputs;

    /// <summary>Whether the rows have targets: not if they were read by <see cref="TableSchema.LoadInputs"/>.</summary>
    public bool HasTargets { get; }

    /// <summary>The targets: class labels, (N), Int64; or T numbers per sample, (N, T), Float64.</summary>
    /// <exception cref="InvalidOperationException">The table was read without targets.</exception>
    public Tensor Targets => HasTargets ? _samples.Targets : throw new InvalidOperationException(
        $"TableDataset: expected targets, \"{Source}\" was read without them. Read it with TableSchema.Load.");

    /// <summary>
    /// What looks odd in this file: unknown categories, rows that are left out, values that are missing.
    /// </summary>
    public IReadOnlyList<string> Notes { get; }

    /// <inheritdoc/>
    public int Count => _samples.Count;

    /// <inheritdoc/>
    public Shape SampleShape => _samples.SampleShape;

    /// <inheritdoc/>
    public Shape TargetShape => Schema.Task == TableTask.Classification ? [] : [Schema.TargetNames.Count];

    /// <inheritdoc/>
    public DType TargetType => Schema.Task == TableTask.Classification ? DType.Int64 : DType.Float64;

    /// <summary>The line of the file, counted from 1, where a sample begins.</summary>
    /// <param name="sample">The sample, from 0 to <see cref="Count"/> - 1.</param>
    public long LineOf(int sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sample, Count);
        return _lines[sample];
    }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => _samples.CopyTo(indices, batch);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The table was read without targets.</exception>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        _ = Targets;
        _samples.CopyTargetsTo(indices, targets);
    }
}
