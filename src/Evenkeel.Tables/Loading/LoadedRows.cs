namespace Evenkeel.Tables;

/// <summary>The samples of a block.</summary>
internal sealed class LoadedRows
{
    private readonly LoadPlan _plan;
    private float[] _inputs = [];
    private double[] _numbers = [];
    private long[] _labels = [];
    private long[] _lines = [];

    private LoadedRows(LoadPlan plan)
    {
        _plan = plan;
        Missing = new long[plan.Inputs.Length];
        Unknown = new long[plan.Inputs.Length];
        FirstUnknown = new OddCell?[plan.Inputs.Length];
    }

    public int Count { get; private set; }

    /// <summary>Number of rows in the file, with those that are left out.</summary>
    public long Rows { get; private set; }

    /// <summary>Rows that are left out because the target is missing.</summary>
    public long WithoutTarget { get; private set; }

    /// <summary>Missing values by column that becomes inputs.</summary>
    public long[] Missing { get; }

    /// <summary>Categories that training did not have, by column.</summary>
    public long[] Unknown { get; }

    /// <summary>The first of them.</summary>
    public OddCell?[] FirstUnknown { get; }

    public ReadOnlySpan<float> Inputs => _inputs.AsSpan(0, Count * _plan.Width);

    /// <summary>The targets if they are numbers.</summary>
    public ReadOnlySpan<double> Numbers => _numbers.AsSpan(0, Count * Width);

    /// <summary>The targets if they are classes.</summary>
    public ReadOnlySpan<long> Labels => _plan.Classes is null ? [] : _labels.AsSpan(0, Count);

    public ReadOnlySpan<long> Lines => _lines.AsSpan(0, Count);

    private int Width => _plan.Classes is null ? _plan.Targets.Length : 0;

    /// <summary>Reads the rows of a block.</summary>
    /// <exception cref="InvalidDataException">A cell does not fit its column, or a value is missing.</exception>
    public static LoadedRows Of(LoadPlan plan, RowReader rows)
    {
        var loaded = new LoadedRows(plan);
        while (rows.Next(plan.Head.Names.Length)) loaded.Add(rows);
        return loaded;
    }

    private void Add(RowReader rows)
    {
        Rows++;
        if (Count == _lines.Length) Grow();
        if (!TryTarget(rows))
        {
            WithoutTarget++;
            return;
        }

        Span<float> inputs = _inputs.AsSpan(Count * _plan.Width, _plan.Width);
        bool isWhole = true;
        for (int i = 0; i < _plan.Inputs.Length; i++)
        {
            InputColumn column = _plan.Inputs[i];
            CellState state = column.Write(rows, _plan.Head, inputs);
            if (state == CellState.Known) continue;
            if (state == CellState.Missing)
            {
                if (_plan.Missing == MissingValue.Refuse)
                    throw ColumnNames.NoValue(_plan.Head, rows.Line, column.Place);
                isWhole &= _plan.Missing != MissingValue.DropRow;
                Missing[i]++;
                continue;
            }

            Unknown[i]++;
            FirstUnknown[i] ??= new OddCell(rows.Line, rows.Cell(column.Place).ToString());
        }

        if (!isWhole) return;
        _lines[Count++] = rows.Line;
    }

    private bool TryTarget(RowReader rows)
    {
        foreach (int target in _plan.Targets)
        {
            if (_plan.Classes is { } classes)
            {
                ReadOnlySpan<char> cell = rows.Cell(target);
                int label = classes.Of(cell);
                if (label < 0 && !rows.Format.IsMissing(cell)) throw NoClass(rows, target, cell);
                if (label < 0) return Refused(rows, target);
                _labels[Count] = label;
                continue;
            }

            if (rows.TryNumber(target, out double value) && float.IsFinite((float)value))
            {
                _numbers[(Count * Width) + Array.IndexOf(_plan.Targets, target)] = value;
                continue;
            }

            ReadOnlySpan<char> text = rows.Cell(target);
            if (rows.Format.IsMissing(text)) return Refused(rows, target);
            throw ColumnNames.NotANumber(_plan.Head, new OddCell(rows.Line, text.ToString()), target, isTarget: true);
        }

        return true;
    }

    private bool Refused(RowReader rows, int target) => _plan.Missing == MissingValue.Refuse
        ? throw ColumnNames.NoValue(_plan.Head, rows.Line, target) : false;

    private InvalidDataException NoClass(RowReader rows, int target, ReadOnlySpan<char> cell) => new(
        $"{TableText.Reader}: expected one of the classes {Vocabulary.Show(_plan.Schema.ClassNames)}, got "
        + $"{CellFormat.Show(cell)} in {ColumnNames.PlaceOf(_plan.Head, rows.Line, target)}. Correct the label, or "
        + "train with a file or with --class-names that have it.");

    private void Grow()
    {
        int rows = Math.Max(1024, _lines.Length * 2);
        Array.Resize(ref _lines, rows);
        Array.Resize(ref _inputs, rows * _plan.Width);
        if (_plan.Classes is not null) Array.Resize(ref _labels, rows);
        else Array.Resize(ref _numbers, rows * Width);
    }
}
