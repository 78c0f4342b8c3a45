using System.Globalization;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Terminal;

/// <summary>How predictions are printed.</summary>
internal enum PredictionFormat
{
    /// <summary>A table for people.</summary>
    Text,

    /// <summary>A CSV table with every probability.</summary>
    Csv,

    /// <summary>A JSON object per line.</summary>
    Json,
}

/// <summary>What <c>predict</c> prints: a line per sample.</summary>
internal sealed class PredictionPrinter(TextWriter output, Preparation preparation, PredictionFormat format)
{
    private const int MostShown = 3;

    private readonly TextTable _table = preparation.IsClassification
        ? new TextTable("sample", "prediction", "probability", "others").Right(2).Wrap(0, 3)
        : new TextTable(["sample", .. preparation.TargetNames]).Wrap(0);

    public void Begin()
    {
        if (format != PredictionFormat.Csv) return;
        IEnumerable<string> columns = preparation.IsClassification
            ? ["prediction", .. preparation.ClassNames.Select(static name => $"p({name})")] : preparation.TargetNames;
        output.WriteLine(string.Join(',', columns.Prepend("sample").Select(Cell)));
    }

    public void Print(SampleSet set, Predictions predictions)
    {
        for (int i = 0; i < set.Count; i++)
        {
            string sample = set.NameOf(i);
            double[] row = predictions.Row(i).ToArray();
            string? predicted = preparation.IsClassification ? preparation.ClassNames[predictions.ClassOf(i)] : null;
            switch (format)
            {
                case PredictionFormat.Csv:
                    output.WriteLine(string.Join(',', (string[])[Cell(sample), .. predicted is null
                        ? Array.Empty<string>() : [Cell(predicted)], .. row.Select(Number)]));
                    break;
                case PredictionFormat.Json:
                    PrintJson(sample, predicted, row);
                    break;
                default:
                    AddRow(sample, predicted, row, predictions.ClassOf(i));
                    break;
            }
        }
    }

    public void End()
    {
        if (format != PredictionFormat.Text) return;
        Ink ink = Ink.ForOutput();
        foreach (string line in _table.Lines(ink.Width, ink, indent: "")) output.WriteLine(line);
    }

    private void AddRow(string sample, string? predicted, double[] row, int best)
    {
        if (predicted is null)
        {
            _table.Add([sample, .. row.Select(NumberText.Value)]);
            return;
        }

        IEnumerable<string> others = Enumerable.Range(0, row.Length).Where(c => c != best)
            .OrderByDescending(c => row[c]).Take(MostShown).Where(c => row[c] >= 0.001)
            .Select(c => $"{preparation.ClassNames[c]} {row[c]:0.000}");
        _table.Add(sample, predicted, $"{row[best]:0.000}", string.Join(", ", others));
    }

    private void PrintJson(string sample, string? predicted, double[] row) => JsonLine.Print(json =>
    {
        json.WriteString("sample", sample);
        if (predicted is not null) json.WriteString("prediction", predicted);
        json.WriteStartObject(predicted is null ? "prediction" : "probabilities");
        IReadOnlyList<string> names = predicted is null ? preparation.TargetNames : preparation.ClassNames;
        for (int c = 0; c < row.Length; c++) json.WriteNumber(names[c], row[c]);
        json.WriteEndObject();
    });

    private static string Number(double value) => value.ToString("G9", CultureInfo.InvariantCulture);

    private static string Cell(string text) =>
        text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
