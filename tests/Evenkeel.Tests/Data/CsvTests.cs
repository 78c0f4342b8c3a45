using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class CsvTests
{
    [Theory]
    [InlineData("a,b\n1,2\n", ',', true)]
    [InlineData("a;b\r\n1;2\r\n", ';', true)]
    [InlineData("a\tb\r1\t2", '\t', true)]
    [InlineData("\n\n1|2\n\n1|2\n", '|', false)]
    [InlineData("1, 2\n 1 ,2", ',', false)]
    public void Separator_and_header_are_found(string text, char separator, bool header)
    {
        CsvTable table = CsvTable.Parse(text, "test");
        Assert.Equal((separator, header), (table.Separator, table.HasHeader));
        Assert.Equal(header ? 1 : 2, table.RowCount);
        Assert.Equal(header ? ["a", "b"] : ["column 1", "column 2"], table.Columns);
        Assert.Equal(("1", "2"), (table[table.RowCount - 1, 0], table[table.RowCount - 1, 1]));
    }

    [Fact]
    public void Quoted_fields_may_hold_anything()
    {
        CsvTable table = CsvTable.Parse("name,\"the, value\"\n\"a \"\"b\"\"\nc\" ,  \" x \"\n\"\",y\n", "test.csv");
        Assert.Equal(["name", "the, value"], table.Columns);
        Assert.Equal("a \"b\"\nc", table[0, 0]);
        Assert.Equal(" x ", table[0, 1]);
        Assert.Equal("", table[1, 0]);
        // A field of two lines: the row's number and its line part.
        Assert.Equal("row 2 (line 4), column 2 \"the, value\" of \"test.csv\"", table.PlaceOf(1, 1));
    }

    [Fact]
    public void A_table_becomes_samples()
    {
        using var folder = new TempFolder();
        File.WriteAllText(
            folder.File("iris.csv"), "\uFEFFlength,kind,width\n5.1,setosa,3.5\n-7,virginica,1e-2\n6.25,setosa,.5\n");
        CsvDataset set = CsvDataset.Load(folder.File("iris.csv"), new CsvOptions { Label = "kind" });
        Assert.Equal(["setosa", "virginica"], set.ClassNames);
        Assert.Equal(["length", "width"], set.FeatureNames);
        Assert.Equal([5.1f, 3.5f, -7, 0.01f, 6.25f, 0.5f], set.Inputs.ToArray<float>());
        Assert.Equal([0L, 1, 0], set.Targets.ToArray<long>());
        Assert.Equal((3, new Shape(2)), (set.Count, set.SampleShape));
        Tensor batch = Tensor.Zeros([2, 2]);
        set.CopyTo([1, 0], batch);
        Assert.Equal([-7, 0.01f, 5.1f, 3.5f], batch.ToArray<float>());
        Assert.Equal([1L, 0], set.LabelsOf([1, 0]));
    }

    [Fact]
    public void Classes_are_ordered_by_number_or_name_and_may_be_given()
    {
        Assert.Equal(["2", "10"], CsvDataset.From(CsvTable.Parse("1,10\n2,2\n", "t")).ClassNames);
        Assert.Equal(["B", "a", "b"], CsvDataset.From(CsvTable.Parse("1,b\n2,a\n3,B\n", "t")).ClassNames);
        CsvDataset test = CsvDataset.From(
            CsvTable.Parse("b,1\n", "t"), new CsvOptions { LabelIndex = 0, ClassNames = ["a", "b", "c"] });
        Assert.Equal([1L], test.Targets.ToArray<long>());
    }

    [Theory]
    [InlineData("", "\"bad.csv\" is empty")]
    [InlineData("\n \n", "\"bad.csv\" is empty")]
    [InlineData("a,b\n", "at least one row below the header")]
    [InlineData("1\n2\n", "at least one feature beside the label")]
    [InlineData("1,2\n3,4,5\n", "expected 2 fields as in the first line, got 3 in line 2 of \"bad.csv\"")]
    [InlineData("1,2\n\n3\n", "expected 2 fields as in the first line, got 1 in line 3")]
    [InlineData("w,k\n1,a\nx,a\n", "expected a number, got \"x\" in row 2 (line 3), column 1 \"w\" of \"bad.csv\"")]
    [InlineData("1,a\n,a\n", "expected a number, got an empty cell in row 2 (line 2), column 1 of \"bad.csv\"")]
    [InlineData("1,a\nNaN,a\n", "expected a number, got \"NaN\"")]
    [InlineData("1,a\n1e40,a\n", "expected a number, got \"1e40\"")]
    [InlineData("1,a\n2,\n", "expected a label, got an empty cell in row 2 (line 2), column 2")]
    [InlineData("1,\"a\n2,b\n", "the quote that begins in line 1 of \"bad.csv\" does not end")]
    [InlineData("1,\"a\"b\n", "after the closing quote in line 1")]
    public void Bad_files_are_named_with_row_and_column(string text, string expected)
    {
        string message = Assert.Throws<InvalidDataException>(
            () => CsvDataset.From(CsvTable.Parse(text, "bad.csv"))).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_encoding_is_an_error_and_not_one_class()
    {
        using var folder = new Serialization.TempFolder();
        string path = folder.File("latin1.csv");
        File.WriteAllBytes(path, "1,\u00e9\n2,\u00e8\n"u8.ToArray());
        Assert.Equal(2, CsvDataset.Load(path).ClassNames.Count);
        File.WriteAllBytes(path, [.. "1,"u8, 0xE9, .. "\n2,"u8, 0xE8, .. "\n"u8]);
        string message = Assert.Throws<InvalidDataException>(() => CsvDataset.Load(path)).Message;
        Assert.Contains($"expected UTF-8, \"{path}\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_is_not_there_is_named()
    {
        CsvTable headed = CsvTable.Parse("a,b\n1,2\n", "t.csv"), bare = CsvTable.Parse("1,2\n", "t.csv");
        Check(headed, new CsvOptions { Label = "c" }, "the header has a, b");
        Check(bare, new CsvOptions { Label = "c" }, "the file has no header");
        Check(bare, new CsvOptions { LabelIndex = 2 }, "from 0 to 1, got 2");
        Check(bare, new CsvOptions { ClassNames = ["x"] },
            "expected one of the classes x, got \"2\" in row 1 (line 1), column 2");
        Assert.Throws<FileNotFoundException>(() => CsvDataset.Load("/no/such/file.csv"));

        static void Check(CsvTable table, CsvOptions options, string expected) =>
            Assert.Contains(
                expected, Assert.Throws<InvalidDataException>(() => CsvDataset.From(table, options)).Message,
                StringComparison.Ordinal);
    }
}
