namespace Evenkeel.Tables;

/// <summary>Which columns of a file become which inputs and targets.</summary>
internal sealed class LoadPlan
{
    private LoadPlan(TableHead head, TableSchema schema, bool hasTargets)
    {
        (Head, Schema) = (head, schema);
        var inputs = new List<InputColumn>();
        int offset = 0;
        foreach (TableColumn column in schema.Columns)
        {
            if (column.Inputs.Count == 0) continue;
            inputs.Add(new InputColumn(column, Find(column.Name, "for an input"), offset, head.Format));
            offset += column.Inputs.Count;
        }

        Inputs = [.. inputs];
        Width = offset;
        Targets = hasTargets ? [.. schema.TargetNames.Select(name => Find(name, "for the target"))] : [];
        if (hasTargets && schema.Task == TableTask.Classification)
        {
            TableColumn target = schema.Columns.Single(static column => column.Kind == ColumnKind.Target);
            Classes = new CategoryIndex(target.Categories, target.AreNumbers, head.Format);
        }
    }

    public TableHead Head { get; }

    public TableSchema Schema { get; }

    /// <summary>The columns that become inputs.</summary>
    public InputColumn[] Inputs { get; }

    /// <summary>Number of inputs per row.</summary>
    public int Width { get; }

    /// <summary>The columns of the targets in the file. Empty if there are none.</summary>
    public int[] Targets { get; }

    /// <summary>The classes. Null if the targets are numbers, or if there are none.</summary>
    public CategoryIndex? Classes { get; }

    /// <summary>What happens to rows with missing values: none is left out where there is no target.</summary>
    public MissingValue Missing => Targets.Length == 0 && Schema.Format.Missing == MissingValue.DropRow
        ? MissingValue.Impute : Schema.Format.Missing;

    /// <summary>Finds the columns of a schema in a file.</summary>
    /// <exception cref="InvalidDataException">A column is missing.</exception>
    public static LoadPlan Of(TableText text, TableSchema schema, bool hasTargets)
    {
        IEnumerable<string> named = schema.Columns
            .Where(column => column.Inputs.Count > 0 || (hasTargets && column.Kind == ColumnKind.Target))
            .Select(static column => column.Name);
        var head = TableHead.Of(text, schema.Format, named);
        return new LoadPlan(head, schema, hasTargets);
    }

    private int Find(string name, string what) => ColumnNames.Find(Head, name, what);
}
