using System.Text.Json;

namespace Evenkeel.Tables;

/// <summary>Writes schemas as JSON and reads them.</summary>
internal static class SchemaJson
{
    private const int Version = 1;

    public static void Write(Utf8JsonWriter json, TableSchema schema)
    {
        json.WriteStartObject();
        json.WriteNumber("version", Version);
        json.WriteString("source", schema.Source);
        json.WriteNumber("rowCount", schema.RowCount);
        json.WriteString("task", schema.Task.ToString());
        TableFormat format = schema.Format;
        json.WriteString("separator", format.Separator.ToString());
        json.WriteBoolean("hasHeader", format.HasHeader);
        json.WriteBoolean("decimalComma", format.DecimalComma);
        Write(json, "missingValues", format.MissingValues);
        json.WriteString("missing", format.Missing.ToString());
        Write(json, "targetNames", schema.TargetNames);
        Write(json, "notes", schema.Notes);
        json.WriteStartArray("columns");
        foreach (TableColumn column in schema.Columns) Write(json, column);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static TableSchema Read(JsonElement json)
    {
        var fields = new JsonFields(json, nameof(TableSchema));
        if (fields.Whole("version") is not Version and long version)
        {
            throw new InvalidDataException($"TableSchema: expected version {Version}, got {version}. Train again, or "
                + "read it with the version of Evenkeel that wrote it.");
        }

        if (fields.Text("separator") is not { Length: 1 } separator)
            throw new InvalidDataException("TableSchema: expected a separator of one letter. Train again.");
        var format = new TableFormat(separator[0], fields.Flag("hasHeader"), fields.Flag("decimalComma"),
            fields.Texts("missingValues"), fields.Choice<MissingValue>("missing"));
        TableColumn[] columns = Array.ConvertAll(fields.Objects("columns"), ReadColumn);
        TableTask task = fields.Choice<TableTask>("task");
        string[] targets = fields.Texts("targetNames");
        int expected = columns.Count(static column => column.Kind == ColumnKind.Target);
        if (targets.Length != expected || expected == 0 || (task == TableTask.Classification && expected != 1))
        {
            throw new InvalidDataException($"TableSchema: expected the names of the target columns, got "
                + $"{targets.Length} names for {expected} columns. The file is damaged: train again.");
        }

        return new TableSchema(fields.Text("source"), fields.Whole("rowCount"), task, columns, targets,
            fields.Texts("notes"), format);
    }

    private static void Write(Utf8JsonWriter json, TableColumn column)
    {
        json.WriteStartObject();
        json.WriteString("name", column.Name);
        json.WriteString("kind", column.Kind.ToString());
        json.WriteString("why", column.Why);
        json.WriteNumber("missing", column.Missing);
        Write(json, "categories", column.Categories);
        Write(json, "inputs", column.Inputs);
        json.WriteBoolean("hasMissingInput", column.HasMissingInput);
        json.WriteBoolean("areNumbers", column.AreNumbers);
        json.WriteString("dateOrder", column.DateOrder);
        Write(json, "dateParts", column.DateParts);
        json.WriteEndObject();
    }

    private static TableColumn ReadColumn(JsonElement json)
    {
        var fields = new JsonFields(json, nameof(TableSchema));
        return new TableColumn(fields.Text("name"), fields.Choice<ColumnKind>("kind"), fields.Text("why"),
            fields.Whole("missing"), fields.Texts("categories"))
        {
            Inputs = fields.Texts("inputs"),
            HasMissingInput = fields.Flag("hasMissingInput"),
            AreNumbers = fields.Flag("areNumbers"),
            DateOrder = fields.TextOrNull("dateOrder"),
            DateParts = fields.Texts("dateParts"),
        };
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
