namespace Evenkeel.Tables;

/// <summary>What a cell was, as an input.</summary>
internal enum CellState
{
    /// <summary>A value.</summary>
    Known,

    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>A category that training did not have.</summary>
    Unknown,
}

/// <summary>A column of a file that becomes inputs.</summary>
internal sealed class InputColumn
{
    private readonly CategoryIndex? _categories;

    /// <summary>Says where the inputs stand.</summary>
    /// <param name="column">What the column means.</param>
    /// <param name="place">The column in the file, from 0.</param>
    /// <param name="offset">Its first input.</param>
    /// <param name="format">How cells are read.</param>
    public InputColumn(TableColumn column, int place, int offset, CellFormat format)
    {
        (Column, Place, Offset) = (column, place, offset);
        if (column.Kind == ColumnKind.Category)
            _categories = new CategoryIndex(column.Categories, column.AreNumbers, format);
    }

    public TableColumn Column { get; }

    public int Place { get; }

    public int Offset { get; }

    /// <summary>Writes the inputs of a row.</summary>
    /// <param name="rows">The row.</param>
    /// <param name="head">The file, for errors.</param>
    /// <param name="inputs">The inputs of the whole row.</param>
    /// <exception cref="InvalidDataException">The cell does not fit the column.</exception>
    public CellState Write(RowReader rows, TableHead head, Span<float> inputs)
    {
        if (Column.Kind == ColumnKind.Number && !Column.HasMissingInput && rows.TryNumber(Place, out double number)
            && float.IsFinite((float)number))
        {
            inputs[Offset] = (float)number;
            return CellState.Known;
        }

        Span<float> own = inputs.Slice(Offset, Column.Inputs.Count);
        CellState state = Column.Kind switch
        {
            ColumnKind.Number => WriteNumber(rows, head, own),
            ColumnKind.Date => WriteDate(rows, head, own),
            _ => WriteCategory(rows, own),
        };
        if (Column.HasMissingInput) own[^1] = state == CellState.Missing ? 1 : 0;
        return state;
    }

    private CellState WriteNumber(RowReader rows, TableHead head, Span<float> own)
    {
        if (rows.TryNumber(Place, out double value) && float.IsFinite((float)value))
        {
            own[0] = (float)value;
            return CellState.Known;
        }

        ReadOnlySpan<char> cell = rows.Cell(Place);
        if (!rows.Format.IsMissing(cell))
            throw ColumnNames.NotANumber(head, new OddCell(rows.Line, cell.ToString()), Place, isTarget: false);
        own[0] = float.NaN;
        return CellState.Missing;
    }

    private CellState WriteDate(RowReader rows, TableHead head, Span<float> own)
    {
        ReadOnlySpan<char> cell = rows.Cell(Place);
        int parts = Column.DateParts.Count;
        if (rows.Format.IsMissing(cell))
        {
            own[..(parts + 1)].Fill(float.NaN);
            return CellState.Missing;
        }

        if (!DateCell.TryRead(cell, Column.DateOrder!, out DateCell date))
        {
            throw ColumnNames.NotADate(head, new OddCell(rows.Line, cell.ToString()), Column.DateOrder!, Place);
        }

        own[0] = (float)date.Days;
        for (int i = 0; i < parts; i++) own[i + 1] = date.Part(Column.DateParts[i]);
        return CellState.Known;
    }

    private CellState WriteCategory(RowReader rows, Span<float> own)
    {
        own.Clear();
        ReadOnlySpan<char> cell = rows.Cell(Place);
        if (rows.Format.IsMissing(cell)) return CellState.Missing;
        int category = _categories!.Of(cell);
        if (category < 0) return CellState.Unknown;
        own[category] = 1;
        return CellState.Known;
    }
}
