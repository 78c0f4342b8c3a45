using Evenkeel.Tables;
using Xunit;
using static Evenkeel.Tests.Tables.TableTexts;

namespace Evenkeel.Tests.Tables;

/// <summary>
/// What a table says about itself: every guess is right on small files that were once read wrongly, is reported, and is
/// overridden by an option.
/// </summary>
public sealed class TableGuessTests
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
        List<string> notes = [];
        var head = TableHead.Of(TableText.Of(text, Name), new TableOptions(), [], notes);
        Assert.Equal(header, head.HasHeader);
        Assert.Equal(text.Count(static c => c == '\n') - (header ? 1 : 0), head.Rows.Count);
        Assert.Single(notes, static note => note.StartsWith("The first line ", StringComparison.Ordinal)
            && note.EndsWith("--header overrides it.", StringComparison.Ordinal));
        // What is said is done, and is no guess.
        notes.Clear();
        var asked = TableHead.Of(TableText.Of(text + text, Name), new TableOptions { Header = !header }, [], notes);
        Assert.Equal(!header, asked.HasHeader);
        Assert.DoesNotContain(notes, static note => note.StartsWith("The first line ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_header_of_numbers_is_no_sample()
    {
        TableDataset set = Load("0,1,label\n5.1,3.5,a\n4.9,3.0,b\n");
        Assert.Equal(["0", "1"], set.Schema.InputNames);
        Assert.Equal([5.1f, 3.5f, 4.9f, 3], set.Inputs.ToArray<float>());
    }

    [Fact]
    public void A_column_that_the_options_name_makes_the_first_line_a_header()
    {
        const string text = "2019,2020\n5,3\n4,2\n";
        Assert.Equal("column 1", Learn(text).Columns[0].Name);
        TableDataset set = Load(text, new TableOptions { Target = "2020" });
        Assert.Equal((2, "2019"), (set.Count, set.Schema.InputNames.Single()));
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
        List<string> notes = [];
        var head = TableHead.Of(TableText.Of(text, Name), new TableOptions { Header = false }, [], notes);
        Assert.Equal((separator, columns), (head.Format.Separator, head.Names.Length));
        Assert.Contains(notes, static note => note.EndsWith("--separator overrides it.", StringComparison.Ordinal));
        notes.Clear();
        var asked = TableHead.Of(TableText.Of("1:2\n", Name), new TableOptions { Separator = ':' }, [], notes);
        Assert.Equal((2, ':'), (asked.Names.Length, asked.Format.Separator));
        Assert.DoesNotContain(notes, static note => note.Contains("separator", StringComparison.Ordinal));
        foreach (char wrong in "\"\n\r")
            Assert.Throws<ArgumentException>(() => Learn(text, new TableOptions { Separator = wrong }));
    }

    [Theory]
    [InlineData("1,0.0\n2,2.0\n3,10.0\n", "0.0 2.0 10.0")]
    [InlineData("1,10\n2,2\n3,-1\n", "-1 2 10")]
    [InlineData("1,1e1\n2,2.5\n3,+3\n", "2.5 +3 1e1")]
    [InlineData("1,b\n2,10\n3,9\n", "10 9 b")]
    [InlineData("1,b\n2,a\n3,B\n", "B a b")]
    [InlineData("1,9007199254740993\n2,9007199254740992\n", "9007199254740992 9007199254740993")]
    public void Classes_are_ordered_by_number_or_by_name(string text, string classes) =>
        Assert.Equal(classes, string.Join(' ',
            Learn(text, new TableOptions { Task = TableTask.Classification }).ClassNames));

    [Fact]
    public void Spellings_of_one_number_are_one_class_and_reported()
    {
        TableDataset set = Load("1,0.0\n2,1\n3,0\n4,01\n5,-0\n");
        Assert.Equal(["0", "1"], set.Schema.ClassNames);
        Assert.Equal([0L, 1, 0, 1, 0], set.Targets.ToArray<long>());
        Assert.Contains(set.Schema.Notes,
            static note => note.Contains("are one class, for they are one number", StringComparison.Ordinal));
        // The classes of another file, written otherwise.
        Assert.Equal([1L, 0], set.Schema.Load("1,1.00\n2,0e0\n", "other.csv").Targets.ToArray<long>());
        Assert.Throws<ArgumentException>(() => Learn("1,2\n2,3\n", new TableOptions { ClassNames = ["2", "2.0"] }));
        Assert.Contains(Learn("1,yes\n2,Yes\n").Notes,
            static note => note.Contains("differ in case or spaces only", StringComparison.Ordinal));
    }

    [Fact]
    public void Classes_that_are_given_have_their_order_and_no_others_are_accepted()
    {
        var options = new TableOptions { ClassNames = ["c", "a", "b"] };
        TableDataset set = Load("1,a\n2,b\n", options);
        Assert.Equal([1L, 2], set.Targets.ToArray<long>());
        Assert.Contains("expected one of the classes c, a, b, got \"d\" in line 2, column 2 of \"t.csv\"",
            Refused("1,a\n2,d\n", options), StringComparison.Ordinal);
        // A text that means "no value" elsewhere may be the name of a class.
        Assert.Equal([1L, 0], Load("1,None\n2,x\n", new TableOptions { ClassNames = ["x", "None"] })
            .Targets.ToArray<long>());
        Assert.Contains("expected at least two classes", Refused("1,a\n2,a\n", new TableOptions { ClassNames = ["a"] }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_task_is_guessed_from_the_target_and_said()
    {
        // As the prices of houses: 229 values in 506 rows.
        string prices = Target(506, static i => FormattableString.Invariant($"{5 + (i % 229 * 0.1):F1}"));
        TableSchema schema = Learn(prices);
        Assert.Equal(TableTask.Regression, schema.Task);
        Assert.Contains("The target \"y\" is a quantity (regression): it holds numbers with fractions. --task "
            + "classification overrides it.", schema.Notes);
        Assert.Equal(229, Learn(prices, new TableOptions { Task = TableTask.Classification }).ClassNames.Count);
        Assert.Equal(229, Learn(prices, new TableOptions { MaxClasses = 229 }).ClassNames.Count);
        Assert.Contains("at most 228 classes", Refused(prices, new TableOptions { MaxClasses = 228 }),
            StringComparison.Ordinal);

        Check(TableTask.Regression, 20, static i => $"{i}.5");
        Check(TableTask.Regression, 40, static i => $"{i * 1000}");
        Check(TableTask.Regression, 1000, static i => $"{i % 21}");
        Check(TableTask.Classification, 1000, static i => $"{i % 20}");
        Check(TableTask.Classification, 1000, static i => $"breed {i % 120}");
        Check(TableTask.Classification, 100, static i => $"{(i % 7) + 3}");
        Assert.Contains("The target \"y\" is a class (classification): it holds 7 different whole numbers. --task "
            + "regression overrides it.", Learn(Target(100, static i => $"{(i % 7) + 3}")).Notes);
        Assert.Equal(TableTask.Regression,
            Learn(Target(100, static i => $"{i % 7}"), new TableOptions { Task = TableTask.Regression }).Task);

        string message = Refused(Target(30, static i => $"name {i}"));
        Assert.Contains("expected labels that name classes, got others: column \"y\" of \"t.csv\" has 30 different "
            + "texts in 30 rows", message, StringComparison.Ordinal);
        Assert.Contains("--target", message, StringComparison.Ordinal);
        Assert.Contains("got \"oops\" in line 32, column 2 \"y\"",
            Refused(Target(31, static i => i == 30 ? "oops" : $"{i}.5")), StringComparison.Ordinal);
        Assert.Contains("got \"a\" in line 2",
            Refused(Target(5, static _ => "a"), new TableOptions { Task = TableTask.Regression }),
            StringComparison.Ordinal);

        static void Check(TableTask task, int rows, Func<int, string> label) =>
            Assert.Equal(task, Learn(Target(rows, label)).Task);

        static string Target(int rows, Func<int, string> label) => Rows("x,y", rows, i => $"{i % 7},{label(i)}");
    }

    [Fact]
    public void Every_guess_is_reported_and_none_is_where_the_options_say_all()
    {
        const string text = "id,w,k\n1,5,a\n2,16777217,b\n3,7,a\n";
        Assert.Equal(
            [
                "The separator is ',': it divides the first lines into 3 fields. --separator overrides it.",
                "The first line names the columns: \"id\" in column 1 stands above numbers. --header overrides it.",
                "The target is \"k\", the last column. --target overrides it.",
                "The target \"k\" is a class (classification): it holds texts. --task overrides it.",
                "There are 2 classes, in the order of their names: a, b. --class-names overrides it.",
                "1 of the classes has one row only: there is nothing left to test them with.",
                "The column \"w\" holds whole numbers that Float32 rounds, so that different ones may become one. "
                + "--drop \"w\" leaves it out, --categorical \"w\" makes it a category.",
            ],
            Learn(text).Notes);
        var all = new TableOptions
        {
            Separator = ',',
            Header = true,
            DecimalComma = false,
            Target = "k",
            Drop = ["id"],
            Task = TableTask.Classification,
            ClassNames = ["b", "a"],
        };
        TableDataset said = Load(text.Replace("16777217", "9", StringComparison.Ordinal), all);
        Assert.Empty(said.Schema.Notes);
        Assert.Equal([1L, 0, 1], said.Targets.ToArray<long>());
    }
}
