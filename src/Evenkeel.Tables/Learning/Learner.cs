namespace Evenkeel.Tables;

/// <summary>Learns what the columns of a training file mean.</summary>
internal sealed class Learner
{
    /// <summary>The most different texts of a column that are counted.</summary>
    private const int MostTexts = 10_000;

    /// <summary>Fewer rows are too few to tell texts that identify rows.</summary>
    private const int FewestOfIdentifier = 10;

    private readonly TableHead _head;
    private readonly TableOptions _options;
    private readonly Roles _roles;
    private readonly List<string> _notes;

    private Learner(TableHead head, TableOptions options, Roles roles, List<string> notes) =>
        (_head, _options, _roles, _notes) = (head, options, roles, notes);

    public static TableSchema Learn(
        TableText text, TableOptions options, Action<double>? progress, CancellationToken cancellationToken)
    {
        var notes = new List<string>();
        var head = TableHead.Of(text, options, Roles.NamedBy(options), notes);
        var roles = Roles.Of(head, options, notes);
        return new Learner(head, options, roles, notes).Learn(progress, cancellationToken);
    }

    private TableSchema Learn(Action<double>? progress, CancellationToken cancellationToken)
    {
        Look[] looks = [.. _head.Names.Select((_, i) => FirstLook(i))];
        TableFacts facts;
        do
        {
            facts = TableFacts.Of(_head, looks, _roles.Targets, LimitOf, progress, cancellationToken);
        }
        while (LookAgain(looks, facts));

        (TableTask task, TableColumn[] targets) = TargetLearner.Of(_head, facts, _roles, _options, _notes);
        var columns = new TableColumn[_head.Names.Length];
        for (int i = 0; i < columns.Length; i++)
        {
            int target = Array.IndexOf(_roles.Targets, i);
            columns[i] = target >= 0 ? targets[target] : Column(i, facts);
        }

        Check(columns, facts, targets);
        Note(columns, facts, task);
        var format = new TableFormat(_head.Format.Separator, _head.HasHeader, _head.Format.DecimalComma,
            [.. _head.Format.MissingValues], _options.Missing);
        return new TableSchema(_head.Text.Name, facts.Rows, task, Array.AsReadOnly(columns),
            [.. targets.Select(static target => target.Name)], _notes.AsReadOnly(), format);
    }

    private TextFacts.Limit LimitOf(int column)
    {
        bool isTarget = _roles.Targets.Contains(column), isNamed = isTarget || _roles.Categorical.Contains(column);
        return new TextFacts.Limit(isNamed ? TargetLearner.MostLabels : Math.Max(MostTexts, _options.MaxCategories),
            isTarget ? _options.ClassNames ?? [] : []);
    }

    /// <summary>How a column is looked at, by its first cells.</summary>
    private Look FirstLook(int column)
    {
        if (_roles.Dropped.Contains(column)) return Look.Skip;
        if (_roles.Targets.Contains(column) || _roles.Categorical.Contains(column)) return Look.Text;
        if (_roles.Numeric.Contains(column)) return Look.Number;
        if (_roles.Dates.ContainsKey(column)) return Look.Date;
        int numbers = 0, others = 0, dates = 0;
        foreach (string[] row in _head.Rows)
        {
            if (_head.Format.IsMissing(row[column])) continue;
            if (_head.Format.TryNumber(row[column], out _) || _head.Format.IsInfinite(row[column])) numbers++;
            else others++;
            if (IsDate(row[column])) dates++;
        }

        if (dates > 9 * (numbers + others - dates)) return Look.Date;
        return others == 0 || numbers > 9 * others ? Look.Number : Look.Text;
    }

    /// <summary>
    /// Whether the first lines misled about a column, which is then to be looked at otherwise. A few cells that do not
    /// fit are errors.
    /// </summary>
    private bool LookAgain(Look[] looks, TableFacts facts)
    {
        bool again = false;
        for (int i = 0; i < looks.Length; i++)
        {
            if (_roles.Targets.Contains(i)) continue;
            if (looks[i] == Look.Number && facts.Of(i) is { FirstOdd: { } odd } numbers)
            {
                bool areNumbers = _roles.Numeric.Contains(i) || numbers.Count > 9 * numbers.Odd
                    || _head.Format.IsInfinite(odd.Text) || _head.Format.TryNumber(odd.Text, out _);
                if (areNumbers) throw ColumnNames.NotANumber(_head, odd, i, isTarget: false);
                looks[i] = IsDate(odd.Text) && numbers.Count == 0 ? Look.Date : Look.Text;
                again = true;
            }
            else if (looks[i] == Look.Date && facts.Of(i) is DateFacts dates && !dates.Orders.Any())
            {
                string likely = _roles.Dates.GetValueOrDefault(i)
                    ?? DateCell.Orders.MaxBy(order => dates.Of(order).Count)!;
                if (_roles.Dates.ContainsKey(i) || dates.Of(likely).Count > 0.9 * dates.Count)
                    throw ColumnNames.NotADate(_head, dates.Of(likely).FirstOdd!, likely, i);
                looks[i] = Look.Text;
                again = true;
            }
        }

        return again;
    }

    private static bool IsDate(string text) => DateCell.Orders.Exists(order => DateCell.TryRead(text, order, out _));

    private TableColumn Column(int i, TableFacts facts)
    {
        string name = _head.Names[i];
        if (_roles.Dropped.Contains(i)) return new TableColumn(name, ColumnKind.Ignored, "left out by --drop", 0, []);
        Facts cells = facts.Of(i);
        if (cells.Count == 0) return Ignored(name, cells, "it has no value in any row", "");
        return cells switch
        {
            NumberFacts numbers => OfNumbers(i, numbers),
            TextFacts texts => OfTexts(i, texts),
            _ => OfDates(i, (DateFacts)cells),
        };
    }

    private bool MayMiss(Facts cells) => cells.Missing > 0 && _options.Missing == MissingValue.Impute;

    private TableColumn OfNumbers(int i, NumberFacts numbers)
    {
        string name = _head.Names[i];
        if (numbers.Least == numbers.Most && !MayMiss(numbers))
            return Ignored(name, numbers, $"it is {numbers.Least} in every row", "");
        if (numbers.IsIdentifier && !_roles.Numeric.Contains(i))
        {
            return Ignored(name, numbers, "its values are different whole numbers in equal steps, so it seems to "
                + "identify the rows", $" --numeric \"{name}\" keeps it as a number, --categorical \"{name}\" as a "
                + "category.");
        }

        if (numbers.IsRounded)
        {
            _notes.Add($"The column \"{name}\" holds whole numbers that Float32 rounds, so that different ones may "
                + $"become one. --drop \"{name}\" leaves it out, --categorical \"{name}\" makes it a category.");
        }

        bool mayMiss = MayMiss(numbers);
        return new TableColumn(name, ColumnKind.Number, "its values are numbers", numbers.Missing, [])
        {
            Inputs = mayMiss ? [name, MissingName(name)] : [name],
            HasMissingInput = mayMiss,
        };
    }

    private TableColumn OfTexts(int i, TextFacts texts)
    {
        string name = _head.Names[i], keeps = $" --categorical \"{name}\" keeps it.";
        bool isNamed = _roles.Categorical.Contains(i);
        if (texts.AreTooMany && isNamed)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected at most {TargetLearner.MostLabels} "
                + $"categories, \"{name}\" of \"{_head.Text.Name}\" has more. Take it out of --categorical.");
        }

        if (texts.AreTooMany)
            return Ignored(name, texts, $"it holds more than {MostTexts} different texts", "");
        var categories = Vocabulary.Of(texts.Counts.Keys, _head.Format);
        int count = categories.Names.Length;
        if (!isNamed && count == texts.Count && count >= FewestOfIdentifier)
        {
            return Ignored(name, texts, "it holds another text in every row, so it seems to identify the rows", keeps);
        }

        if (!isNamed && count > _options.MaxCategories)
        {
            return Ignored(name, texts, $"it holds {count} different texts, more than {_options.MaxCategories}", keeps);
        }

        bool mayMiss = MayMiss(texts);
        if (count == 1 && !mayMiss)
            return Ignored(name, texts, $"it is {CellFormat.Show(categories.Names[0])} in every row", "");
        string why = isNamed ? "--categorical names it" : $"it holds {count} different texts";
        return new TableColumn(name, ColumnKind.Category, why, texts.Missing, Array.AsReadOnly(categories.Names))
        {
            AreNumbers = categories.AreNumbers,
            Inputs = [.. categories.Names.Select(category => $"{name} = {category}"),
                .. mayMiss ? (string[])[MissingName(name)] : []],
            HasMissingInput = mayMiss,
        };
    }

    private TableColumn OfDates(int i, DateFacts dates)
    {
        string name = _head.Names[i];
        string[] orders = [.. dates.Orders];
        string? given = _roles.Dates.GetValueOrDefault(i);
        if (given is not null && !orders.Contains(given, StringComparer.Ordinal))
            throw ColumnNames.NotADate(_head, dates.Of(given).FirstOdd!, given, i);
        if (given is null && orders.Length > 1)
        {
            string todo = string.Join(" or ", orders.Select(order => $"--dates \"{name}={order}\""));
            if (!_roles.Dates.ContainsKey(i))
                return Ignored(name, dates, "its dates may be read in two orders", $" Say {todo}.");
            throw new InvalidDataException($"{TableText.Reader}: expected dates of one order in \"{name}\" of "
                + $"\"{_head.Text.Name}\", got some that fit {string.Join(" and ", orders)}. Say {todo}.");
        }

        string used = given ?? orders[0];
        DateFacts.Fit fit = dates.Of(used);
        bool mayMiss = MayMiss(dates);
        if (fit.IsConstant && !mayMiss) return Ignored(name, dates, "it is the same date in every row", "");
        string[] inputs = [name, .. fit.Parts.Select(part => $"{name} ({part})")];
        _notes.Add($"The column \"{name}\" holds dates ({used}): the inputs are days since 2000-01-01"
            + $"{string.Concat(fit.Parts.Select(static part => $", {part}"))}. --categorical or --drop \"{name}\" "
            + "overrides it.");
        return new TableColumn(name, ColumnKind.Date, $"its values are dates ({used})", dates.Missing, [])
        {
            DateOrder = used,
            DateParts = fit.Parts,
            Inputs = mayMiss ? [.. inputs, MissingName(name)] : inputs,
            HasMissingInput = mayMiss,
        };
    }

    private static string MissingName(string name) => $"{name} is missing";

    private TableColumn Ignored(string name, Facts cells, string why, string todo)
    {
        _notes.Add($"The column \"{name}\" is ignored: {why}.{todo}");
        return new TableColumn(name, ColumnKind.Ignored, why, cells.Missing, []);
    }

    private void Check(TableColumn[] columns, TableFacts facts, TableColumn[] targets)
    {
        if (_options.Missing == MissingValue.Refuse)
        {
            (long line, int column) = columns.Select((column, i) => (Line: column.Inputs.Count == 0 ? 0
                : facts.Of(i).FirstMissing, i)).Where(static first => first.Line > 0).DefaultIfEmpty().Min();
            if (line > 0) throw ColumnNames.NoValue(_head, line, column);
        }

        if (columns.Any(static column => column.Inputs.Count > 0)) return;
        string why = columns.Length == 1 ? $" It has one column. Is {TableGuess.Show(_head.Format.Separator)} the "
            + "separator?" : string.Concat(columns.Where(static column => column.Kind == ColumnKind.Ignored)
            .Take(5).Select(static column => $" \"{column.Name}\" is ignored: {column.Why}."));
        throw new InvalidDataException($"{TableText.Reader}: expected at least one input beside the target "
            + $"\"{targets[0].Name}\", \"{_head.Text.Name}\" has none.{why}");
    }

    private void Note(TableColumn[] columns, TableFacts facts, TableTask task)
    {
        TableColumn[] categories = [.. columns.Where(static column => column.Kind == ColumnKind.Category)];
        TableColumn[] found = [.. categories.Where(column =>
            !_options.Categorical.Contains(column.Name, StringComparer.Ordinal))];
        if (found.Length > 0)
        {
            string list = string.Join(", ", found.Take(10).Select(column =>
                $"\"{column.Name}\" ({column.Categories.Count})"));
            _notes.Add($"Categories are {list}{(found.Length > 10 ? ", ..." : "")}, because they hold texts. --drop "
                + "leaves out a column.");
        }

        foreach (TableColumn column in columns.Where(static column => column.HasMissingInput))
        {
            string becomes = column.Kind == ColumnKind.Category ? "they are a category of their own"
                : "they get the median of the training part, and an input says so";
            _notes.Add($"{column.Missing} of {facts.Rows} values of \"{column.Name}\" are missing: {becomes}. "
                + "--missing drop-row leaves out such rows.");
        }

        if (facts.HasLostLetter)
        {
            _notes.Add("Some text holds U+FFFD, the sign for a letter that was lost when the file was made: texts that "
                + "differed there are the same now. Make the file again in UTF-8.");
        }

        long unknown = _roles.Targets.Max(target => facts.Of(target).Missing);
        if (unknown > 0)
        {
            _notes.Add($"{unknown} of {facts.Rows} rows are left out, because the target is missing in them. "
                + "--missing-values says which cells mean that.");
        }

        for (int i = 0; i < columns.Length; i++)
        {
            if (columns[i].Inputs.Count == 0) continue;
            foreach (int target in _roles.Targets)
            {
                if (LeakCheck.Of(facts.Samples, i, columns[i].Kind, target, task, _head.Format) is not { } leak)
                    continue;
                _notes.Add($"WARNING: the column \"{columns[i].Name}\" {leak} \"{_head.Names[target]}\". A model that "
                    + $"sees it learns nothing else. If it is not known before the target is, say --drop "
                    + $"\"{columns[i].Name}\".");
                break;
            }
        }
    }
}
