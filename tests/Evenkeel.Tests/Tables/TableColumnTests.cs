using System.Text;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Tables;
using Xunit;
using static Evenkeel.Tests.Tables.TableTexts;

namespace Evenkeel.Tests.Tables;

/// <summary>What columns become: categories, dates, missing values, identifiers, leaks; and several targets.</summary>
public sealed class TableColumnTests
{
    private const string Houses = "area,price,rooms,rent\n50,210.5,2,800\n80,300,3,1200\n120,455,4,1500\n";

    private static readonly TableOptions s_regression = new() { Task = TableTask.Regression };

    [Fact]
    public void Categories_are_one_hot_in_the_order_of_their_names()
    {
        TableDataset set = Load("region,w,k\nsouth,1,a\nnorth,2,b\nsouth,3,a\n");
        Assert.Equal(["region = north", "region = south", "w"], set.Schema.InputNames);
        Assert.Equal([0f, 1, 1, 1, 0, 2, 0, 1, 3], set.Inputs.ToArray<float>());
        Assert.Contains("Categories are \"region\" (2), because they hold texts. --drop leaves out a column.",
            set.Schema.Notes);
        TableDataset later = set.Schema.Load("k,w,region\na,5,east\nb,6,north\na,7,\nb,8,west\n", "later.csv");
        Assert.Equal([0f, 0, 5, 1, 0, 6, 0, 0, 7, 0, 0, 8], later.Inputs.ToArray<float>());
        Assert.Equal(
            [
                "2 of 4 values of \"region\" are none of the categories of training, such as \"east\" in line 2: their "
                + "inputs are all 0.",
                "1 of 4 values of \"region\" are missing, and none was in training: their inputs are all 0.",
            ],
            later.Notes);
    }

    [Fact]
    public void Numbers_can_be_categories_and_two_spellings_are_one()
    {
        TableDataset set = Load("zip,w,k\n10,1,a\n9,2,b\n10.0,3,a\n", new TableOptions { Categorical = ["zip"] });
        Assert.Equal(["zip = 9", "zip = 10", "w"], set.Schema.InputNames);
        Assert.Equal([0f, 1, 1, 1, 0, 2, 0, 1, 3], set.Inputs.ToArray<float>());
        Assert.DoesNotContain(set.Schema.Notes, static note => note.StartsWith("Categories", StringComparison.Ordinal));
    }

    [Fact]
    public void Missing_values_are_filled_in_and_marked()
    {
        TableDataset set = Load("age,region,k\n10,x,a\nNA,,b\n30,y,a\n50,x,\n");
        Assert.Equal(["age", "age is missing", "region = x", "region = y", "region is missing"], set.Schema.InputNames);
        Assert.Equal([10f, 0, 1, 0, 0, float.NaN, 1, 0, 0, 1, 30, 0, 0, 1, 0], set.Inputs.ToArray<float>());
        Assert.Equal((3, 3L), (set.Count, set.LineOf(1)));
        Assert.Contains("1 of 4 values of \"age\" are missing: they get the median of the training part, and an input "
            + "says so. --missing drop-row leaves out such rows.", set.Schema.Notes);
        Assert.Contains("1 of 4 values of \"region\" are missing: they are a category of their own. --missing drop-row "
            + "leaves out such rows.", set.Schema.Notes);
        Assert.Contains(set.Schema.Notes, static note => note.StartsWith("1 of 4 rows are left out, because the target "
            + "is missing in them.", StringComparison.Ordinal));
        // In a later file, a number may be missing that was always there in training.
        TableDataset later = Learn("w,k\n1,a\n2,b\n").Load("w,k\n,a\n3,b\n", "later.csv");
        Assert.Equal([float.NaN, 3], later.Inputs.ToArray<float>());
        Assert.Equal("1 of 2 values of \"w\" are missing, and none was in training: they get the median of the "
            + "training part.", Assert.Single(later.Notes));
    }

    [Fact]
    public void Missing_values_are_refused_or_their_rows_left_out()
    {
        const string text = "w,k\n1,a\nNA,a\n3,\n4,b\n";
        Assert.Contains("expected a value, got none in line 4, column 2 \"k\" of \"t.csv\"",
            Refused(text, new TableOptions { Missing = MissingValue.Refuse }), StringComparison.Ordinal);
        Assert.Contains("expected a value, got none in line 3, column 1 \"w\" of \"t.csv\". Fill it in, say --missing "
            + "impute or --missing drop-row, or leave out the column with --drop \"w\".",
            Refused("w,k\n1,a\nNA,a\n3,b\n", new TableOptions { Missing = MissingValue.Refuse }),
            StringComparison.Ordinal);
        TableDataset set = Load(text, new TableOptions { Missing = MissingValue.DropRow });
        Assert.Equal([1f, 4], set.Inputs.ToArray<float>());
        Assert.Equal([2L, 5], [set.LineOf(0), set.LineOf(1)]);
        Assert.Contains("1 of 4 rows are left out, because a value is missing in them. --missing decides that.",
            set.Notes);
        // No row of a file to predict is left out.
        Assert.Equal([1f, float.NaN], set.Schema.LoadInputs("w\n1\n\n?\n", "p.csv").Inputs.ToArray<float>());
        // -999 by option, where NA is a text then.
        TableDataset own = Load("w,k\n1,x\n-999,x\n3,NA\n", new TableOptions { MissingValues = ["-999"] });
        Assert.Equal([1f, 0, float.NaN, 1, 3, 0], own.Inputs.ToArray<float>());
        Assert.Equal(["NA", "x"], own.Schema.ClassNames);
        Assert.Contains("got none in 1 rows", Assert.Throws<InvalidDataException>(
            () => set.Schema.Load("w,k\nNA,a\n", "later.csv")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dates_become_days_and_the_parts_that_vary()
    {
        TableDataset set = Load("when,k\n2000-01-01,a\n2000-02-07,b\n2001-01-01T12:00:00Z,a\n");
        Assert.Equal(["when", "when (month)", "when (weekday)", "when (hour)"], set.Schema.InputNames);
        Assert.Equal([0f, 1, 6, 0, 37, 2, 1, 0, 366.5f, 1, 1, 12], set.Inputs.ToArray<float>());
        Assert.Contains("The column \"when\" holds dates (y-m-d): the inputs are days since 2000-01-01, month, "
            + "weekday, hour. --categorical or --drop \"when\" overrides it.", set.Schema.Notes);
        Assert.Equal("d.m.y", Learn("when,k\n31.12.1999,a\n1.1.2000,b\n").Column("when").DateOrder);
        Assert.Equal("m/d/y", Learn("when,k\n1/2/2000,a\n1/31/2000,b\n").Column("when").DateOrder);
        Assert.Equal("d/m/y", Learn("when,k\n1/2/2000,a\n31/1/2000,b\n").Column("when").DateOrder);
    }

    [Fact]
    public void Ambiguous_dates_are_ignored_unless_their_order_is_given()
    {
        const string text = "when,w,k\n1/2/2000,1,a\n3/4/2000,2,b\n";
        TableSchema schema = Learn(text);
        Assert.Equal(ColumnKind.Ignored, schema.Column("when").Kind);
        Assert.Contains("The column \"when\" is ignored: its dates may be read in two orders. Say --dates "
            + "\"when=d/m/y\" or --dates \"when=m/d/y\".", schema.Notes);
        Assert.Contains("got some that fit d/m/y and m/d/y", Refused(text, new TableOptions { Dates = ["when"] }),
            StringComparison.Ordinal);
        Assert.Equal(31f, Load(text, new TableOptions { Dates = ["when=d/m/y"] }).Inputs.ToArray<float>()[0]);
        Assert.Equal(1f, Load(text, new TableOptions { Dates = ["when=m/d/y"] }).Inputs.ToArray<float>()[0]);
        Assert.Contains("expected a date (d.m.y), got \"1/2/2000\" in line 2, column 1 \"when\"",
            Refused(text, new TableOptions { Dates = ["when=d.m.y"] }), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Learn(text, new TableOptions { Dates = ["when=y"] }));
        Assert.Contains("expected a date (y-m-d), got \"soon\" in line 32",
            Refused(Rows("when,k", 31, static i => i == 30 ? "soon,a" : $"2024-01-{i + 1:D2},k{i % 2}")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2024-02-29", "y-m-d", true)]
    [InlineData("2023-02-29", "y-m-d", false)]
    [InlineData("2024-13-01", "y-m-d", false)]
    [InlineData("24-01-01", "y-m-d", false)]
    [InlineData("2024-1-1", "y-m-d", true)]
    [InlineData("2024-01-01 23:59:59.5", "y-m-d", true)]
    [InlineData("2024-01-01T23:59+01:00", "y-m-d", true)]
    [InlineData("2024-01-01T24:00", "y-m-d", false)]
    [InlineData("2024-01-01 ", "y-m-d", false)]
    [InlineData("2024-01-011", "y-m-d", false)]
    [InlineData("9999-12-31T23:59-01:00", "y-m-d", false)]
    [InlineData("0001-01-01T00:00+01:00", "y-m-d", false)]
    [InlineData("29.2.2024", "d.m.y", true)]
    [InlineData("", "d.m.y", false)]
    public void A_date_is_read_in_full_or_is_none(string cell, string order, bool isDate) =>
        Assert.Equal(isDate, DateCell.TryRead(cell, order, out _));

    [Fact]
    public void Constants_identifiers_and_texts_without_categories_are_ignored_with_the_reason()
    {
        string text = Rows("id,shuffled,same,name,note,none,w,k", 300, static i =>
            $"{1000 + (i * 3)},{i * 7 % 300},5,n{i},t{i / 2},,{i % 7},{(i % 2 == 0 ? "a" : "b")}");
        TableSchema schema = Learn(text);
        Assert.Equal(["w"], schema.InputNames);
        string[] expected =
        [
            "The column \"id\" is ignored: its values are different whole numbers in equal steps, so it seems to "
            + "identify the rows. --numeric \"id\" keeps it as a number, --categorical \"id\" as a category.",
            "The column \"same\" is ignored: it is 5 in every row.",
            "The column \"name\" is ignored: it holds another text in every row, so it seems to identify the rows. "
            + "--categorical \"name\" keeps it.",
            "The column \"note\" is ignored: it holds 150 different texts, more than 100. --categorical \"note\" keeps "
            + "it.",
            "The column \"none\" is ignored: it has no value in any row.",
        ];
        foreach (string note in expected) Assert.Contains(note, schema.Notes);
        Assert.Contains(schema.Notes, static note => note.StartsWith("The column \"shuffled\" is ignored",
            StringComparison.Ordinal));
        TableSchema kept = Learn(text, new TableOptions
        {
            Numeric = ["id"],
            Categorical = ["shuffled"],
            MaxCategories = 150,
        });
        Assert.Equal(1 + 300 + 150 + 1, kept.InputNames.Count);
        // One number twice, and another one left out.
        Assert.Equal(["n", "w"], Learn(Rows("n,w,k", 100, static i => $"{(i == 50 ? 51 : i)},{i % 7},c{i % 2}"))
            .InputNames);
    }

    [Fact]
    public void A_column_that_begins_otherwise_than_it_goes_on_is_looked_at_again()
    {
        // More rows than are looked at first.
        const int many = 40_000;
        string late = Rows("w,x,k", many, static i => $"{(i < many / 2 ? $"{i % 9}" : $"t{i % 3}")},{i % 7},c{i % 2}");
        Assert.Equal(12, Learn(late).Column("w").Categories.Count);
        string typing = Rows("w,x,k", many, static i => $"{(i == many - 1 ? "oops" : $"{i % 9}")},{i % 7},c{i % 2}");
        Assert.Contains("expected a number, got \"oops\" in line 40001, column 1 \"w\" of \"t.csv\". If the column "
            + "\"w\" holds categories, say --categorical \"w\"; if it is no input, --drop \"w\".", Refused(typing),
            StringComparison.Ordinal);
        string dates = Rows("w,x,k", many,
            static i => $"{(i < many / 2 ? "" : $"2024-01-0{1 + (i % 3)}")},{i % 7},c{i % 2}");
        Assert.Equal(ColumnKind.Date, Learn(dates).Column("w").Kind);
    }

    [Theory]
    [InlineData("is the same as the target", 0)]
    [InlineData("is a linear function of the target", 1)]
    [InlineData("rises with the target in every row", 2)]
    [InlineData("falls with the target in every row", 3)]
    [InlineData(null, 4)]
    [InlineData(null, 5)]
    public void A_column_that_gives_a_number_away_is_warned_about(string? expected, int kind)
    {
        var random = new System.Random(1);
        string text = Rows("w,leak,y", 100, i =>
        {
            double y = 0.5 + i;
            double x = kind switch
            {
                0 => y,
                1 => 32 - (1.8 * y),
                2 => Math.Round(Math.Exp(y / 20), 6),
                3 => Math.Round(1 / y, 9),
                4 => y + random.Next(3),
                _ => random.NextDouble(),
            };
            return FormattableString.Invariant($"{random.Next(9)},{x:R},{y}");
        });
        string[] warnings = [.. Learn(text).Notes.Where(static n => n.StartsWith("WARNING", StringComparison.Ordinal))];
        if (expected is null) Assert.Empty(warnings);
        else
        {
            Assert.Equal($"WARNING: the column \"leak\" {expected} \"y\". A model that sees it learns nothing else. If "
                + "it is not known before the target is, say --drop \"leak\".", Assert.Single(warnings));
        }
    }

    [Fact]
    public void A_column_that_gives_a_class_away_is_warned_about()
    {
        string text = Rows("code,half,w,k", 60, static i => $"{(i % 3) + 7},h{i % 3 / 2},{i % 7},c{i % 3}");
        string warning = Assert.Single(Learn(text).Notes,
            static note => note.StartsWith("WARNING", StringComparison.Ordinal));
        Assert.StartsWith("WARNING: the column \"code\" has one value for each value of the target \"k\".", warning,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Several_columns_of_numbers_are_the_target()
    {
        TableDataset two = Load(Houses, new TableOptions { Targets = ["rent", "price"] });
        Assert.Equal(["rent", "price"], two.Schema.TargetNames);
        Assert.Equal((DType.Float64, new Shape(2), new Shape(2)), (two.TargetType, two.TargetShape, two.SampleShape));
        Assert.Equal([800, 210.5f, 1200, 300, 1500, 455], two.Targets.ToArray<double>());
        using var loader = new DataLoader(two, 3, workers: 1) { DType = DType.Float64 };
        Batch batch = loader.Select(static batch => batch.Clone()).Single();
        Assert.Equal([800, 210.5, 1200, 300, 1500, 455], batch.Targets.ToArray<double>());
        Assert.Equal([50.0, 2, 80, 3, 120, 4], batch.Inputs.ToArray<double>());
        TableDataset one = Load(Houses, s_regression with { Target = "price", Drop = ["rent"] });
        Assert.Equal((new Shape(1), new Shape(3, 1)), (one.TargetShape, one.Targets.Shape));
        Assert.Contains("got \"cheap\" in line 3, column 2 \"y\" of \"t.csv\"",
            Refused("a,y\n1,2\n3,cheap\n", new TableOptions { Targets = ["y"] }), StringComparison.Ordinal);
        Assert.Equal([2, 5], Load("a,y\n1,2\n3,NA\n4,5\n", new TableOptions { Targets = ["y"] })
            .Targets.ToArray<double>());
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        TableOptions[] wrong =
        [
            new() { Targets = [] }, new() { Targets = ["price", "price"] },
            new() { Targets = ["price"], Drop = ["price"] }, new() { Target = "price", Categorical = ["price"] },
            new() { Numeric = ["area"], Categorical = ["area"] }, new() { Targets = ["price"], Target = "rent" },
            new() { Targets = ["price"], ClassNames = ["a", "b"] }, new() { Targets = ["price"], MaxClasses = 3 },
            new() { Targets = ["price"], Task = TableTask.Classification }, s_regression with { MaxClasses = 2 },
        ];
        foreach (TableOptions options in wrong) Assert.Throws<ArgumentException>(() => Learn(Houses, options));
        Assert.Contains("\"price\" in --target and in --drop",
            Assert.Throws<ArgumentException>(() => Learn(Houses, wrong[2])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_that_is_not_there_is_named_with_the_nearest()
    {
        Assert.Contains("expected a column \"prise\" for --target in \"t.csv\", found none: the header has area, "
            + "price, rooms, rent. Did you mean \"price\"?", Refused(Houses, new TableOptions { Target = "prise" }),
            StringComparison.Ordinal);
        Assert.Contains("\"c\" for --drop", Refused(Houses, new TableOptions { Drop = ["c"] }),
            StringComparison.Ordinal);
        Assert.Contains("the file has no header", Refused("1,2\n3,4\n", new TableOptions { Target = "c" }),
            StringComparison.Ordinal);
        Assert.Contains("found 2 of that name", Refused("a,a,k\n1,2,x\n2,3,y\n", new TableOptions { Target = "a" }),
            StringComparison.Ordinal);
        TableSchema schema = Learn("area,rooms,k\n1,2,x\n2,3,y\n");
        Assert.Contains("expected a column \"area\" for an input in \"later.csv\", found none: the header has aera, "
            + "rooms. Did you mean \"aera\"?", Assert.Throws<InvalidDataException>(
                () => schema.LoadInputs("aera,rooms\n1,2\n", "later.csv")).Message, StringComparison.Ordinal);
        Assert.Contains("expected a column \"k\" for the target", Assert.Throws<InvalidDataException>(
            () => schema.Load("area,rooms\n1,2\n", "later.csv")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_later_file_may_have_other_columns_order_and_separator()
    {
        TableSchema schema = Learn("area,region,k\n1.5,x,a\n2,y,b\n");
        TableDataset later = schema.LoadInputs("more;region;area\n;y;7\nq;x;8.5\n", "later.csv");
        Assert.Equal([7f, 0, 1, 8.5f, 1, 0], later.Inputs.ToArray<float>());
        Assert.False(later.HasTargets);
        Assert.Throws<InvalidOperationException>(() => later.Targets);
        Assert.Throws<InvalidOperationException>(() => later.CopyTargetsTo([0], Tensor.Zeros([1], DType.Int64)));
        Assert.Equal([3f, 1, 0], schema.LoadInputs("area,region\n3,x\n", "one.csv").Inputs.ToArray<float>());
        // With a decimal comma, a file of one row has nothing to guess from.
        TableSchema comma = Learn("a;k\n1,5;x\n2,5;y\n");
        Assert.Equal([1.234f], comma.LoadInputs("a;b\n1,234;5\n", "one.csv").Inputs.ToArray<float>());
    }

    [Fact]
    public void A_schema_and_its_preprocessing_come_back_from_JSON()
    {
        string text = Rows("when,age,region,zip,y", 50, static i => string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"2024-{(i % 12) + 1:D2}-05,{(i % 9 == 0 ? "" : $"{i % 13}")},r{i % 3},{i % 4},{i * 1.25 % 7}"));
        TableDataset set = Load(text, new TableOptions { Categorical = ["zip"] });
        TableSchema schema = TableSchema.Read(Written(set.Schema.WriteTo));
        Assert.Equal(Written(set.Schema.WriteTo).GetRawText(), Written(schema.WriteTo).GetRawText());
        Assert.Equal(set.Schema.Notes, schema.Notes);
        TableDataset again = schema.Load(text, "again.csv");
        Assert.Equal(set.Inputs.ToArray<float>(), again.Inputs.ToArray<float>());
        Assert.Equal(set.Targets.ToArray<double>(), again.Targets.ToArray<double>());

        var learned = TablePreprocessing.Learn(set, [.. Enumerable.Range(0, 40)]);
        var read = TablePreprocessing.Read(Written(learned.WriteTo));
        Assert.Equal(learned.FillValues, read.FillValues);
        Assert.Equal(learned.Apply(set).Inputs.ToArray<float>(), read.Apply(again).Inputs.ToArray<float>());
        Assert.Equal((learned.TargetMean.Single(), learned.TargetStd.Single()),
            (read.TargetMean.Single(), read.TargetStd.Single()));
        foreach (string wrong in (string[])["{}", "[]", "{\"version\":2}", "{\"fill\":[1],\"inputMean\":[]}"])
        {
            JsonElement json = JsonDocument.Parse(wrong).RootElement;
            Assert.Throws<InvalidDataException>(() => TableSchema.Read(json));
            Assert.Throws<InvalidDataException>(() => TablePreprocessing.Read(json));
        }

        static JsonElement Written(Action<Utf8JsonWriter> write)
        {
            using var stream = new MemoryStream();
            using (var json = new Utf8JsonWriter(stream)) write(json);
            return JsonDocument.Parse(Encoding.UTF8.GetString(stream.ToArray())).RootElement;
        }
    }

    [Fact]
    public void Preprocessing_learns_from_the_training_part_alone()
    {
        TableDataset set = Load("x,region,y\n1,a,10\n2,b,20\n,a,30\n4,b,40\n1000,a,5000\n", s_regression);
        var learned = TablePreprocessing.Learn(set, [0, 1, 2, 3]);
        // Of 1, 2, 4: the median 2; of 1, 2, 2, 4: mean 2.25 and variance (1.5625 + 2 · 0.0625 + 3.0625)/4.
        double std = Math.Sqrt(1.1875);
        Assert.Equal([2.0, 0, 0, 0], learned.FillValues);
        Assert.Equal([2.25, 0, 0, 0], learned.InputMean);
        Assert.Equal([std, 1, 1, 1], learned.InputStd);
        Assert.Equal((25.0, Math.Sqrt(125)), (learned.TargetMean.Single(), learned.TargetStd.Single()));
        float[] inputs = learned.Apply(set, [2, 0]).Inputs.ToArray<float>();
        Assert.Equal([(float)(-0.25 / std), 1, 1, 0, (float)(-1.25 / std), 0, 1, 0], inputs);
        Assert.Equal([(float)(5 / Math.Sqrt(125))], learned.Apply(set, [2]).Targets.ToArray<float>());
        Assert.Equal(30, learned.TargetsToUnits(learned.Apply(set, [2]).Targets).ToArray<double>().Single(), 1e-5);
        Assert.Equal(learned.Apply(set).Inputs.ToArray<float>(), learned.ApplyToInputs(set).ToArray<float>());
        Assert.Throws<ArgumentException>(() => TablePreprocessing.Learn(set, []));
        TableDataset classes = Load("x,k\n1,a\n2,b\n");
        var none = TablePreprocessing.Learn(classes, [0, 1]);
        Assert.Empty(none.TargetMean);
        Assert.Equal([0L, 1], none.Apply(classes).Targets.ToArray<long>());
        Assert.Throws<ArgumentException>(() => none.Apply(set));
        Assert.Throws<InvalidOperationException>(() => none.Apply(classes.Schema.LoadInputs("x\n1\n2\n", "p.csv")));
    }
}
