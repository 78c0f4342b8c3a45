using Evenkeel.Tables;
using Xunit;

namespace Evenkeel.Tests.Tables;

/// <summary>Tables in memory, called t.csv.</summary>
internal static class TableTexts
{
    public const string Name = "t.csv";

    public static TableSchema Learn(string text, TableOptions? options = null) =>
        Learner.Learn(TableText.Of(text, Name), options ?? new TableOptions(), null, CancellationToken.None);

    public static TableDataset Load(this TableSchema schema, string text, string name) =>
        Loader.Load(TableText.Of(text, name), schema, hasTargets: true, CancellationToken.None);

    public static TableDataset LoadInputs(this TableSchema schema, string text, string name) =>
        Loader.Load(TableText.Of(text, name), schema, hasTargets: false, CancellationToken.None);

    public static TableDataset Load(string text, TableOptions? options = null) =>
        Learn(text, options).Load(text, Name);

    /// <summary>The message with which a table is refused.</summary>
    public static string Refused(string text, TableOptions? options = null) =>
        Assert.Throws<InvalidDataException>(() => Load(text, options)).Message;

    /// <summary>A table of some rows below a header.</summary>
    public static string Rows(string header, int count, Func<int, string> row) =>
        header + "\n" + string.Concat(Enumerable.Range(0, count).Select(i => row(i) + "\n"));

    public static TableColumn Column(this TableSchema schema, string name) =>
        schema.Columns.Single(column => column.Name == name);
}
