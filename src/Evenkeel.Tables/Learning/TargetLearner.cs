namespace Evenkeel.Tables;

/// <summary>Whether the target is a class or a number, and which classes there are.</summary>
internal static class TargetLearner
{
    /// <summary>Up to this number of different labels, any labels are taken as classes.</summary>
    private const int Few = 10;

    /// <summary>Beyond this number of different labels, labels that are numbers are taken as quantities.</summary>
    private const int ManyNumbers = 20;

    /// <summary>The most different labels that are counted.</summary>
    public const int MostLabels = 100_000;

    /// <summary>Decides the task and checks the targets.</summary>
    /// <exception cref="InvalidDataException">The targets cannot be learned; the message says why.</exception>
    public static (TableTask Task, TableColumn[] Columns) Of(
        TableHead head, TableFacts facts, Roles roles, TableOptions options, List<string> notes)
    {
        int first = roles.Targets[0];
        foreach (int target in roles.Targets) CheckCount(head, facts, target, options);
        TableTask task = TaskOf(head, facts, first, options, notes);
        return (task, task == TableTask.Classification
            ? [Classes(head, facts, first, options, notes)]
            : [.. roles.Targets.Select(target => Numbers(head, facts, target, options))]);
    }

    private static void CheckCount(TableHead head, TableFacts facts, int target, TableOptions options)
    {
        Facts texts = facts.Of(target);
        if (texts.Missing > 0 && options.Missing == MissingValue.Refuse)
            throw ColumnNames.NoValue(head, texts.FirstMissing, target);
        if (texts.Count >= 2) return;
        throw new InvalidDataException($"{TableText.Reader}: expected at least two rows with a target, "
            + $"\"{head.Text.Name}\" has {texts.Count} in {facts.Rows} rows with a value in \"{head.Names[target]}\". "
            + "Is --target the right column?");
    }

    private static TableTask TaskOf(
        TableHead head, TableFacts facts, int target, TableOptions options, List<string> notes)
    {
        if (options.Task is { } given) return given;
        if (options.Targets is not null) return TableTask.Regression;
        if (options.ClassNames is not null || options.MaxClasses is not null) return TableTask.Classification;
        (NumberFacts numbers, var texts) = (facts.NumbersOf(target), (TextFacts)facts.Of(target));
        string name = head.Names[target];
        if (numbers.Odd > 0)
        {
            // A few typing errors do not turn a column of numbers into one of classes.
            bool areManyNumbers = numbers.Count > 9 * numbers.Odd
                && (texts.AreTooMany || Vocabulary.Of(texts.Counts.Keys, head.Format).Names.Length > Few);
            if (areManyNumbers) throw ColumnNames.NotANumber(head, numbers.FirstOdd!, target, isTarget: true);
            notes.Add($"The target \"{name}\" is a class (classification): it holds texts. --task overrides it.");
            return TableTask.Classification;
        }

        int labels = texts.AreTooMany ? MostLabels + 1 : Vocabulary.Of(texts.Counts.Keys, head.Format).Names.Length;
        string why = !numbers.AreWhole ? "it holds numbers with fractions"
            : labels > ManyNumbers ? $"it holds more than {ManyNumbers} different numbers"
            : labels > Few && labels * 2L > texts.Count ? $"it holds {labels} different numbers in {texts.Count} rows"
            : "";
        bool isQuantity = why.Length > 0;
        if (!isQuantity) why = $"it holds {labels} different whole {(labels == 1 ? "number" : "numbers")}";
        notes.Add($"The target \"{name}\" is a {(isQuantity ? "quantity (regression)" : "class (classification)")}: "
            + $"{why}. --task {(isQuantity ? "classification" : "regression")} overrides it.");
        return isQuantity ? TableTask.Regression : TableTask.Classification;
    }

    private static TableColumn Numbers(TableHead head, TableFacts facts, int target, TableOptions options)
    {
        NumberFacts numbers = facts.NumbersOf(target);
        string name = head.Names[target];
        if (numbers.FirstOdd is { } odd) throw ColumnNames.NotANumber(head, odd, target, isTarget: true);
        if (numbers.Least < numbers.Most)
            return new TableColumn(name, ColumnKind.Target, "a number to predict", numbers.Missing, []);
        throw new InvalidDataException($"{TableText.Reader}: expected a target that varies, \"{name}\" is "
            + $"{numbers.Least} in every row of \"{head.Text.Name}\": there is nothing to learn. Choose another column "
            + $"with --target{(options.Targets is null ? "" : ", or leave this one out")}.");
    }

    private static TableColumn Classes(
        TableHead head, TableFacts facts, int target, TableOptions options, List<string> notes)
    {
        var texts = (TextFacts)facts.Of(target);
        string name = head.Names[target];
        if (options.ClassNames is { } given) return Given(head, name, texts, given);
        if (texts.AreTooMany) throw TooMany(head, name, facts.NumbersOf(target), $"more than {MostLabels}", texts.Count,
            options.MaxClasses);
        var classes = Vocabulary.Of(texts.Counts.Keys, head.Format);
        int count = classes.Names.Length;
        bool fit = options.MaxClasses is { } most ? count <= most : count <= Few || count * 2L <= texts.Count;
        if (!fit)
        {
            throw TooMany(head, name, facts.NumbersOf(target), $"{count}", texts.Count, options.MaxClasses);
        }

        CheckTwo(head, name, classes.Names);
        notes.Add($"There are {count} classes, in the order of their {(classes.AreNumbers ? "values" : "names")}: "
            + $"{Vocabulary.Show(classes.Names)}. --class-names overrides it.");
        if (classes.Spellings.Length > 0)
        {
            notes.Add($"The labels {string.Join(" and ", classes.Spellings.Take(3).Select(x => CellFormat.Show(x)))} "
                + "are one class, for they are one number. --class-names overrides it.");
        }

        NoteAlike(classes.Names, notes);
        int single = classes.AreNumbers && classes.Spellings.Length > 0 ? 0
            : texts.Counts.Values.Count(static rows => rows == 1);
        if (single > 0)
        {
            notes.Add($"{single} of the classes {(single == 1 ? "has" : "have")} one row only: there is nothing left "
                + "to test them with.");
        }

        return Column(name, classes.Names, classes.AreNumbers, texts.Missing);
    }

    private static TableColumn Given(TableHead head, string name, TextFacts texts, IReadOnlyList<string> given)
    {
        bool areNumbers = given.All(text => head.Format.TryNumber(text, out _));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string text in given)
        {
            if (seen.Add(areNumbers ? head.Format.KeyOf(text) : text)) continue;
            throw new ArgumentException($"{TableText.Reader}: expected each class once, got {CellFormat.Show(text)} "
                + "twice in ClassNames.", nameof(given));
        }

        CheckTwo(head, name, given);
        return Column(name, [.. given], areNumbers, texts.Missing);
    }

    private static TableColumn Column(string name, string[] classes, bool areNumbers, long missing) =>
        new(name, ColumnKind.Target, "a class to predict", missing, Array.AsReadOnly(classes))
        { AreNumbers = areNumbers };

    private static void CheckTwo(TableHead head, string name, IReadOnlyList<string> classes)
    {
        if (classes.Count >= 2) return;
        throw new InvalidDataException($"{TableText.Reader}: expected at least two classes, \"{name}\" is "
            + $"{CellFormat.Show(classes.Count == 0 ? "" : classes[0])} in every row of \"{head.Text.Name}\": there is "
            + "nothing to learn. Choose another column with --target.");
    }

    private static void NoteAlike(string[] names, List<string> notes)
    {
        string[]? alike = names.GroupBy(static name => name.Trim(), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(static same => same.Count() > 1)?.ToArray();
        if (alike is null) return;
        notes.Add($"The classes {string.Join(" and ", alike.Select(x => CellFormat.Show(x)))} differ in case or spaces "
            + "only. If they are one, correct the file.");
    }

    private static InvalidDataException TooMany(
        TableHead head, string name, NumberFacts numbers, string count, long rows, int? most)
    {
        bool areNumbers = numbers.Odd == 0;
        string what = $"column \"{name}\" of \"{head.Text.Name}\" has {count} different "
            + $"{(areNumbers ? "numbers" : "texts")} in {rows} rows";
        if (most is { } bound)
        {
            return new InvalidDataException(
                $"{TableText.Reader}: expected at most {bound} classes, as MaxClasses says: {what}.");
        }

        return new InvalidDataException($"{TableText.Reader}: expected labels that name classes, got others: {what}. "
            + (areNumbers ? "If they are a quantity to predict, say --task regression. "
                : "A class needs several rows. ")
            + $"If another column is the label, choose it with --target. If each is a class, set --max-classes to "
            + $"{count} or more.");
    }
}
