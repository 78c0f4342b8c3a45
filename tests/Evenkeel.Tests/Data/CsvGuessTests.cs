using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// What a table says about itself: every guess is right on small files that were once read wrongly, is reported, and is
/// overridden by an option.
/// </summary>
public sealed class CsvGuessTests
{
    [Theory]
    [InlineData("0,1,label\n5.1,3.5,a\n4.9,3.0,b\n", true)]
    [InlineData("0,1,2,3\n5,3,9,1\n4,2,8,0\n", true)]
    [InlineData("1,2,3,kind\n5,3,9,a\n4,2,8,b\n", true)]
    [InlineData("NA,NA,a\n1,2,a\n", false)]
    [InlineData("NA,NA,a\n1,2,b\n", false)]
    [InlineData("?,1,a\n2,3,b\n", false)]
    [InlineData("5,3,a\n5.1,3.5,b\n4.9,3.0,b\n", false)]
    [InlineData("0,1,yes\n1,0,no\n1,1,yes\n", false)]
    [InlineData("0,1,2\n1,2,3\n2,3,4\n", false)]
    [InlineData(",a,b\n0,1.5,x\n1,2.5,y\n", true)]
    [InlineData("w,k\n1,a\nx,a\n", true)]
    [InlineData("w,k\nNA,a\n1,a\n", true)]
    [InlineData("p,x,s\ne,x,s\np,b,y\n", false)]
    [InlineData("name,city\nbob,paris\nann,rome\n", true)]
    [InlineData("x,3.5,a\n4.9,3.0,b\n5.0,3.1,b\n", false)]
    [InlineData("1,2\n", false)]
    public void The_first_line_is_a_header_if_its_cells_are_of_another_kind_than_those_below(string text, bool header)
    {
        CsvTable table = CsvTable.Parse(text, "test");
        Assert.Equal(header, table.HasHeader);
        Assert.Equal(text.Count(static c => c == '\n') - (header ? 1 : 0), table.RowCount);
        Assert.Single(table.Guesses,
            static guess => guess.StartsWith("The first line ", StringComparison.Ordinal)
                && guess.EndsWith("Header overrides it.", StringComparison.Ordinal));
        // What is said is done, and is no guess.
        CsvTable asked = CsvTable.Parse(text + text, "test", new CsvOptions { Header = !header });
        Assert.Equal(!header, asked.HasHeader);
        Assert.DoesNotContain(asked.Guesses,
            static guess => guess.StartsWith("The first line ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_header_of_numbers_is_no_sample()
    {
        CsvDataset set = CsvDataset.From(CsvTable.Parse("0,1,label\n5.1,3.5,a\n4.9,3.0,b\n", "t"));
        Assert.Equal((2, 2), (set.Count, set.ClassNames.Count));
        Assert.Equal(["0", "1"], set.FeatureNames);
        Assert.Equal([5.1f, 3.5f, 4.9f, 3], set.Inputs.ToArray<float>());
    }

    [Fact]
    public void A_column_that_the_options_name_makes_the_first_line_a_header()
    {
        const string text = "2019,2020\n5,3\n4,2\n";
        Assert.False(CsvTable.Parse(text, "t").HasHeader);
        CsvDataset set = CsvDataset.From(
            CsvTable.Parse(text, "t", new CsvOptions { Label = "2020" }), new CsvOptions { Label = "2020" });
        Assert.Equal((2, "2019"), (set.Count, set.FeatureNames.Single()));
    }

    [Theory]
    [InlineData("\"a, b; c\"|1\n\"d, e; f\"|2\n", '|', 2)]
    [InlineData("\"Smith, John, Jr.\";5\n\"Doe, Jane, Dr.\";6\n", ';', 2)]
    [InlineData("1,5;2,5;a\n3,5;4,5;b\n", ';', 3)]
    [InlineData("Smith, John;5;a\nDoe, Jane;6;b\n", ';', 3)]
    [InlineData("a;b,c;d\n1;2;x\n3;4;y\n", ';', 3)]
    [InlineData("a title, with commas, in one line\tx\n1\t2\n3\t4\n5\t6\n", '\t', 2)]
    [InlineData("a|b,1\nc|d,2\n", ',', 2)]
    [InlineData("a\nb\n", ',', 1)]
    public void The_separator_is_found_from_many_lines_and_outside_quotes(string text, char separator, int columns)
    {
        CsvTable table = CsvTable.Parse(text, "test", new CsvOptions { Header = false });
        Assert.Equal((separator, columns), (table.Separator, table.Columns.Count));
        Assert.Contains(table.Guesses,
            static guess => guess.EndsWith("Separator overrides it.", StringComparison.Ordinal));
        CsvTable asked = CsvTable.Parse("1#2\n", "test", new CsvOptions { Separator = '#' });
        Assert.Equal((2, '#'), (asked.Columns.Count, asked.Separator));
        Assert.DoesNotContain(asked.Guesses, static guess => guess.Contains("separator", StringComparison.Ordinal));
    }

    [Fact]
    public void A_line_that_declares_the_separator_is_no_row()
    {
        CsvTable table = CsvTable.Parse("sep=;\r\na;b,b\r\n1;2\r\n", "t.csv");
        Assert.Equal((';', "b,b", "2"), (table.Separator, table.Columns[1], table[0, 1]));
        Assert.Equal("row 1 (line 3), column 2 \"b,b\" of \"t.csv\"", table.PlaceOf(0, 1));
        Assert.DoesNotContain(table.Guesses, static guess => guess.Contains("separator", StringComparison.Ordinal));
        Assert.Equal(["sep=a", "b"], CsvTable.Parse("sep=a,b\n1,2\n", "t").Columns);
    }

    [Fact]
    public void A_decimal_comma_is_found_reported_and_overridden()
    {
        CsvDataset set = CsvDataset.From(CsvTable.Parse("w;h;k\n1,5;-2,25e1;a\n3;4,5;b\n", "t"));
        Assert.Equal([1.5f, -22.5f, 3, 4.5f], set.Inputs.ToArray<float>());
        Assert.Contains(
            "Numbers have a decimal comma: some are written as 1,5, none has a point. DecimalComma overrides it.",
            set.Guesses);
        Assert.True(CsvTable.Parse("\"1,5\",a\n\"2,5\",b\n", "t").DecimalComma);
        Assert.False(CsvTable.Parse("1,5;a\n2.5;b\n", "t").DecimalComma);
        // 1,234 may be one thousand or one and a quarter: nothing is decided until the user does.
        const string either = "1,234;a\n5,678;b\n";
        string message = Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse(either, "t"))).Message;
        Assert.Contains("got \"1,234\" in row 1 (line 1), column 1", message, StringComparison.Ordinal);
        Assert.Contains("set DecimalComma", message, StringComparison.Ordinal);
        Assert.Equal([1.234f, 5.678f],
            CsvDataset.From(CsvTable.Parse(either, "t", new CsvOptions { DecimalComma = true }))
                .Inputs.ToArray<float>());
        // With a decimal comma, a point is no part of a number: 1.500 would be one and a half.
        Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse("1.500;a\n", "t", new CsvOptions { DecimalComma = true })));
    }

    [Theory]
    [InlineData("1,0.0\n2,2.0\n3,10.0\n", "0.0 2.0 10.0")]
    [InlineData("1,10\n2,2\n3,-1\n", "-1 2 10")]
    [InlineData("1,1e1\n2,2.5\n3,+3\n", "2.5 +3 1e1")]
    [InlineData("1,b\n2,10\n3,9\n", "10 9 b")]
    [InlineData("1,9007199254740993\n2,9007199254740992\n", "9007199254740992 9007199254740993")]
    public void Labels_that_are_numbers_are_ordered_by_number(string text, string classes) =>
        Assert.Equal(classes, string.Join(' ', CsvDataset.From(CsvTable.Parse(text, "t")).ClassNames));

    [Fact]
    public void Spellings_of_one_number_are_one_class_and_reported()
    {
        CsvDataset set = CsvDataset.From(CsvTable.Parse("1,0.0\n2,1\n3,0\n4,01\n5,-0\n", "t"));
        Assert.Equal(["0", "1"], set.ClassNames);
        Assert.Equal([0L, 1, 0, 1, 0], set.Targets.ToArray<long>());
        Assert.Contains(set.Guesses,
            static guess => guess.Contains("are one class, for they are one number", StringComparison.Ordinal));
        // The classes of another file, written otherwise.
        CsvDataset test = CsvDataset.From(
            CsvTable.Parse("1,2\n2,10\n", "t"), new CsvOptions { ClassNames = ["0.0", "2.0", "10.0"] });
        Assert.Equal([1L, 2], test.Targets.ToArray<long>());
        Assert.Throws<ArgumentException>(
            () => CsvDataset.From(CsvTable.Parse("1,2\n", "t"), new CsvOptions { ClassNames = ["2", "2.0"] }));
        Assert.Contains(CsvDataset.From(CsvTable.Parse("1,yes\n2,Yes\n", "t")).Guesses,
            static guess => guess.Contains("differ in case or spaces only", StringComparison.Ordinal));
    }

    [Fact]
    public void Columns_can_be_dropped_chosen_and_ordered()
    {
        const string text = "id,b,note,a,kind\n7,1,x,2,u\n9,3,y,4,v\n";
        Assert.Equal(["b", "a"], Read(new CsvOptions { Drop = ["id", "note"] }).FeatureNames);
        CsvDataset ordered = Read(new CsvOptions { Features = ["a", "b"] });
        Assert.Equal([2f, 1, 4, 3], ordered.Inputs.ToArray<float>());
        CsvDataset last = Read(new CsvOptions { Drop = ["kind", "id", "a"], Features = ["b"] },
            "id,b,kind,a,note\n7,1,u,2,x\n9,3,v,4,y\n");
        Assert.Equal(["x", "y"], last.ClassNames);
        Assert.Equal(["column 2"],
            CsvDataset.From(CsvTable.Parse("1,2,a\n3,4,b\n", "t"),
            new CsvOptions { Drop = ["column 1"] }).FeatureNames);
        Assert.Contains("\"c\" to drop",
            Assert.Throws<InvalidDataException>(() => Read(new CsvOptions { Drop = ["c"] })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Read(new CsvOptions { Drop = ["kind"], Label = "kind" }));
        Assert.Throws<ArgumentException>(() => Read(new CsvOptions { Features = ["kind"] }));
        Assert.Contains("found 2 of that name",
            Assert.Throws<InvalidDataException>(() => Read(new CsvOptions { Label = "a" }, "a,a,k\n1,2,x\n")).Message,
            StringComparison.Ordinal);
        // The text column that is no feature is named, with what to do.
        string message = Assert.Throws<InvalidDataException>(() => Read(new CsvOptions())).Message;
        Assert.Contains("got \"x\" in row 1 (line 2), column 3 \"note\" of \"t\"", message, StringComparison.Ordinal);
        Assert.Contains("name it in Drop", message, StringComparison.Ordinal);

        static CsvDataset Read(CsvOptions options, string text = text) =>
            CsvDataset.From(CsvTable.Parse(text, "t", options), options);
    }

    [Fact]
    public void Missing_values_are_refused_or_left_out_and_counted()
    {
        const string text = "w,k\n1,a\nNA,a\n3,\n4,b\n";
        string message = Assert.Throws<InvalidDataException>(() => CsvDataset.From(CsvTable.Parse(text, "t"))).Message;
        Assert.Contains("expected a number, got \"NA\", which means a missing value in row 2 (line 3), column 1 \"w\"",
            message, StringComparison.Ordinal);
        Assert.Contains("Missing = DropRow", message, StringComparison.Ordinal);
        CsvDataset set = CsvDataset.From(CsvTable.Parse(text, "t"), new CsvOptions { Missing = MissingValue.DropRow });
        Assert.Equal([1f, 4], set.Inputs.ToArray<float>());
        Assert.Contains(
            "2 of 4 rows are left out, because a value is missing in them. Missing decides that.", set.Guesses);
        // -999 by option; a class that is called None by option.
        var options = new CsvOptions { MissingValues = ["-999"], Missing = MissingValue.DropRow };
        Assert.Equal(["None", "x"],
            CsvDataset.From(CsvTable.Parse("1,None\n-999,x\n2,x\n", "t", options), options).ClassNames);
        Assert.Contains("ClassNames",
            Assert.Throws<InvalidDataException>(() => CsvDataset.From(CsvTable.Parse("1,None\n2,x\n", "t"))).Message,
            StringComparison.Ordinal);
        Assert.Equal([1L, 0], CsvDataset.From(
            CsvTable.Parse("1,None\n2,x\n", "t"), new CsvOptions { ClassNames = ["x", "None"] })
            .Targets.ToArray<long>());
        Assert.Contains("got none in 1 rows",
            Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse("NA,a\n", "t"), options with { MissingValues = null })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_target_that_is_a_quantity_is_refused_unless_it_is_asked_for()
    {
        // As the prices of houses: 229 values in 506 rows.
        string prices = Table(506, static i => FormattableString.Invariant($"{5 + (i % 229 * 0.1):F1}"));
        string message = Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse(prices, "t.csv"))).Message;
        Assert.Contains("column \"y\" of \"t.csv\" has 229 different numbers in 506 rows", message,
            StringComparison.Ordinal);
        Assert.Contains("regression", message, StringComparison.Ordinal);
        Assert.Contains("set MaxClasses to 229 or more", message, StringComparison.Ordinal);
        Assert.Equal(229, CsvDataset.From(
            CsvTable.Parse(prices, "t"), new CsvOptions { MaxClasses = 229 }).ClassNames.Count);
        Assert.Contains("at most 228 classes",
            Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse(prices, "t"), new CsvOptions { MaxClasses = 228 })).Message,
            StringComparison.Ordinal);

        Refused(20, static i => $"{i}.5");
        Refused(40, static i => $"{i * 1000}");
        Refused(1000, static i => $"{i % 101}");
        Refused(30, static i => $"name {i}");
        Assert.Equal(100, CsvDataset.From(CsvTable.Parse(Table(1000, static i => $"{i % 100}"), "t")).ClassNames.Count);
        Assert.Equal(120, CsvDataset.From(
            CsvTable.Parse(Table(1000, static i => $"breed {i % 120}"), "t")).ClassNames.Count);
        Assert.Equal(10, CsvDataset.From(CsvTable.Parse(Table(10, static i => $"{i}.5"), "t")).ClassNames.Count);

        static void Refused(int rows, Func<int, string> label) =>
            Assert.Contains("expected labels that name classes",
                Assert.Throws<InvalidDataException>(
                () => CsvDataset.From(CsvTable.Parse(Table(rows, label), "t"))).Message, StringComparison.Ordinal);

        static string Table(int rows, Func<int, string> label) =>
            "x,y\n" + string.Concat(Enumerable.Range(0, rows).Select(i => $"{i % 7},{label(i)}\n"));
    }

    [Fact]
    public void Every_guess_is_reported_and_none_is_where_the_options_say_all()
    {
        const string text = "id,w,k\n1,5,a\n2,16777217,b\n3,7,a\n";
        CsvDataset set = CsvDataset.From(CsvTable.Parse(text, "t"));
        Assert.Equal(
            [
                "The separator is ',': it divides the first lines into 3 fields. Separator overrides it.",
                "The first line names the columns: \"id\" in column 1 stands above numbers. Header overrides it.",
                "The label is \"k\", the last column. Label or LabelIndex overrides it.",
                "There are 2 classes, in the order of their names: a, b. ClassNames overrides it.",
                "The feature \"id\" counts the rows. If it is a number of the row, name it in Drop.",
                "The feature \"w\" holds whole numbers that Float32 rounds, so that different ones may become one. "
                + "Name it in Drop, or make it smaller.",
            ],
            set.Guesses);
        var all = new CsvOptions
        {
            Separator = ',',
            Header = true,
            DecimalComma = false,
            Label = "k",
            Drop = ["id"],
            Features = ["w"],
            ClassNames = ["b", "a"],
        };
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("t.csv"), text.Replace("16777217", "9", StringComparison.Ordinal));
        CsvDataset said = CsvDataset.Load(folder.File("t.csv"), all);
        Assert.Empty(said.Guesses);
        Assert.Equal([1L, 0, 1], said.Targets.ToArray<long>());
    }
}
