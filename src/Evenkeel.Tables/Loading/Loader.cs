namespace Evenkeel.Tables;

/// <summary>Reads the samples of a file.</summary>
internal static class Loader
{
    public static TableDataset Load(
        TableText text, TableSchema schema, bool hasTargets, CancellationToken cancellationToken)
    {
        var plan = LoadPlan.Of(text, schema, hasTargets);
        long rows = text.Name == schema.Source ? schema.RowCount : RowsIn(plan.Head, cancellationToken);
        var inputs = new GrowingRows<float>(text.Name, plan.Width, rows);
        bool areLabels = plan.Classes is not null;
        var numbers = new GrowingRows<double>(text.Name, Math.Max(1, plan.Targets.Length),
            hasTargets && !areLabels ? rows : 0);
        var labels = new GrowingRows<long>(text.Name, 1, areLabels ? rows : 0);
        var lines = new LineNumbers();
        var totals = new Totals(plan);
        TableReader.Read(plan.Head, block => LoadedRows.Of(plan, block), part =>
        {
            inputs.Add(part.Inputs);
            numbers.Add(part.Numbers);
            labels.Add(part.Labels);
            foreach (long line in part.Lines) lines.Add(line);
            totals.Add(part);
        }, null, cancellationToken);
        if (lines.Count == 0)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected at least one row without a missing value in "
                + $"\"{text.Name}\", got none in {totals.Rows} rows. Say --missing impute, or leave out the columns "
                + "that have them with --drop.");
        }

        Tensor? targets = !hasTargets ? null : areLabels ? labels.ToTensor(areLabels: true) : numbers.ToTensor();
        return new TableDataset(schema, text.Name, inputs.ToTensor(), targets, lines, totals.Notes(lines.Count));
    }

    /// <summary>
    /// The rows of a file in which none is empty and none has a line break in a field; near to it in other files.
    /// </summary>
    private static long RowsIn(TableHead head, CancellationToken cancellationToken)
    {
        using Stream stream = head.Text.Open();
        byte[] buffer = new byte[BlockReader.DefaultSize];
        long lines = 0;
        bool isOpen = false;
        while (stream.Read(buffer) is > 0 and int read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            lines += BlockReader.LinesIn(buffer.AsSpan(0, read));
            isOpen = buffer[read - 1] is not ((byte)'\n' or (byte)'\r');
        }

        return Math.Max(1, lines + (isOpen ? 1 : 0) - head.Skip);
    }

    /// <summary>What is counted over all blocks.</summary>
    private sealed class Totals(LoadPlan plan)
    {
        private readonly long[] _missing = new long[plan.Inputs.Length];
        private readonly long[] _unknown = new long[plan.Inputs.Length];
        private readonly OddCell?[] _firstUnknown = new OddCell?[plan.Inputs.Length];
        private long _withoutTarget;

        public long Rows { get; private set; }

        public void Add(LoadedRows part)
        {
            Rows += part.Rows;
            _withoutTarget += part.WithoutTarget;
            for (int i = 0; i < _missing.Length; i++)
            {
                _missing[i] += part.Missing[i];
                _unknown[i] += part.Unknown[i];
                _firstUnknown[i] ??= part.FirstUnknown[i];
            }
        }

        public List<string> Notes(int samples)
        {
            var notes = new List<string>();
            long left = Rows - samples - _withoutTarget;
            if (_withoutTarget > 0)
            {
                notes.Add($"{_withoutTarget} of {Rows} rows are left out, because the target is missing in them. "
                    + "--missing-values says which cells mean that.");
            }

            if (left > 0)
            {
                notes.Add($"{left} of {Rows} rows are left out, because a value is missing in them. --missing decides "
                    + "that.");
            }

            for (int i = 0; i < _missing.Length; i++)
            {
                string name = plan.Inputs[i].Column.Name;
                if (_unknown[i] > 0)
                {
                    notes.Add($"{_unknown[i]} of {Rows} values of \"{name}\" are none of the categories of training, "
                        + $"such as {CellFormat.Show(_firstUnknown[i]!.Text)} in line {_firstUnknown[i]!.Line}: their "
                        + "inputs are all 0.");
                }

                if (_missing[i] > 0 && plan.Missing == MissingValue.Impute && !plan.Inputs[i].Column.HasMissingInput)
                {
                    string becomes = plan.Inputs[i].Column.Kind == ColumnKind.Category
                        ? "their inputs are all 0" : "they get the median of the training part";
                    notes.Add($"{_missing[i]} of {Rows} values of \"{name}\" are missing, and none was in training: "
                        + $"{becomes}.");
                }
            }

            return notes;
        }
    }
}
