using Evenkeel.Data;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>Columns of numbers as the target of a table.</summary>
public sealed class CsvTargetTests
{
    private const string Houses = "area,price,rooms,rent\n50,210.5,2,800\n80,300,3,1200\n120,455,4,1500\n";

    [Theory]
    [InlineData(0, DType.Float32)]
    [InlineData(1, DType.Float64)]
    [InlineData(3, DType.Float32)]
    public void Columns_of_numbers_are_the_target(int workers, DType dtype)
    {
        CsvDataset one = Read(new CsvOptions { Targets = ["price"], Drop = ["rent"] });
        Assert.Equal((DType.Float32, new Shape(1), new Shape(2)), (one.TargetType, one.TargetShape, one.SampleShape));
        Assert.Equal(["price"], one.TargetNames);
        Assert.Equal(["area", "rooms"], one.FeatureNames);
        Assert.Empty(one.ClassNames);
        Assert.Equal([210.5f, 300, 455], one.Targets.ToArray<float>());

        CsvDataset two = Read(new CsvOptions { Targets = ["rent", "price"] });
        Assert.Equal(["rent", "price"], two.TargetNames);
        using var loader = new DataLoader(two, 3, workers: workers) { DType = dtype };
        Batch batch = loader.Select(static batch => batch.Clone()).Single();
        Assert.Equal((new Shape(3, 2), dtype), (batch.Targets.Shape, batch.Targets.DType));
        Assert.Equal([800, 210.5, 1200, 300, 1500, 455], batch.Targets.To(DType.Float64).ToArray<double>());
        Assert.Equal([50.0, 2, 80, 3, 120, 4], batch.Inputs.To(DType.Float64).ToArray<double>());
    }

    [Fact]
    public void Class_labels_stay_the_default_and_name_their_column()
    {
        CsvDataset set = CsvDataset.From(CsvTable.Parse("w,k\n1,a\n2,b\n", "t"));
        Assert.Equal((DType.Int64, 0), (set.TargetType, set.TargetShape.Rank));
        Assert.Equal(["k"], set.TargetNames);
    }

    [Fact]
    public void Named_targets_leave_no_guess_about_the_label()
    {
        CsvDataset set = Read(new CsvOptions { Targets = ["price"] });
        Assert.Equal(2, set.Guesses.Count);
        Assert.StartsWith("The separator is ','", set.Guesses[0], StringComparison.Ordinal);
        Assert.StartsWith("The first line names the columns: it holds \"price\"", set.Guesses[1],
            StringComparison.Ordinal);
        // A named column makes the first line a header, and a file without a header has columns by number.
        Assert.Equal(["2020"], CsvDataset.From(CsvTable.Parse("2019,2020\n5,3\n", "t",
            new CsvOptions { Targets = ["2020"] }), new CsvOptions { Targets = ["2020"] }).TargetNames);
        Assert.Equal([2.5f, 4],
            CsvDataset.From(CsvTable.Parse("1,2.5\n3,4\n", "t"), new CsvOptions { Targets = ["column 2"] })
                .Targets.ToArray<float>());
    }

    [Fact]
    public void Labels_that_look_like_a_quantity_point_to_Targets()
    {
        string text = "x,price\n" + string.Concat(Enumerable.Range(0, 40).Select(static i => $"{i % 7},{i}.5\n"));
        Message<InvalidDataException>(text, new CsvOptions(),
            "CsvDataset: expected labels that name classes, got others: column \"price\" of \"t\" has 40 different "
            + "numbers in 40 rows. They look like a quantity to predict (regression): name the column in Targets. If "
            + "another column is the label, choose it with Label or LabelIndex. If each is a class, set MaxClasses to "
            + "40 or more.");
        Assert.Equal(40, CsvDataset.From(CsvTable.Parse(text, "t"), new CsvOptions { Targets = ["price"] }).Count);
    }

    [Fact]
    public void Wrong_targets_are_refused_with_their_place()
    {
        Message<InvalidDataException>("a,y\n1,2\n3,cheap\n", new CsvOptions { Targets = ["y"] },
            "CsvDataset: expected a number, got \"cheap\" in row 2 (line 3), column 2 \"y\" of \"t\". If the column "
            + "\"y\" holds classes, name it in Label and not in Targets; if the cell means a missing value, name it in "
            + "MissingValues.");
        Message<InvalidDataException>("a,y\n1,2\n3,1e300\n", new CsvOptions { Targets = ["y"] },
            "CsvDataset: expected a number, got \"1e300\", which Float32 cannot hold, in row 2 (line 3), column 2 "
            + "\"y\" of \"t\". If the column \"y\" holds classes, name it in Label and not in Targets; if the cell "
            + "means a missing value, name it in MissingValues.");
        Message<InvalidDataException>("a,y\n1,2\n3,NA\n", new CsvOptions { Targets = ["y"] },
            "CsvDataset: expected a number, got \"NA\", which means a missing value in row 2 (line 3), column 2 \"y\" "
            + "of \"t\". Fill it in, leave out such rows with Missing = DropRow. If it is a value, name the missing "
            + "values in MissingValues.");
        CsvDataset dropped = CsvDataset.From(CsvTable.Parse("a,y\n1,2\n3,NA\n", "t"),
            new CsvOptions { Targets = ["y"], Missing = MissingValue.DropRow });
        Assert.Equal([2f], dropped.Targets.ToArray<float>());
        Message<InvalidDataException>(Houses, new CsvOptions { Targets = ["cost"] },
            "CsvDataset: expected a column \"cost\" for a target in \"t\", found none: the header has area, price, "
            + "rooms, rent.");
        Message<InvalidDataException>("y\n1.5\n2.5\n", new CsvOptions { Targets = ["y"] },
            "CsvDataset: expected at least one feature beside the target \"y\", \"t\" has none. Is ',' the separator?");
        Message<ArgumentException>(Houses, new CsvOptions { Targets = [] },
            "CsvDataset: expected the names of the target columns, got an empty list in Targets. Null takes the class "
            + "labels of one column. (Parameter 'options')");
        Message<ArgumentException>(Houses, new CsvOptions { Targets = ["price", "price"] },
            "CsvDataset: expected each target once, got \"price\" twice in Targets. (Parameter 'options')");
        Message<ArgumentException>(Houses, new CsvOptions { Targets = ["price"], Drop = ["price"] },
            "CsvDataset: expected other columns in Targets than those to drop, got \"price\" for both. "
            + "(Parameter 'options')");
        Message<ArgumentException>(Houses, new CsvOptions { Targets = ["price"], Features = ["area", "price"] },
            "CsvDataset: expected each column to be one of target, feature and dropped, got \"price\" as two of them. "
            + "Take it out of Features, Targets or Drop. (Parameter 'options')");
        CsvOptions[] both =
        [
            new() { Targets = ["price"], Label = "rent" }, new() { Targets = ["price"], LabelIndex = 3 },
            new() { Targets = ["price"], ClassNames = ["a"] }, new() { Targets = ["price"], MaxClasses = 3 },
        ];
        foreach ((CsvOptions options, string other) in
            both.Zip((string[])["Label", "LabelIndex", "ClassNames", "MaxClasses"]))
        {
            Message<ArgumentException>(Houses, options,
                "CsvDataset: expected numbers (Targets) or class labels as the target, got Targets and "
                + $"{other}. Leave out one of them. (Parameter 'options')");
        }
    }

    private static void Message<TException>(string text, CsvOptions options, string message)
        where TException : Exception =>
        DatasetSourcesTests.AssertMessage<TException>(
            () => CsvDataset.From(CsvTable.Parse(text, "t", options), options), message);

    private static CsvDataset Read(CsvOptions options) =>
        CsvDataset.From(CsvTable.Parse(Houses, "t", options), options);
}
