using System.Globalization;
using Evenkeel.Tables;
using Evenkeel.Tests.Serialization;
using Xunit;
using static Evenkeel.Tests.Tables.TableTexts;

namespace Evenkeel.Tests.Tables;

/// <summary>What a text is read as: separators, quotes, lines, encodings, numbers.</summary>
public sealed class TableReadingTests
{
    [Theory]
    [InlineData("a,b\n1,2\n3,5\n", true)]
    [InlineData("a;b\r\n1;2\r\n3;5\r\n", true)]
    [InlineData("a\tb\r1\t2\r3\t5", true)]
    [InlineData("\n\n1|2\n\n3|5\n", false)]
    [InlineData("1, 2\n 3 ,5", false)]
    [InlineData("1,2\r\n\r\n3,5\r\n\r\n", false)]
    [InlineData("1,2\n   \n3,5", false)]
    public void Separator_header_and_line_breaks_are_found(string text, bool header)
    {
        TableDataset set = Load(text);
        Assert.Equal(header ? ["a", "b"] : ["column 1", "column 2"], set.Schema.Columns.Select(c => c.Name));
        Assert.Equal([1f, 3], set.Inputs.ToArray<float>());
        Assert.Equal(["2", "5"], set.Schema.ClassNames);
    }

    [Fact]
    public void Quoted_fields_may_hold_anything()
    {
        const string text = "name,\"the, value\"\n\"a \"\"b\"\"\nc\" ,  \" x \"\n\"d\n\n,\",y\nz, \" x \"\n";
        TableDataset set = Load(text);
        Assert.Equal(["a \"b\"\nc", "d\n\n,", "z"], set.Schema.Column("name").Categories);
        Assert.Equal([" x ", "y"], set.Schema.ClassNames);
        // A field of several lines: each row's own line.
        Assert.Equal([2L, 4, 7], [set.LineOf(0), set.LineOf(1), set.LineOf(2)]);
    }

    [Fact]
    public void Quotes_inside_a_field_are_text_unless_a_separator_stands_between_them()
    {
        TableDataset set = Load("size,kind\n5\" x 3\",a\n\"6\"\" x 3\"\"\",b\n");
        Assert.Equal(["5\" x 3\"", "6\" x 3\""], set.Schema.Column("size").Categories);
        Assert.Contains("expected no quote inside a field without quotes around it, got one in line 2, column 1",
            Refused("size,kind,w\n5\" pipe, 3\" pipe,a,1\nx,b,2\n"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_declares_the_separator_is_no_row()
    {
        TableDataset set = Load("sep=;\r\na;b,b\r\n1;2\r\n3;4\r\n");
        Assert.Equal(["a", "b,b"], set.Schema.Columns.Select(static c => c.Name));
        Assert.Equal([3L, 4], [set.LineOf(0), set.LineOf(1)]);
        Assert.DoesNotContain(set.Schema.Notes, static note => note.Contains("separator", StringComparison.Ordinal));
        Assert.Equal("sep=a", Load("sep=a,b\n1,2\n3,4\n").Schema.Columns[0].Name);
    }

    [Theory]
    [InlineData("", "\"t.csv\" is empty")]
    [InlineData("\n \n", "\"t.csv\" is empty")]
    [InlineData("a,b\n", "at least one row below the header")]
    [InlineData("1\n2\n", "at least one input beside the target")]
    [InlineData("1,2\n3,4,5\n", "expected 2 fields as in the first line, got 3 in line 2 of \"t.csv\"")]
    [InlineData("1,2\n\n3\n", "expected 2 fields as in the first line, got 1 in line 3")]
    [InlineData("1,\"a\n2,b\n", "the quote that begins in line 1 of \"t.csv\" does not end")]
    [InlineData("1,\"a\"b\n2,c\n", "after the closing quote in line 1 of \"t.csv\", got 'b'")]
    [InlineData("w,k\n1,a\n1e40,b\n", "got \"1e40\", which Float32 cannot hold, in line 3, column 1 \"w\"")]
    [InlineData("w,k\n1,a\n1e999,b\n", "got \"1e999\", which Float32 cannot hold, in line 3, column 1 \"w\"")]
    [InlineData("w,k\n1,a\n-inf,b\n", "expected a number, got \"-inf\"")]
    [InlineData("w,k\n1,a\n", "expected at least two rows with a target, \"t.csv\" has 1 in 1 rows")]
    [InlineData("w,k\n1,\n2,NA\n", "expected at least two rows with a target, \"t.csv\" has 0 in 2 rows")]
    [InlineData("w,k\n1,a\n2,a\n", "expected at least two classes, \"k\" is \"a\" in every row")]
    [InlineData("w,k\n1,0.5\n2,0.5\n", "expected a target that varies, \"k\" is 0.5 in every row")]
    [InlineData("w,k\n1,a\n1,b\n", "\"w\" is ignored: it is 1 in every row")]
    public void Bad_files_are_named_with_line_and_column(string text, string expected) =>
        Assert.Contains(expected, Refused(text), StringComparison.Ordinal);

    [Fact]
    public void A_decimal_comma_is_found_reported_and_overridden()
    {
        TableDataset set = Load("w;h;k\n1,5;-2,25e1;a\n3;4,5;b\n");
        Assert.Equal([1.5f, -22.5f, 3, 4.5f], set.Inputs.ToArray<float>());
        Assert.Contains(
            "Numbers have a decimal comma: some are written as 1,5, none has a point. --decimal-comma overrides it.",
            set.Schema.Notes);
        Assert.Equal([1.5f, 2.5f], Load("\"1,5\",a\n\"2,5\",b\n").Inputs.ToArray<float>());
        // 1,234 may be one thousand or one and a quarter: nothing is decided until the user does.
        const string either = "1,234;a\n5,678;b\n";
        Assert.Equal(ColumnKind.Category, Learn(either).Columns[0].Kind);
        Assert.Equal([1.234f, 5.678f],
            Load(either, new TableOptions { DecimalComma = true }).Inputs.ToArray<float>());
        // With a decimal comma, a point is no part of a number: 1.500 would be one and a half.
        var comma = new TableOptions { DecimalComma = true, Numeric = ["column 1"] };
        Assert.Contains("got \"1.500\"", Refused("1.500;a\n2;b\n", comma), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_are_those_of_the_framework()
    {
        string[] cells = ["1", "-7", "+5", ".5", "5.", "1e-2", "1E+3", "-0", "0x1", "1_0", "1,0", "e5", "-", "1e",
            "1e+", "00012.50", "123456789012345678901234567890", "1.7976931348623157e38", "4.9e-324", "1 2", "--1",
            "0.1000000000000000055511151231257827", "9007199254740993", "1e-400", "1.2.3", "infinity", "½"];
        var format = new CellFormat(';', null, decimalComma: false);
        using var rows = new RowReader(string.Join('\n', cells.Select(static cell => $"{cell};x")).AsMemory(), format,
            "t", 1);
        foreach (string cell in cells)
        {
            Assert.True(rows.Next(2));
            bool isNumber = double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double expected)
                && double.IsFinite(expected);
            Assert.True(isNumber == rows.TryNumber(0, out double value), cell);
            if (isNumber) Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(value));
        }
    }

    [Fact]
    public void Random_numbers_are_read_to_the_last_bit()
    {
        var random = new System.Random(1);
        double[] numbers = [.. Enumerable.Range(0, 5000).Select(_ => (random.NextDouble() - 0.5)
            * Math.Pow(10, random.Next(-30, 30)))];
        string text = "x,y\n" + string.Concat(numbers.Select(static (x, i) =>
            FormattableString.Invariant($"{x:R},{(i % 2 == 0 ? "a" : "b")}\n")));
        Assert.Equal(numbers.Select(static x => (float)x), Load(text).Inputs.ToArray<float>());
    }

    [Fact]
    public void A_letter_that_was_lost_before_is_reported() => Assert.Contains(
        Learn("w,k\n1,\uFFFD\n2,b\n").Notes, static note => note.Contains("U+FFFD", StringComparison.Ordinal));

    [Theory]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(64)]
    [InlineData(1 << 20)]
    public void Blocks_end_where_rows_end(int size)
    {
        string text = Rows("a,\"b\r\nb\",c", 200, static i => i % 3 == 0
            ? $"{i},\"x\n\"\"y\"\"\r\n{i}\",z\r" : $"{i},q,{new string('w', i % 40)}");
        var whole = TableText.Of(text, Name);
        var format = new CellFormat(',', null, decimalComma: false);
        List<(long, string)> expected = RowsOf(text, 1), found = [];
        using (var blocks = new BlockReader(whole, size))
        {
            while (blocks.Next() is { } block)
            {
                found.AddRange(RowsOf(System.Text.Encoding.UTF8.GetString(block.Text), block.FirstLine));
                block.Return();
            }
        }

        Assert.Equal(201, expected.Count);
        Assert.Equal(expected, found);

        List<(long, string)> RowsOf(string part, long line)
        {
            var all = new List<(long, string)>();
            using var rows = new RowReader(part.AsMemory(), format, Name, line);
            while (rows.Next(3)) all.Add((rows.Line, string.Join('¦', rows.Cells())));
            return all;
        }
    }

    [Fact]
    public void Results_errors_and_notes_do_not_depend_on_the_number_of_threads()
    {
        var random = new System.Random(3);
        string text = Rows("w,h,kind,when,y", 60_000, i =>
        {
            string w = (random.NextDouble() * 9).ToString("R", CultureInfo.InvariantCulture);
            string h = i % 50 == 0 ? "NA" : $"{random.Next(100)}";
            return $"{w},{h},k{random.Next(5)},2024-{1 + random.Next(12):D2}-03,c{random.Next(3)}";
        });
        using var folder = new TempFolder();
        string path = folder.File("t.csv"), broken = folder.File("broken.csv");
        File.WriteAllText(path, text);
        File.WriteAllText(broken, text + "1,2\n1,2,k1,2024-01-01,oh\n1,2,3\n");
        Assert.True(new FileInfo(path).Length > 2 * BlockReader.DefaultSize);
        (float[] Inputs, long[] Labels, string[] Notes, string[] Names, string Error, long Line)[] results =
            [.. ((int[])[1, 2, 5]).Select(threads =>
            {
                using (Compute.UseThreads(threads))
                {
                    var schema = TableSchema.Learn(path);
                    TableDataset set = schema.Load(path);
                    string error = Assert.Throws<InvalidDataException>(() => TableSchema.Learn(broken)).Message;
                    return (set.Inputs.ToArray<float>(), set.Targets.ToArray<long>(), (string[])[.. schema.Notes],
                        (string[])[.. schema.InputNames], error, set.LineOf(set.Count - 1));
                }
            })];
        foreach (var other in results[1..])
        {
            Assert.True(results[0].Inputs.AsSpan().SequenceEqual(other.Inputs));
            Assert.Equal(results[0].Labels, other.Labels);
            Assert.Equal(results[0].Notes, other.Notes);
            Assert.Equal(results[0].Names, other.Names);
            Assert.Equal(results[0].Error, other.Error);
        }

        Assert.Equal(60_001, results[0].Line);
        Assert.Contains("got 2 in line 60002 of", results[0].Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_byte_far_inside_is_named_with_its_line()
    {
        using var folder = new TempFolder();
        string path = folder.File("t.csv");
        string rows = Rows("w,k", 300_000, static i => $"{i % 77},{(i % 2 == 0 ? "a" : "b")}");
        File.WriteAllBytes(path, [.. System.Text.Encoding.UTF8.GetBytes(rows), .. "1,"u8, 0xE9, (byte)'\n']);
        Assert.Contains("holds the byte E9 in line 300002",
            Assert.Throws<InvalidDataException>(() => TableSchema.Learn(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_can_be_cancelled_and_tells_how_far_it_is()
    {
        using var folder = new TempFolder();
        string path = folder.File("t.csv");
        File.WriteAllText(path, Rows("w,k", 300_000, static i => $"{i % 77},{(i % 2 == 0 ? "a" : "b")}"));
        var shares = new List<double>();
        TableSchema schema = TableSchema.Learn(path, null, new Shares(shares));
        Assert.Equal(1, shares[^1]);
        Assert.True(shares.Count > 2);
        Assert.Equal(shares.Order(), shares);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => TableSchema.Learn(path, cancellationToken: cancelled.Token));
        Assert.Throws<OperationCanceledException>(() => schema.Load(path, cancelled.Token));
        Assert.Throws<FileNotFoundException>(() => TableSchema.Learn(folder.File("no.csv")));
    }

    private sealed class Shares(List<double> shares) : IProgress<double>
    {
        public void Report(double value) => shares.Add(value);
    }
}
